//! Where the code of a frame comes from: the program's own crates, a dependency, std, an async runtime, or C.

mod crate_name;
mod crates;
mod decide;
mod source_path;

pub use decide::own_frame;
pub(crate) use source_path::shown_path;

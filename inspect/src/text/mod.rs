//! Text formatting for all answers: text that is safe on a terminal, human-readable numbers, values that may be
//! missing, names of system calls. It does not depend on the modules that make answers and reports.

mod columns;
mod descriptors;
mod elided;
mod escaping;
pub mod known;
mod left_out;
mod printable;
pub mod system_call;
mod units;

pub use columns::{WIDEST_COLUMN, width};
pub use descriptors::few_left;
pub(crate) use elided::without_arguments;
pub use elided::{elided_to, shown_name};
pub use escaping::{Escaping, write_json};
pub(crate) use left_out::reason;
pub use printable::{escape, is_unprintable, label};
pub use rgops_pprof::moment::utc;
pub use units::{bytes, bytes_short, counted, duration, hex};

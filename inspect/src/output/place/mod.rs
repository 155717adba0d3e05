//! The location of a file, on this system.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod reached;
#[cfg(unix)]
mod trust;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod walk;

#[cfg(not(unix))]
pub(super) use other::Place;
#[cfg(not(unix))]
pub use other::{make_directory, remove_unfinished};
#[cfg(unix)]
pub use reached::make_directory;
#[cfg(unix)]
pub(crate) use reached::open_named;
#[cfg(unix)]
pub(super) use reached::{make_in, reach};
#[cfg(unix)]
pub(super) use unix::Place;
#[cfg(unix)]
pub use unix::remove_unfinished;

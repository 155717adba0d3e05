//! The location of a file, on this system.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod trust;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod walk;

#[cfg(not(unix))]
pub(super) use other::Place;
#[cfg(not(unix))]
pub use other::remove_unfinished;
#[cfg(unix)]
pub(super) use unix::Place;
#[cfg(unix)]
pub use unix::remove_unfinished;

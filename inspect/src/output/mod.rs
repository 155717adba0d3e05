//! The file that a command writes. Its location is found, checked and opened before an agent is asked, so that no
//! data is collected that cannot be saved. The file appears under its name when it is complete, or not at all.
//!
//! * A link is followed and the path of its target is reported. A link that another user made or can replace is not
//!   followed, wherever it is in the path: that user can change its target at any time.
//! * Only a regular file is ever replaced, and only if requested. The existing file is checked again at the end.
//! * Until then the file has no name (`O_TMPFILE` of open(2)), so nothing is left of it however the process ends.
//!   If the file system does not support that, the file has a private name in the same directory;
//!   [`remove_unfinished`] is for exits that do not run destructors.
//! * It is readable only by its owner (mode 0600), even if it replaces a file that others could read.
//! * An error while writing is kept until the end ([`OutputFile::keep`]), so that a command can still print its
//!   report.

mod error;
mod file;
mod numbered;
mod place;
mod private;
#[cfg(test)]
mod tests;

pub use error::{NotAFile, OutputError, Reason};
pub use file::OutputFile;
pub use numbered::Numbered;
#[cfg(unix)]
pub(crate) use place::open_named;
pub use place::{make_directory, remove_unfinished};
pub use private::open_private;

//! The file a command writes. Its place is found, checked and opened before an agent is asked, so that no
//! time is spent on what has nowhere to go; it appears under its name when it is whole, or not at all.
//!
//! * A link is followed to its file and the file's own path is told, but a link that another user made, or
//!   can replace, is not, wherever it stands in the path: that user decides where it leads at any moment.
//! * Only a regular file is ever replaced, and only when that was asked for. What is there is looked at
//!   again in the end.
//! * Until then the file has no name (`O_TMPFILE` of open(2)), so nothing is left of it however the process
//!   ends. Where a file system cannot do that, it has a private name beside its place; [`remove_unfinished`]
//!   is for ways out that drop nothing.
//! * It is readable by its owner only (mode 0600), also when it replaces one that others could read.
//! * What goes wrong while it is written is kept for the end ([`OutputFile::keep`]): whoever writes has more
//!   to tell than the file.

mod error;
mod file;
mod numbered;
mod place;
#[cfg(test)]
mod tests;

pub use error::{NotAFile, OutputError, Reason};
pub use file::OutputFile;
pub use numbered::Numbered;
pub use place::remove_unfinished;

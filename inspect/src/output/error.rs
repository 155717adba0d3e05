//! Why a file could not be written, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", path.display())]
#[non_exhaustive]
pub struct OutputError {
    /// The file, links followed as far as that got.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub reason: Reason,
}

/// Why a file could not be written there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is there, and was not to be replaced.
    #[error("the file exists")]
    Exists,
    /// What is there is no regular file; that is never replaced.
    #[error("{0}")]
    NotAFile(NotAFile),
    /// A link of another user, who decides where it leads.
    #[error("{} a link of uid {uid}, who decides where it leads", link_is(link.as_deref()))]
    ForeignLink {
        /// The link, when it is not the file itself but a directory on the way.
        link: Option<PathBuf>,
        /// Whose link it is.
        uid: u32,
        /// The path without the link, as it leads at this moment.
        leads_to: PathBuf,
    },
    /// A link that other users can replace: they decide where it leads.
    #[error("{} a link in a directory in which other users can replace it", link_is(link.as_deref()))]
    ReplaceableLink {
        /// The link, when it is not the file itself but a directory on the way.
        link: Option<PathBuf>,
        /// The path without the link, as it leads at this moment.
        leads_to: PathBuf,
    },
    /// Something else took the place meanwhile.
    #[error("something else is there since the command began; the file was kept as {}", kept.display())]
    KeptBeside {
        /// Where the file is.
        kept: PathBuf,
    },
    /// What the system said.
    #[error("{0}")]
    System(io::Error),
}

/// What is no regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAFile {
    /// A directory, or a name that can only be one.
    #[error("it is a directory")]
    Directory,
    /// A character or block device.
    #[error("it is a device")]
    Device,
    /// A FIFO.
    #[error("it is a pipe")]
    Pipe,
    /// A socket.
    #[error("it is a socket")]
    Socket,
    /// `/dev/stdout`, `/dev/fd/N`, `/proc/self/fd/N`.
    #[error("it is an open file of this process")]
    Descriptor,
    /// Anything else.
    #[error("it is no regular file")]
    Other,
}

impl OutputError {
    /// What mends it.
    pub fn fix(&self) -> String {
        match &self.reason {
            Reason::Exists => "pass --force to replace it, or another --output".to_owned(),
            Reason::NotAFile(NotAFile::Directory) => "pass --output with the name of a file in it".to_owned(),
            Reason::NotAFile(NotAFile::Device | NotAFile::Pipe) => {
                format!("have the shell write there: --output - > {}", quoted(&self.path))
            }
            Reason::NotAFile(NotAFile::Descriptor) => "pass --output - for standard output".to_owned(),
            Reason::NotAFile(NotAFile::Socket | NotAFile::Other) => "pass another --output".to_owned(),
            Reason::ForeignLink { leads_to, .. } | Reason::ReplaceableLink { leads_to, .. } => {
                format!("if you mean the file it leads to now, name that: --output {}", quoted(leads_to))
            }
            Reason::KeptBeside { .. } => "rename it, or choose another --output the next time".to_owned(),
            Reason::System(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    "make the directory first, or pass --output with a place that exists"
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "pass --output with a place this user can write"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room there, or pass --output with a place that has some"
                }
                io::ErrorKind::FileTooLarge => "raise the limit of the shell (ulimit -f)",
                _ => "pass --output with another place",
            }
            .to_owned(),
        }
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Reason {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Reason::Exists,
            _ => Reason::System(error),
        }
    }
}

/// How a sentence about a link begins.
fn link_is(link: Option<&Path>) -> String {
    link.map_or_else(|| "it is".to_owned(), |link| format!("{} is", link.display()))
}

/// The path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:,@%".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

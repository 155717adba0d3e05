//! Why a file could not be written, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", path.display())]
#[non_exhaustive]
pub struct OutputError {
    /// The file, with links followed as far as possible.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub reason: Reason,
}

/// The reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file exists and must not be replaced.
    #[error("the file already exists")]
    Exists,
    /// The path is not a regular file; that is never replaced.
    #[error("{0}")]
    NotAFile(NotAFile),
    /// A link of another user, who can change its target.
    #[error("{} a symbolic link of uid {uid}, who can change its target", link_is(link.as_deref()))]
    ForeignLink {
        /// The link, if it is a directory in the path and not the file itself.
        link: Option<PathBuf>,
        /// Owner of the link.
        uid: u32,
        /// The path with the current target of the link.
        leads_to: PathBuf,
    },
    /// A link that other users can replace, so they decide its target.
    #[error("{} a symbolic link in a directory where other users can replace it", link_is(link.as_deref()))]
    ReplaceableLink {
        /// The link, if it is a directory in the path and not the file itself.
        link: Option<PathBuf>,
        /// The path with the current target of the link.
        leads_to: PathBuf,
    },
    /// The path was taken in the meantime.
    #[error("the path was taken after the command started; the file was saved as {}", kept.display())]
    KeptBeside {
        /// Where the file was saved.
        kept: PathBuf,
    },
    /// The error of the system.
    #[error("{0}")]
    System(io::Error),
}

/// Kinds of paths that are not regular files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAFile {
    /// A directory, or a name that can only be a directory.
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
    #[error("it is not a regular file")]
    Other,
}

impl OutputError {
    /// The fix.
    pub fn fix(&self) -> String {
        match &self.reason {
            Reason::Exists => "pass --force to replace it, or another --output".to_owned(),
            Reason::NotAFile(NotAFile::Directory) => "pass --output with the name of a file in it".to_owned(),
            Reason::NotAFile(NotAFile::Device | NotAFile::Pipe) => {
                format!("redirect in the shell: --output - > {}", quoted(&self.path))
            }
            Reason::NotAFile(NotAFile::Descriptor) => "pass --output - for standard output".to_owned(),
            Reason::NotAFile(NotAFile::Socket | NotAFile::Other) => "pass another --output".to_owned(),
            Reason::ForeignLink { leads_to, .. } | Reason::ReplaceableLink { leads_to, .. } => {
                format!("if its current target is the file you want, name it: --output {}", quoted(leads_to))
            }
            Reason::KeptBeside { .. } => "rename it, or pass another --output next time".to_owned(),
            Reason::System(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    "create the directory first, or pass --output with a path in an existing directory"
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "pass --output with a path that this user can write"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space there, or pass --output on another file system"
                }
                io::ErrorKind::FileTooLarge => "raise the limit of the shell (ulimit -f)",
                _ => "pass another --output",
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

/// The start of a sentence about a link.
fn link_is(link: Option<&Path>) -> String {
    link.map_or_else(|| "it is".to_owned(), |link| format!("{} is", link.display()))
}

/// The path, quoted for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:,@%".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

//! Directories that are reached through no link of another user: to read a file that somebody else named, and to make
//! directories.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, fstat, openat};

use super::trust::Asking;
use super::walk::walk;
use crate::output::error::{NotAFile, OutputError, Reason};

/// Opens the file at `path` with `flags`. No link leads there that another user controls, none of the kernel, and the
/// last name is no link; nor is the file one to which another user gave this name.
///
/// # Errors
/// When there is no file, or the reason why it is not opened.
pub(crate) fn open_named(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let asking = Asking { passes_proc: false, ..Asking::now() };
    let end = walk(path, asking, false).map_err(|error| reading(error.reason))?;
    let file = openat(&end.directory, end.name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    match asking.may_be_planted(&fstat(&file)?, &fstat(&end.directory)?) {
        false => Ok(file),
        true => Err(refused("it has a second name, and another user can write its directory".to_owned())),
    }
}

/// Makes the directory and those above it that are missing, only for their owner (0700), through no link that another
/// user controls. It may exist.
///
/// # Errors
/// When it cannot be made, or is reached through such a link.
pub fn make_directory(directory: &Path) -> io::Result<()> {
    // The last name of a walk is only looked at.
    reach(&directory.join("file")).map(drop)
}

/// The directory that contains `path`, made like that of [`make_directory`], and the last name of `path`.
pub(in crate::output) fn reach(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let path: PathBuf = path.components().collect();
    let end = walk(&path, Asking { makes: true, ..Asking::now() }, false).map_err(writing)?;
    Ok((end.directory, end.name))
}

/// Makes the directory `name`, only for its owner, unless it exists.
pub(in crate::output) fn make_in(directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match rustix::fs::mkdirat(directory, name, Mode::RWXU) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        made => Ok(made?),
    }
}

fn writing(error: OutputError) -> io::Error {
    match error.reason {
        Reason::System(error) => error,
        reason => refused(reason.to_string()),
    }
}

fn reading(reason: Reason) -> io::Error {
    match reason {
        Reason::System(error) => error,
        Reason::NotAFile(NotAFile::Descriptor) => refused("a link of the kernel leads to it".to_owned()),
        Reason::NotAFile(_) => refused("it is not a regular file".to_owned()),
        reason => refused(reason.to_string()),
    }
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

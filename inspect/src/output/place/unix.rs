//! The location of a file on Unix: its directory, which is held open, and its name there. No path is resolved again
//! after that, so no other process can redirect it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::trust::Asking;
use super::walk::{End, walk};
use crate::output::error::{NotAFile, OutputError, Reason};

/// Readable and writable only by its owner.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The directories and names of incomplete files that have a name.
static UNFINISHED: Mutex<Vec<(OwnedFd, OsString)>> = Mutex::new(Vec::new());

/// Removes the incomplete files of this process that have a name. For exits that do not run destructors.
pub fn remove_unfinished() {
    for (directory, name) in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
}

/// A directory and a name in it.
#[derive(Debug)]
pub(crate) struct Place {
    directory: OwnedFd,
    name: OsString,
    /// Path of the directory, for messages.
    told: PathBuf,
    unfinished: Option<Unfinished>,
}

/// An open file that does not have its final name.
#[derive(Debug)]
enum Unfinished {
    /// It has no name; the descriptor is used to give it one.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has files without a name"))]
    Nameless(OwnedFd),
    /// It has this name in the directory.
    Named(OsString, OwnedFd),
}

impl Place {
    /// Follows `path` to its end. Also returns whether a regular file is there.
    pub(crate) fn find(path: &Path) -> Result<(Place, bool), OutputError> {
        let (place, found) = Place::at(walk(path, Asking::now(), true)?);
        match only_regular(found.as_ref()) {
            Ok(()) => Ok((place, found.is_some())),
            Err(reason) => Err(OutputError { path: place.path(), reason }),
        }
    }

    /// The location itself. Also returns whether anything is there, including a link.
    pub(crate) fn find_unfollowed(path: &Path) -> Result<(Place, bool), OutputError> {
        let (place, found) = Place::at(walk(path, Asking::now(), false)?);
        Ok((place, found.is_some()))
    }

    fn at(end: End) -> (Place, Option<Stat>) {
        let End { directory, told, name, found } = end;
        (Place { directory, name, told, unfinished: None }, found)
    }

    /// The status of the file with this name.
    fn look(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The final path.
    pub(crate) fn path(&self) -> PathBuf {
        self.told.join(&self.name)
    }

    /// Opens a new file that does not yet have its final name.
    pub(crate) fn open(&mut self) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        if let Some(file) = self.open_nameless()? {
            self.unfinished = Some(Unfinished::Nameless(file.try_clone()?.into()));
            return Ok(file);
        }
        self.open_named()
    }

    /// `None` if the file system does not support files without names, or they could not get one later.
    #[cfg(target_os = "linux")]
    fn open_nameless(&self) -> io::Result<Option<File>> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.directory, c".", flags, MODE) {
            Ok(file) => {
                let is_reachable = is_same(
                    &rustix::fs::fstat(&file)?,
                    rustix::fs::stat(descriptor_path(&file)).ok().as_ref(),
                );
                Ok(is_reachable.then(|| file.into()))
            }
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same under a private name. Also for tests: this is used on file systems without nameless files.
    pub(crate) fn open_named(&mut self) -> io::Result<File> {
        let name = private_name()?;
        let directory = self.directory.try_clone()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.directory, &*name, flags, MODE)?);
        set_unfinished(directory, &name);
        self.unfinished = Some(Unfinished::Named(name, file.try_clone()?.into()));
        Ok(file)
    }

    /// Gives the file its name.
    pub(crate) fn publish(&mut self, replace: bool) -> Result<(), Reason> {
        let name = self.name.clone();
        match replace {
            true => self.publish_over(&name),
            false => self.publish_new(&name).map_err(Reason::from),
        }
    }

    /// Gives the file the first free one of these names, and returns its path.
    pub(crate) fn publish_beside(&mut self, names: impl Iterator<Item = OsString>) -> Option<PathBuf> {
        for name in names {
            match self.publish_new(&name) {
                Ok(()) => {
                    self.name = name;
                    return Some(self.path());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Fails if the name is taken.
    fn publish_new(&mut self, name: &OsStr) -> io::Result<()> {
        match &self.unfinished {
            None => return Err(io::ErrorKind::NotFound.into()),
            Some(Unfinished::Nameless(file)) => self.link(file, name)?,
            Some(Unfinished::Named(own, file)) => {
                self.is_still(own, file)?;
                self.rename_new(own, name)?;
            }
        }
        self.forget_name();
        Ok(())
    }

    /// Replaces a regular file of that name.
    fn publish_over(&mut self, name: &OsStr) -> Result<(), Reason> {
        if let Some(Unfinished::Nameless(file)) = &self.unfinished {
            let own = private_name()?;
            let (directory, file) = (self.directory.try_clone()?, file.try_clone()?);
            self.link(&file, &own)?;
            set_unfinished(directory, &own);
            self.unfinished = Some(Unfinished::Named(own, file));
        }
        let Some(Unfinished::Named(own, file)) = &self.unfinished else {
            return Err(Reason::System(io::ErrorKind::NotFound.into()));
        };
        self.is_still(own, file)?;
        only_regular(self.look(name)?.as_ref())?;
        rustix::fs::renameat(&self.directory, &**own, &self.directory, name).map_err(io::Error::from)?;
        self.forget_name();
        Ok(())
    }

    fn link(&self, file: &OwnedFd, name: &OsStr) -> io::Result<()> {
        let (from, flags) = (descriptor_path(file), AtFlags::SYMLINK_FOLLOW);
        Ok(rustix::fs::linkat(rustix::fs::CWD, from, &self.directory, name, flags)?)
    }

    /// Checks that the private name is still our file: in a directory that others can write, it may have been
    /// replaced.
    fn is_still(&self, own: &OsStr, file: &OwnedFd) -> io::Result<()> {
        match is_same(&rustix::fs::fstat(file)?, self.look(own)?.as_ref()) {
            true => Ok(()),
            false => Err(io::Error::other("another user replaced it while it was written")),
        }
    }

    fn rename_new(&self, own: &OsStr, name: &OsStr) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(&self.directory, own, &self.directory, name, flags) {
                // Not every file system supports it.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                result => return Ok(result?),
            }
        }
        // Reserve the name with an empty file, which only one process can create, and then replace that.
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, MODE)?;
        rustix::fs::renameat(&self.directory, own, &self.directory, name).inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
        })?;
        Ok(())
    }

    /// Removes the incomplete file.
    pub(crate) fn forget(&mut self) {
        if let Some(Unfinished::Named(own, file)) = &self.unfinished
            && self.is_still(own, file).is_ok()
        {
            let _ = rustix::fs::unlinkat(&self.directory, &**own, AtFlags::empty());
        }
        self.forget_name();
    }

    /// It no longer has a private name.
    fn forget_name(&mut self) {
        if let Some(Unfinished::Named(own, _)) = self.unfinished.take() {
            let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
            unfinished.retain(|(_, name)| *name != own);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.forget();
    }
}

fn set_unfinished(directory: OwnedFd, name: &OsStr) {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.push((directory, name.to_owned()));
}

/// A unique name that cannot be guessed.
fn private_name() -> io::Result<OsString> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!(".rgops-{}-{:016x}.new", std::process::id(), u64::from_ne_bytes(random)).into())
}

fn descriptor_path(file: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

fn is_same(one: &Stat, other: Option<&Stat>) -> bool {
    other.is_some_and(|other| (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

fn file_type(found: &Stat) -> FileType {
    FileType::from_raw_mode(found.st_mode)
}

fn only_regular(found: Option<&Stat>) -> Result<(), Reason> {
    Err(Reason::NotAFile(match found.map(file_type) {
        None | Some(FileType::RegularFile) => return Ok(()),
        Some(FileType::Directory) => NotAFile::Directory,
        Some(FileType::CharacterDevice | FileType::BlockDevice) => NotAFile::Device,
        Some(FileType::Fifo) => NotAFile::Pipe,
        Some(FileType::Socket) => NotAFile::Socket,
        Some(_) => NotAFile::Other,
    }))
}

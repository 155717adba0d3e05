//! A file's place on Unix: its directory, held open, and its name in there. Nothing is looked up by a path
//! again after that, so nobody can have it lead elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::output::error::{NotAFile, OutputError, Reason};

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// Readable and writable by its owner only.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Paths of files that have a name but are not whole.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the files of this process that are not whole and have a name all the same; for ways out on which
/// nothing is dropped.
pub fn remove_unfinished() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = std::fs::remove_file(path);
    }
}

/// A directory and a name in it.
#[derive(Debug)]
pub(crate) struct Place {
    directory: OwnedFd,
    name: OsString,
    /// The directory as it is told to people.
    told: PathBuf,
    unfinished: Option<Unfinished>,
}

/// What was opened and is not in its place.
#[derive(Debug)]
enum Unfinished {
    /// It has no name; a descriptor of it to give it one.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has files without a name"))]
    Nameless(OwnedFd),
    /// It has this name in the directory.
    Named(OsString, OwnedFd),
}

impl Place {
    /// Follows `path` to its end; also whether a regular file is there.
    pub(crate) fn find(path: &Path) -> Result<(Place, bool), OutputError> {
        let mut path = path.to_owned();
        for links in 0..=MAX_LINKS {
            let failed = |reason| OutputError { path: path.clone(), reason };
            let mut place = Place::open_directory(&path).map_err(failed)?;
            let found = place.look(&place.name).map_err(|error| failed(error.into()))?;
            let link = match found {
                Some(found) if file_type(&found) == FileType::Symlink => found,
                found => {
                    if links > 0 {
                        // Not the path that was given: the one that everybody can check.
                        if let Ok(real) = directory_path(&place.told).canonicalize() {
                            place.told = real;
                        }
                    }
                    only_regular(found.as_ref()).map_err(failed)?;
                    return Ok((place, found.is_some()));
                }
            };
            let leads_to = place.follow(&link).map_err(failed)?;
            path = place.told.join(leads_to);
        }
        Err(OutputError { path, reason: Reason::System(Errno::LOOP.into()) })
    }

    /// The place itself; also whether anything is there, a link included.
    pub(crate) fn find_unfollowed(path: &Path) -> Result<(Place, bool), OutputError> {
        let failed = |reason| OutputError { path: path.to_owned(), reason };
        let place = Place::open_directory(path).map_err(failed)?;
        let exists = place.look(&place.name).map_err(|error| failed(error.into()))?.is_some();
        Ok((place, exists))
    }

    fn open_directory(path: &Path) -> Result<Place, Reason> {
        let name = match path.file_name() {
            Some(name) if !path.as_os_str().as_bytes().ends_with(b"/") => name.to_owned(),
            _ if path.as_os_str().is_empty() => return Err(Reason::System(io::ErrorKind::NotFound.into())),
            _ => return Err(Reason::NotAFile(NotAFile::Directory)),
        };
        let told = path.parent().unwrap_or(Path::new("")).to_owned();
        // Such a descriptor needs no right to list the directory.
        #[cfg(target_os = "linux")]
        let way = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        let way = OFlags::RDONLY;
        let directory =
            rustix::fs::open(directory_path(&told), way | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .map_err(io::Error::from)?;
        Ok(Place { directory, name, told, unfinished: None })
    }

    /// What has this name.
    fn look(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where the link with our name leads, if we may follow it.
    fn follow(&self, link: &Stat) -> Result<PathBuf, Reason> {
        let failed = |error: Errno| Reason::System(error.into());
        if self.is_in_proc().map_err(failed)? {
            // Its text does not say where it leads, and what it leads to is open already.
            return Err(Reason::NotAFile(NotAFile::Descriptor));
        }
        let leads_to = rustix::fs::readlinkat(&self.directory, &*self.name, Vec::new()).map_err(failed)?;
        let leads_to = PathBuf::from(OsString::from_vec(leads_to.into_bytes()));
        if link.st_uid != 0 && link.st_uid != rustix::process::geteuid().as_raw() {
            return Err(Reason::ForeignLink { uid: link.st_uid, leads_to: self.told.join(leads_to) });
        }
        Ok(leads_to)
    }

    #[cfg(target_os = "linux")]
    fn is_in_proc(&self) -> Result<bool, Errno> {
        Ok(rustix::fs::fstatfs(&self.directory)?.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    /// `/dev/fd/N` is a device elsewhere, not a link.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    fn is_in_proc(&self) -> Result<bool, Errno> {
        Ok(false)
    }

    /// Where the file goes.
    pub(crate) fn path(&self) -> PathBuf {
        self.told.join(&self.name)
    }

    /// Opens a new file that is not yet there under its name.
    pub(crate) fn open(&mut self) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        if let Some(file) = self.open_nameless()? {
            self.unfinished = Some(Unfinished::Nameless(file.try_clone()?.into()));
            return Ok(file);
        }
        self.open_named()
    }

    /// `None` where the file system does not have files without names, or they could not get one later.
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

    /// The same under a private name. Also for tests: the way of file systems that cannot do the other.
    pub(crate) fn open_named(&mut self) -> io::Result<File> {
        let name = private_name()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.directory, &*name, flags, MODE)?);
        self.set_named(name, file.try_clone()?.into());
        Ok(file)
    }

    fn set_named(&mut self, name: OsString, file: OwnedFd) {
        let directory = directory_path(&self.told);
        let path = directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).join(&name);
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        self.unfinished = Some(Unfinished::Named(name, file));
    }

    /// Gives the file its name.
    pub(crate) fn publish(&mut self, replace: bool) -> Result<(), Reason> {
        let name = self.name.clone();
        match replace {
            true => self.publish_over(&name),
            false => self.publish_new(&name).map_err(Reason::from),
        }
    }

    /// Gives the file the first of these names that is free; where it is then.
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

    /// Only if nothing has that name.
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

    /// Also if a regular file has that name.
    fn publish_over(&mut self, name: &OsStr) -> Result<(), Reason> {
        if let Some(Unfinished::Nameless(file)) = &self.unfinished {
            let own = private_name()?;
            self.link(file, &own)?;
            let file = file.try_clone()?;
            self.set_named(own, file);
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

    /// In a directory in which others may do as they like, the private name may be another file's by now.
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
                // Not every file system can.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                result => return Ok(result?),
            }
        }
        // An empty file of ours takes the name, which only one can do, and is then replaced.
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, MODE)?;
        rustix::fs::renameat(&self.directory, own, &self.directory, name).inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
        })?;
        Ok(())
    }

    /// Gives up what is not in its place.
    pub(crate) fn forget(&mut self) {
        if let Some(Unfinished::Named(own, file)) = &self.unfinished
            && self.is_still(own, file).is_ok()
        {
            let _ = rustix::fs::unlinkat(&self.directory, &**own, AtFlags::empty());
        }
        self.forget_name();
    }

    /// It has no private name any more.
    fn forget_name(&mut self) {
        if let Some(Unfinished::Named(own, _)) = self.unfinished.take() {
            let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
            unfinished.retain(|path| path.file_name() != Some(&own));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The parent of a bare name is an empty path.
fn directory_path(told: &Path) -> &Path {
    if told.as_os_str().is_empty() { Path::new(".") } else { told }
}

/// A name nobody can guess, and that no other file has.
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

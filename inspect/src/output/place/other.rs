//! The location of a file on systems other than Unix: a path, and a private name in the same directory.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::output::error::{NotAFile, OutputError, Reason};

/// Paths of incomplete files.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the incomplete files of this process. For exits that do not run destructors.
pub fn remove_unfinished() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = fs::remove_file(path);
    }
}

/// Makes the directory and those above it that are missing. It may exist.
///
/// # Errors
/// When it cannot be made.
pub fn make_directory(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

/// A path, and the path of the file until it is complete.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    unfinished: Option<PathBuf>,
}

impl Place {
    /// Follows `path` to its end. Also returns whether a regular file is there.
    pub(crate) fn find(path: &Path) -> Result<(Place, bool), OutputError> {
        let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        let path = match is_link {
            true => path
                .canonicalize()
                .map_err(|error| OutputError { path: path.to_owned(), reason: Reason::System(error) })?,
            false => path.to_owned(),
        };
        let exists = only_regular(&path).map_err(|reason| OutputError { path: path.clone(), reason })?;
        Ok((Place { path, unfinished: None }, exists))
    }

    /// The location itself. Also returns whether anything is there.
    pub(crate) fn find_unfollowed(path: &Path) -> Result<(Place, bool), OutputError> {
        let exists = path.symlink_metadata().is_ok();
        Ok((Place { path: path.to_owned(), unfinished: None }, exists))
    }

    /// The final path.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Opens a new file that does not yet have its final name.
    pub(crate) fn open(&mut self) -> io::Result<File> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = format!(".rgops-{}-{:016x}.new", std::process::id(), u64::from_ne_bytes(random));
        let path = self.path.with_file_name(name);
        let file = File::options().write(true).create_new(true).open(&path)?;
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        self.unfinished = Some(path);
        Ok(file)
    }

    /// Gives the file its name.
    pub(crate) fn publish(&mut self, replace: bool) -> Result<(), Reason> {
        let path = self.path.clone();
        if !replace {
            return self.publish_new(&path).map_err(Reason::from);
        }
        only_regular(&path)?;
        self.rename(&path).map_err(Reason::from)
    }

    /// Gives the file the first free one of these names, and returns its path.
    pub(crate) fn publish_beside(&mut self, mut names: impl Iterator<Item = OsString>) -> Option<PathBuf> {
        names.find_map(|name| {
            let path = self.path.with_file_name(name);
            self.publish_new(&path).is_ok().then_some(path)
        })
    }

    /// Reserves the name with an empty file, which only one process can create, and then replaces that.
    fn publish_new(&mut self, path: &Path) -> io::Result<()> {
        drop(File::options().write(true).create_new(true).open(path)?);
        self.rename(path).inspect_err(|_| {
            let _ = fs::remove_file(path);
        })
    }

    fn rename(&mut self, path: &Path) -> io::Result<()> {
        let from = self.unfinished.as_ref().ok_or(io::ErrorKind::NotFound)?;
        fs::rename(from, path)?;
        self.forget_name();
        Ok(())
    }

    /// Removes the incomplete file.
    pub(crate) fn forget(&mut self) {
        if let Some(path) = &self.unfinished {
            let _ = fs::remove_file(path);
        }
        self.forget_name();
    }

    fn forget_name(&mut self) {
        let own = self.unfinished.take();
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| Some(path) != own.as_ref());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Whether a regular file is there.
fn only_regular(path: &Path) -> Result<bool, Reason> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => Ok(true),
        Ok(found) if found.is_dir() => Err(Reason::NotAFile(NotAFile::Directory)),
        Ok(_) => Err(Reason::NotAFile(NotAFile::Other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Reason::System(error)),
    }
}

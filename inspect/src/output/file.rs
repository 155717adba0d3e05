//! A file that is being written.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::{OutputError, Reason};
use super::numbered::Numbered;
use super::place::Place;

/// Maximum other names to try if the intended name is taken.
const MAX_OTHER_NAMES: u32 = 999;

/// A file that is being written.
#[derive(Debug)]
pub struct OutputFile {
    /// The writer; `None` after an error.
    pub(super) out: Option<BufWriter<File>>,
    /// The final location.
    pub(super) place: Place,
    name: Name,
    /// Maximum size of a file of this process, and the bytes written so far.
    pub(super) limit_bytes: u64,
    written_bytes: u64,
    failed: Option<io::Error>,
}

/// The name of the file.
#[derive(Debug)]
enum Name {
    /// The requested name.
    Given { replace: bool },
    /// The first free name.
    Free(Numbered),
}

impl OutputFile {
    /// Opens the location of `path`. An existing file is refused unless `replace`.
    ///
    /// # Errors
    /// When the file must not or cannot be written there: see [`Reason`].
    pub fn create(path: &Path, replace: bool) -> Result<OutputFile, OutputError> {
        let (place, exists) = Place::find(path)?;
        if exists && !replace {
            return Err(OutputError { path: place.path(), reason: Reason::Exists });
        }
        OutputFile::open(place, Name::Given { replace })
    }

    /// Opens the location of a new file in `directory`, which gets the first free one of the names.
    ///
    /// # Errors
    /// As [`OutputFile::create`].
    pub fn create_free(directory: &Path, names: Numbered) -> Result<OutputFile, OutputError> {
        let mut path = directory.to_owned();
        for number in 1..=MAX_OTHER_NAMES {
            path = directory.join(names.name(number));
            if let (place, false) = Place::find_unfollowed(&path)? {
                return OutputFile::open(place, Name::Free(names));
            }
        }
        Err(OutputError { path, reason: Reason::Exists })
    }

    fn open(mut place: Place, name: Name) -> Result<OutputFile, OutputError> {
        let file = place.open().map_err(|error| OutputError { path: place.path(), reason: error.into() })?;
        let out = Some(BufWriter::with_capacity(256 * 1024, file));
        Ok(OutputFile { out, place, name, limit_bytes: file_size_limit(), written_bytes: 0, failed: None })
    }

    /// The path that the file will have, as far as known before it exists.
    pub fn path(&self) -> PathBuf {
        self.place.path()
    }

    /// Moves the file to its final path, and returns that path.
    ///
    /// # Errors
    /// When it could not be written or moved there. No file is left then, unless the error states where it was saved
    /// instead.
    pub fn keep(mut self) -> Result<PathBuf, OutputError> {
        if let Err(error) = self.finish() {
            return Err(OutputError { path: self.path(), reason: error.into() });
        }
        let replace = matches!(self.name, Name::Given { replace: true });
        let error = match self.place.publish(replace) {
            Ok(()) => return Ok(self.path()),
            Err(Reason::Exists) if let Name::Free(names) = &self.name => {
                let others = (1..=MAX_OTHER_NAMES).map(|number| OsString::from(names.name(number)));
                let kept = self.place.publish_beside(others);
                return kept.ok_or_else(|| OutputError { path: self.path(), reason: Reason::Exists });
            }
            Err(reason) => reason,
        };
        // The path was taken in the meantime. Keep that file, and also the collected data.
        let wanted = self.path();
        if let Reason::Exists | Reason::NotAFile(_) = error {
            let name = wanted.file_name().unwrap_or_default().to_owned();
            let others = (1..=MAX_OTHER_NAMES).map(|number| {
                let mut other = name.clone();
                other.push(format!(".{number}"));
                other
            });
            if let Some(kept) = self.place.publish_beside(others) {
                return Err(OutputError { path: wanted, reason: Reason::KeptBeside { kept } });
            }
        }
        Err(OutputError { path: wanted, reason: error })
    }

    /// Writes the rest and syncs, to get errors that the system reports late (quotas, network file systems).
    fn finish(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(mut out) = self.out.take() else { return Ok(()) };
        out.flush()?;
        match out.get_ref().sync_all() {
            // Not every file system supports fsync(2).
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
            _ => Ok(()),
        }
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written_bytes = self.written_bytes.saturating_add(bytes.len() as u64);
        if self.written_bytes > self.limit_bytes {
            // setrlimit(2): writing beyond it would end this process by SIGXFSZ.
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.as_mut().map_or(Ok(()), |out| out.write_all(bytes))
    }

    fn settle(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
            if let Some(out) = self.out.take() {
                // Not simply dropped, which would try to write again. This frees the space.
                drop(out.into_parts());
                self.place.forget();
            }
        }
    }
}

/// Never fails: [`OutputFile::keep`] returns the first error.
impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.write_some(bytes);
        self.settle(result);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.as_mut().map_or(Ok(()), BufWriter::flush);
        self.settle(result);
        Ok(())
    }
}

#[cfg(unix)]
fn file_size_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn file_size_limit() -> u64 {
    u64::MAX
}

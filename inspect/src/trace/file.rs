//! The trace file: readable by its owner only, never overwritten unasked, written as parts arrive.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::profile::numbered_name;

/// A trace file that is being written.
#[derive(Debug)]
pub struct TraceFile {
    out: BufWriter<File>,
    /// Where it is written, and where it goes when it is whole.
    written: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl TraceFile {
    /// Creates the file (mode 0600). With `force` an existing one is replaced, but only by
    /// [`TraceFile::keep`].
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when it exists and `force` is not given; whatever the system
    /// says.
    pub fn create(path: &Path, force: bool) -> io::Result<TraceFile> {
        let mut written = path.as_os_str().to_owned();
        if force {
            written.push(format!(".{}.new", std::process::id()));
        }
        let written = PathBuf::from(written);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let out = BufWriter::with_capacity(256 * 1024, options.open(&written)?);
        Ok(TraceFile { out, written, path: path.to_owned(), kept: false })
    }

    /// The first free name of the form `rgops.NAME.PID.NNN.perfetto-trace` in `directory`.
    pub fn free_name(directory: &Path, name: &str, pid: u32) -> PathBuf {
        numbered_name(directory, name, |name, number| {
            format!("rgops.{name}.{pid}.{number:03}.perfetto-trace")
        })
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file in its place. One that is dropped before is removed.
    ///
    /// # Errors
    /// Whatever the system says; nothing is left then.
    pub fn keep(&mut self) -> io::Result<()> {
        self.out.flush()?;
        if self.written != self.path {
            std::fs::rename(&self.written, &self.path)?;
        }
        self.kept = true;
        Ok(())
    }
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.written);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn it_is_ours_alone_never_overwritten_unasked_and_gone_unless_kept() {
        let directory = std::env::temp_dir().join(format!("rgops-trace-file-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = TraceFile::free_name(&directory, "../shop", 7);
        assert_eq!(path.file_name().unwrap(), "rgops.___shop.7.001.perfetto-trace");
        drop(TraceFile::create(&path, false).unwrap());
        assert!(!path.exists());
        let mut file = TraceFile::create(&path, false).unwrap();
        file.write_all(b"one").unwrap();
        file.keep().unwrap();
        assert_eq!(TraceFile::create(&path, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(TraceFile::create(&path, true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let mut file = TraceFile::create(&path, true).unwrap();
        file.write_all(b"two").unwrap();
        file.keep().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

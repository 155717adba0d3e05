//! A folder for one test, removed with its content when the test ends.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of mode 0755, so that other users have access; sockets are in a folder of mode 0700 in it.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Creates one in `/tmp`, because the path of a socket must be short.
    ///
    /// # Panics
    /// When it cannot be created.
    pub fn new() -> Directory {
        let path = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = PathBuf::from(format!("/tmp/rgops-test-{}-{number}", std::process::id()));
            match fs::DirBuilder::new().mode(0o755).create(&path) {
                Ok(()) => break path,
                // Left behind by a process that was killed and had the same pid.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create {}: {error}", path.display()),
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Directory(path)
    }

    /// Creates one of mode 0700, which agents require for the directory of their sockets.
    ///
    /// # Panics
    /// When it cannot be created.
    pub fn private() -> Directory {
        let directory = Directory::new();
        fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o700)).expect("it is ours");
        directory
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of the sockets; an agent creates it.
    pub fn sockets(&self) -> PathBuf {
        self.0.join("sockets")
    }

    /// The names of the files in the socket directory, sorted; empty if the directory is missing.
    pub fn socket_names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.sockets()) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A path in the folder that does not exist.
    pub fn unused(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Default for Directory {
    fn default() -> Directory {
        Directory::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

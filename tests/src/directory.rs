//! A folder for one test, removed with all that is in it when the test ends.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of mode 0755, so that other users can be let in; sockets are in a folder of mode 0700 in it.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes one in `/tmp`: a socket's path must be short.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new() -> Directory {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/tmp/rgops-test-{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o755).create(&path).expect("/tmp can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Directory(path)
    }

    /// One of mode 0700, as agents want it of the directory their sockets are in.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn private() -> Directory {
        let directory = Directory::new();
        fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o700)).expect("it is ours");
        directory
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where agents put their sockets; an agent makes it.
    pub fn sockets(&self) -> PathBuf {
        self.0.join("sockets")
    }

    /// The names of what is among the sockets, sorted; none when the folder is missing.
    pub fn socket_names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.sockets()) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A path in the folder that nothing has.
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

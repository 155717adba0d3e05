//! A directory of files that only this user can write, so that the next command on the same program is fast.
//!
//! The cache is optional: a file with a wrong owner, length or content is ignored and written again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rgops_dwarf::{Budget, Charge};

use crate::output::make_directory;
use crate::text::hex;

const UNFINISHED: &str = "unfinished";

/// Maximum length of a file: the largest index of types seen, of 400 MB of debug information, has 6 MB.
const LARGEST_FILE: u64 = 64 << 20;
const MAX_FILES: usize = 64;
const LARGEST_TOTAL: u64 = 256 << 20;

/// A temporary file of this age is stale: it was left by a process that was killed.
const STALE_AFTER: Duration = Duration::from_secs(3600);

/// What a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The index of a program's types.
    Types,
    /// Names of addresses.
    Names,
}

impl Kind {
    const fn extension(self) -> &'static str {
        match self {
            Kind::Types => "types",
            Kind::Names => "names",
        }
    }
}

/// A directory of remembered files.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    directory: PathBuf,
}

impl Directory {
    /// `$XDG_CACHE_HOME/rgops`, otherwise `~/.cache/rgops`; `None` if `RGOPS_CACHE=off`, or if neither is a
    /// directory of this user: with sudo, rgops would leave files that their owner cannot remove.
    pub(crate) fn from_environment() -> Option<Directory> {
        if std::env::var_os("RGOPS_CACHE").is_some_and(|value| value == "off") {
            return None;
        }
        // The XDG specification says to ignore relative paths.
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        is_in_own(&base).then(|| Directory::new(base.join("rgops")))
    }

    pub(crate) fn new(directory: PathBuf) -> Directory {
        Directory { directory }
    }

    /// The content of a file and its charge, if there is one and memory for it. If `is_valid` returns `true`, the file
    /// was used, and is evicted later than others.
    pub(crate) fn load(
        &self,
        kind: Kind,
        build_id: &[u8],
        part: u64,
        budget: &Budget,
        is_valid: &mut dyn FnMut(&[u8]) -> bool,
    ) {
        let Some((file, bytes, _charge)) = self.read(kind, build_id, part, budget) else { return };
        if is_valid(&bytes) {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// Stores a file. If that fails, the only cost is time of the next command.
    pub(crate) fn store(&self, kind: Kind, build_id: &[u8], part: u64, bytes: &[u8]) {
        let path = self.path(kind, build_id, part).filter(|_| bytes.len() as u64 <= LARGEST_FILE);
        let Some(path) = path else { return };
        let _ = self.write(&path, bytes);
        let _ = self.remove_old();
    }

    fn read(
        &self,
        kind: Kind,
        build_id: &[u8],
        part: u64,
        budget: &Budget,
    ) -> Option<(File, Vec<u8>, Charge)> {
        let mut file = open_own(&self.path(kind, build_id, part)?).ok()?;
        let metadata = file.metadata().ok()?;
        if !is_ours(&metadata) || metadata.len() > LARGEST_FILE {
            return None;
        }
        // Until it is decoded.
        let charge = Charge::new(budget, metadata.len()).ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        (&mut file).take(metadata.len()).read_to_end(&mut bytes).ok()?;
        Some((file, bytes, charge))
    }

    fn path(&self, kind: Kind, build_id: &[u8], part: u64) -> Option<PathBuf> {
        let name = format!("{}-{part:x}.{}", hex(build_id), kind.extension());
        (!build_id.is_empty() && build_id.len() <= 64).then(|| self.directory.join(name))
    }

    /// Written under another name and renamed: a reader sees the complete file or none.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        create_directory(&self.directory)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let unfinished = self.directory.join(format!("{}.{UNFINISHED}", hex(&random)));
        let written = create_private(&unfinished)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn remove_old(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            let modified = metadata.modified()?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(end) if [Kind::Types, Kind::Names].iter().any(|kind| kind.extension() == end) => {
                    kept.push((modified, metadata.len(), path))
                }
                Some(UNFINISHED) if modified.elapsed().is_ok_and(|age| age > STALE_AFTER) => {
                    let _ = fs::remove_file(path);
                }
                // Another user's or another program's file: not removed.
                _ => {}
            }
        }
        // Newest first.
        kept.sort_by(|a, b| b.cmp(a));
        let mut total = 0;
        for (position, (_, bytes, path)) in kept.iter().enumerate() {
            total += bytes;
            if position >= MAX_FILES || total > LARGEST_TOTAL {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }
}

/// Whether a directory is this user's; of one that does not exist, the one that it would be made in.
pub(crate) fn is_in_own(directory: &Path) -> bool {
    let existing = directory.ancestors().find(|path| path.exists());
    existing.and_then(|path| fs::metadata(path).ok()).is_some_and(|metadata| is_owned(&metadata))
}

#[cfg(unix)]
fn is_owned(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_owned(_: &fs::Metadata) -> bool {
    true
}

/// Owned by this user, and not writable by others.
fn is_ours(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    let is_shared = std::os::unix::fs::MetadataExt::mode(metadata) & 0o022 != 0;
    #[cfg(not(unix))]
    let is_shared = false;
    is_owned(metadata) && !is_shared
}

fn create_directory(path: &Path) -> io::Result<()> {
    make_directory(path)?;
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() && is_ours(&metadata) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "the cache directory is not owned by this user, or is writable by others",
    ))
}

/// Opens a file that rgops wrote; does not block if it is another kind of file by now.
fn open_own(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NOFOLLOW).bits()
            as i32,
    );
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

//! Remembers indexes by build-id, so that the second look at a program is fast.
//!
//! A cached index is only a shortcut: whatever is wrong with a file (its owner, its length, its
//! checksum, its version) it is ignored and written anew. Even a forged one could only name entries,
//! which are checked when they are read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::dwarf::EntryId;
use super::index::{Index, PathHash, Scope};
use super::scan::DEEPEST;
use crate::budget::Budget;
use crate::files::Charge;
use crate::text::hex;

/// Changes with what is stored, and with what the scan looks for.
const VERSION: u64 = 3;
const MAGIC: &[u8; 8] = b"rgopsTIx";
const EXTENSION: &str = "types";
const UNFINISHED: &str = "unfinished";

/// No index is larger: the largest seen, of 400 MB of debug information, has 6 MB.
const LARGEST_FILE: u64 = 64 << 20;
const MOST_FILES: usize = 64;
const LARGEST_TOTAL: u64 = 256 << 20;

/// A temporary file as old as this was left by a process that was killed.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// A directory of indexes.
#[derive(Debug, Clone)]
pub(super) struct IndexCache {
    directory: PathBuf,
}

/// What an index belongs to. All of it must match.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexKey<'a> {
    pub(super) build_id: &'a [u8],
    /// Bytes of the `.debug_info` that was scanned: a stripped file and its debug file have the
    /// same build-id.
    pub(super) info_bytes: u64,
    pub(super) units: u64,
}

impl IndexCache {
    /// `$XDG_CACHE_HOME/rgops`, else `~/.cache/rgops`; `None` if `RGOPS_CACHE=off`, or if neither
    /// is a directory of ours: run with sudo, we would leave files there that their owner cannot
    /// remove.
    pub(super) fn from_environment() -> Option<IndexCache> {
        if std::env::var_os("RGOPS_CACHE").is_some_and(|value| value == "off") {
            return None;
        }
        // The XDG specification says to ignore relative paths.
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        let existing = base.ancestors().find(|path| path.exists())?;
        is_owned(&fs::metadata(existing).ok()?).then(|| IndexCache::new(base.join("rgops")))
    }

    pub(super) fn new(directory: PathBuf) -> IndexCache {
        IndexCache { directory }
    }

    /// The index of a module, if there is one that can be believed and there is memory for it.
    pub(super) fn load(&self, key: &IndexKey<'_>, budget: &Budget) -> Option<(Index, Charge)> {
        let mut file = open_own(&self.path(key)?).ok()?;
        let metadata = file.metadata().ok()?;
        if !is_ours(&metadata) || metadata.len() > LARGEST_FILE {
            return None;
        }
        // Until it is decoded.
        let _bytes = Charge::new(budget, metadata.len()).ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        (&mut file).take(metadata.len()).read_to_end(&mut bytes).ok()?;
        let decoded = decode(&bytes, key, budget)?;
        // Files that are used are the last to be removed.
        let _ = file.set_modified(SystemTime::now());
        Some(decoded)
    }

    /// Stores an index. That it cannot be stored costs the next call a scan, nothing else.
    pub(super) fn store(&self, key: &IndexKey<'_>, index: &Index) {
        if let Some(path) = self.path(key) {
            let encoded = encode(key, index);
            if encoded.len() as u64 > LARGEST_FILE {
                return;
            }
            let _ = self.write(&path, &encoded);
            let _ = self.remove_old();
        }
    }

    fn path(&self, key: &IndexKey<'_>) -> Option<PathBuf> {
        let name = format!("{}-{:x}.{EXTENSION}", hex(key.build_id), key.info_bytes);
        (!key.build_id.is_empty() && key.build_id.len() <= 64).then(|| self.directory.join(name))
    }

    /// Written under another name and renamed: a reader sees all of it or none.
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
                Some(EXTENSION) => kept.push((modified, metadata.len(), path)),
                Some(UNFINISHED) if modified.elapsed().is_ok_and(|age| age > LEFT_BEHIND) => {
                    let _ = fs::remove_file(path);
                }
                // Not ours to remove.
                _ => {}
            }
        }
        // Newest first.
        kept.sort_by(|a, b| b.cmp(a));
        let mut total = 0;
        for (position, (_, bytes, path)) in kept.iter().enumerate() {
            total += bytes;
            if position >= MOST_FILES || total > LARGEST_TOTAL {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }
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

/// Owned by us, and written by nobody else.
fn is_ours(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    let is_shared = std::os::unix::fs::MetadataExt::mode(metadata) & 0o022 != 0;
    #[cfg(not(unix))]
    let is_shared = false;
    is_owned(metadata) && !is_shared
}

fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() && is_ours(&metadata) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "the cache directory is not ours alone"))
}

/// Opens a file that we wrote, without waiting should it be something else by now.
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

/// Magic, version, key, lists; then a checksum of all before it. Numbers are LEB128, and those of
/// sorted lists differences.
fn encode(key: &IndexKey<'_>, index: &Index) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    number(&mut out, VERSION);
    number(&mut out, key.build_id.len() as u64);
    out.extend(key.build_id);
    number(&mut out, key.info_bytes);
    number(&mut out, key.units);
    number(&mut out, index.coroutines);
    for list in [&index.polls, &index.vtables, &index.named, &index.owners, &index.awaits] {
        number(&mut out, list.len() as u64);
        let mut before = 0;
        for (at, id) in list {
            number(&mut out, at.wrapping_sub(before));
            number(&mut out, id.0);
            before = *at;
        }
    }
    number(&mut out, index.scopes.len() as u64);
    let mut before = 0;
    for (at, scope) in index.scopes.iter().enumerate() {
        number(&mut out, scope.start.0.wrapping_sub(before));
        number(&mut out, scope.end.wrapping_sub(scope.start.0));
        number(&mut out, scope.parent.map_or(0, |parent| at as u64 - u64::from(parent)));
        before = scope.start.0;
    }
    let checksum = PathHash::new().add(&out).value();
    out.extend(checksum.to_le_bytes());
    out
}

/// The index in a file, and its charge. Every number in it is held to what a scan could have found.
fn decode(bytes: &[u8], key: &IndexKey<'_>, budget: &Budget) -> Option<(Index, Charge)> {
    let (content, checksum) = bytes.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*checksum) != PathHash::new().add(content).value() {
        return None;
    }
    let mut rest = content.strip_prefix(MAGIC)?;
    let is_it = take(&mut rest)? == VERSION && take(&mut rest)? == key.build_id.len() as u64;
    rest = rest.strip_prefix(key.build_id).filter(|_| is_it)?;
    if take(&mut rest)? != key.info_bytes || take(&mut rest)? != key.units {
        return None;
    }
    let mut charge = Charge::new(budget, 0).ok()?;
    let mut index = Index { coroutines: take(&mut rest)?, ..Index::default() };
    let lists =
        [&mut index.polls, &mut index.vtables, &mut index.named, &mut index.owners, &mut index.awaits];
    for list in lists {
        let count = count(&mut rest, 2)?;
        charge.grow(2 * (count * size_of::<(u64, EntryId)>()) as u64).ok()?;
        list.reserve_exact(count);
        let mut at = 0u64;
        for _ in 0..count {
            at = at.checked_add(take(&mut rest)?)?;
            list.push((at, EntryId(take(&mut rest)?)));
        }
    }
    let count = count(&mut rest, 3)?;
    charge.grow(2 * (count * size_of::<Scope>()) as u64).ok()?;
    index.scopes.reserve_exact(count);
    // How deep each scope is, until all are there.
    let _depths = Charge::new(budget, (count * size_of::<u16>()) as u64).ok()?;
    let mut depths: Vec<u16> = Vec::with_capacity(count);
    let mut start = 0u64;
    for at in 0..u32::try_from(count).ok()? {
        start = start.checked_add(take(&mut rest)?)?;
        let end = start.checked_add(take(&mut rest)?)?;
        // A parent is an earlier one, or following parents would not end.
        let parent = match take(&mut rest)? {
            0 => None,
            back => Some(at.checked_sub(u32::try_from(back).ok()?)?),
        };
        let depth = parent.map_or(0, |parent| depths[parent as usize] + 1);
        if usize::from(depth) >= DEEPEST {
            return None;
        }
        depths.push(depth);
        index.scopes.push(Scope { start: EntryId(start), end, parent });
    }
    rest.is_empty().then_some((index, charge))
}

/// How many follow, each of `least` bytes or more: no more than there are.
fn count(rest: &mut &[u8], least: usize) -> Option<usize> {
    let count = usize::try_from(take(rest)?).ok()?;
    (count <= rest.len() / least).then_some(count)
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

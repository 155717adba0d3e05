//! The files of a process of this host: its executable, its mappings and its root directory.
//!
//! All are read through one descriptor of `/proc/PID`, so they belong to the same process even if the kernel
//! reuses the pid.

use std::io;
use std::sync::Arc;

use rgops_protocol::reply::Module;

use super::checked::{Checked, Root};

/// Whether the kernel confirms that the process maps a module as the answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Believed {
    /// It does, from the start to the end address, in the form that `/proc/PID/map_files` uses.
    Mapped(String),
    /// It does not.
    NotMapped,
    /// The kernel does not show it: the process has ended, belongs to another user, or is on another host.
    NotTold,
}

/// A process of this host, or no process.
#[derive(Debug, Default)]
pub(crate) struct Process {
    #[cfg(target_os = "linux")]
    directory: Option<std::fs::File>,
    /// `/proc/PID`, for messages.
    shown: std::path::PathBuf,
    executable: Option<String>,
    mappings: Vec<Mapping>,
    root: Option<Arc<Root>>,
}

/// A line of `/proc/PID/maps` that names a file.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    range: String,
    path: String,
}

impl Process {
    /// Where `/proc/PID/exe` points.
    pub(crate) fn executable(&self) -> Option<&str> {
        self.executable.as_deref()
    }

    /// The path of a file in `/proc/PID` for messages.
    pub(crate) fn shown(&self, name: &str) -> std::path::PathBuf {
        self.shown.join(name)
    }

    pub(crate) fn root(&self) -> Option<&Arc<Root>> {
        self.root.as_ref()
    }

    /// Whether it maps a module at the place that an answer states.
    pub(crate) fn believes(&self, module: &Module) -> Believed {
        if self.mappings.is_empty() {
            return Believed::NotTold;
        }
        let is_there = |mapping: &&Mapping| (mapping.start..mapping.end).contains(&module.start_avma);
        // A process in a chroot(2) names its files relative to its root.
        let is_it = |mapping: &&Mapping| mapping.path.ends_with(&module.path);
        match self.mappings.iter().find(is_there).filter(is_it) {
            Some(mapping) => Believed::Mapped(mapping.range.clone()),
            None => Believed::NotMapped,
        }
    }
}

/// Opens the executable of a process.
#[cfg(target_os = "linux")]
pub(crate) fn open_executable(pid: u32) -> io::Result<Checked> {
    super::checked::open_running(std::fs::File::open(crate::procfs::directory(pid))?, "exe")
}

#[cfg(target_os = "linux")]
impl Process {
    /// Reads the files of a process. Unavailable ones are left out.
    pub(crate) fn of(pid: Option<u32>) -> Process {
        use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

        let Some(pid) = pid else { return Process::default() };
        let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let shown = crate::procfs::directory(pid);
        let Ok(directory) = openat(CWD, &shown, look, Mode::empty()) else {
            return Process::default();
        };
        let executable =
            readlinkat(&directory, "exe", Vec::new()).ok().map(|path| path.to_string_lossy().into_owned());
        // The kernel refuses this for other users' processes: then there is one candidate less.
        let root = openat(&directory, "root", look, Mode::empty())
            .ok()
            .map(|root| Arc::new(Root::new(format!("{shown}/root").into(), root.into())));
        let maps = openat(&directory, "maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let mappings = maps.ok().and_then(|maps| read_maps(maps.into()).ok()).unwrap_or_default();
        Process { directory: Some(directory.into()), shown: shown.into(), executable, mappings, root }
    }

    /// Opens its executable, whatever happened to the file's name.
    pub(crate) fn open_executable(&self) -> io::Result<Checked> {
        self.open("exe")
    }

    /// Opens a file that it maps; needs CAP_CHECKPOINT_RESTORE (proc(5)).
    pub(crate) fn open_mapped(&self, range: &str) -> io::Result<Checked> {
        self.open(&format!("map_files/{range}"))
    }

    fn open(&self, name: &str) -> io::Result<Checked> {
        let directory = self.directory.as_ref().ok_or(io::ErrorKind::NotFound)?;
        super::checked::open_running(directory, name)
    }
}

#[cfg(not(target_os = "linux"))]
impl Process {
    pub(crate) fn of(_: Option<u32>) -> Process {
        Process::default()
    }

    pub(crate) fn open_executable(&self) -> io::Result<Checked> {
        Err(io::ErrorKind::NotFound.into())
    }

    pub(crate) fn open_mapped(&self, _: &str) -> io::Result<Checked> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Limit of bytes read: about 300,000 mappings of files. Later mappings are ignored.
#[cfg(target_os = "linux")]
const MAX_BYTES: u64 = 32 << 20;

#[cfg(target_os = "linux")]
fn read_maps(maps: std::fs::File) -> io::Result<Vec<Mapping>> {
    use std::io::{BufRead as _, Read as _};

    let mut lines = io::BufReader::new(maps.take(MAX_BYTES));
    let mut mappings = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(mappings);
        }
        mappings.extend(mapping(&String::from_utf8_lossy(&line)));
    }
}

#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "processes are looked into on Linux only"))]
fn mapping(line: &str) -> Option<Mapping> {
    let range = line.split(' ').next()?;
    let (start, end) = range.split_once('-')?;
    // Only a file has a path that begins at the root, and no earlier column contains a slash.
    let path = line[line.find('/')?..].trim_end_matches('\n');
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        range: range.to_owned(),
        path: path.to_owned(),
    })
}

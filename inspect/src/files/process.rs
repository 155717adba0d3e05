//! A process of this host as far as its files go: what it runs, what it maps, and its root directory.
//!
//! All of it is read through one descriptor of `/proc/PID`, so that it is of the same process even if the
//! number is used again.

use std::io;
use std::sync::Arc;

use rgops_protocol::reply::Module;

use super::door::{Checked, Root};

/// Whether the kernel says what an answer says: that the process maps a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Believed {
    /// It does, from the start to the end address, as `/proc/PID/map_files` names them.
    Mapped(String),
    /// It does not.
    NotMapped,
    /// The kernel does not tell: the process has ended, is another user's, or on another host.
    NotTold,
}

/// A process of this host, or none.
#[derive(Debug, Default)]
pub(crate) struct Process {
    #[cfg(target_os = "linux")]
    directory: Option<std::fs::File>,
    /// `/proc/PID`, for texts.
    shown: std::path::PathBuf,
    executable: Option<String>,
    mappings: Vec<Mapping>,
    root: Option<Arc<Root>>,
}

/// A line of `/proc/PID/maps` that has a file.
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

    /// As people are told of a file in `/proc/PID`.
    pub(crate) fn shown(&self, name: &str) -> std::path::PathBuf {
        self.shown.join(name)
    }

    pub(crate) fn root(&self) -> Option<&Arc<Root>> {
        self.root.as_ref()
    }

    /// Whether it maps a module where an answer says so.
    pub(crate) fn believes(&self, module: &Module) -> Believed {
        if self.mappings.is_empty() {
            return Believed::NotTold;
        }
        let is_there = |mapping: &&Mapping| (mapping.start..mapping.end).contains(&module.start_avma);
        // A process in a chroot(2) names its files from there.
        let is_it = |mapping: &&Mapping| mapping.path.ends_with(&module.path);
        match self.mappings.iter().find(is_there).filter(is_it) {
            Some(mapping) => Believed::Mapped(mapping.range.clone()),
            None => Believed::NotMapped,
        }
    }
}

/// Opens what a process runs.
#[cfg(target_os = "linux")]
pub(crate) fn open_executable(pid: u32) -> io::Result<Checked> {
    super::door::open_running(std::fs::File::open(format!("/proc/{pid}"))?, "exe")
}

#[cfg(target_os = "linux")]
impl Process {
    /// Looks at a process. What cannot be had of it is left out.
    pub(crate) fn of(pid: Option<u32>) -> Process {
        use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

        let Some(pid) = pid else { return Process::default() };
        let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(directory) = openat(CWD, format!("/proc/{pid}"), look, Mode::empty()) else {
            return Process::default();
        };
        let executable =
            readlinkat(&directory, "exe", Vec::new()).ok().map(|path| path.to_string_lossy().into_owned());
        // The kernel refuses this for other users' processes: then there is one candidate less.
        let root = openat(&directory, "root", look, Mode::empty())
            .ok()
            .map(|root| Arc::new(Root::new(format!("/proc/{pid}/root").into(), root.into())));
        let maps = openat(&directory, "maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let mappings = maps.ok().and_then(|maps| read_maps(maps.into()).ok()).unwrap_or_default();
        let shown = format!("/proc/{pid}").into();
        Process { directory: Some(directory.into()), shown, executable, mappings, root }
    }

    /// Opens what it runs, whatever has become of its name.
    pub(crate) fn open_executable(&self) -> io::Result<Checked> {
        self.open("exe")
    }

    /// Opens what it maps; needs CAP_CHECKPOINT_RESTORE (proc(5)).
    pub(crate) fn open_mapped(&self, range: &str) -> io::Result<Checked> {
        self.open(&format!("map_files/{range}"))
    }

    fn open(&self, name: &str) -> io::Result<Checked> {
        let directory = self.directory.as_ref().ok_or(io::ErrorKind::NotFound)?;
        super::door::open_running(directory, name)
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

/// A process with more than some 300,000 mappings of files is believed as far as these go.
#[cfg(target_os = "linux")]
const MOST_BYTES: u64 = 32 << 20;

#[cfg(target_os = "linux")]
fn read_maps(maps: std::fs::File) -> io::Result<Vec<Mapping>> {
    use std::io::{BufRead as _, Read as _};

    let mut lines = io::BufReader::new(maps.take(MOST_BYTES));
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
    // Only a file has a path that begins at the root, and nothing before it has a slash.
    let path = line[line.find('/')?..].trim_end_matches('\n');
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        range: range.to_owned(),
        path: path.to_owned(),
    })
}

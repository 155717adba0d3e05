//! The files of a process of this host: its executable, its mappings and its root directory.
//!
//! All are read through one descriptor of `/proc/PID`, so they belong to the same process even if the kernel
//! reuses the pid.

use std::io;
use std::sync::Arc;

use rgops_protocol::reply::Module;

#[cfg(target_os = "linux")]
use super::checked::Place;
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
    #[cfg(target_os = "linux")]
    pid: u32,
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
        let mappings = read_maps(&directory, mapping).unwrap_or_default();
        let directory = Some(directory.into());
        Process { directory, pid, shown: shown.into(), executable, mappings, root }
    }

    /// The names of code that it made at run time: `/tmp/perf-PID.map` in its root, with the pid that it knows itself
    /// by. Only if the user that it runs as owns the file, because everybody can write to that folder.
    pub(crate) fn perf_map(&self) -> Option<Checked> {
        use std::io::Read as _;

        let mut status = Vec::new();
        let file = open_in(self.directory.as_ref()?, "status").ok()?;
        file.take(MAX_STATUS_BYTES).read_to_end(&mut status).ok()?;
        let status = crate::procfs::Status::parse(&String::from_utf8_lossy(&status), self.pid)?;
        let path = format!("/tmp/perf-{}.map", status.inner_pid);
        let file = Place::InRoot(self.root.clone()?, path.into()).open().ok()?;
        (file.owner() == Some(status.euid())).then_some(file)
    }

    /// Where it has executable memory that is not of a file, from start to end, as it is now.
    pub(crate) fn anonymous_code(&self) -> Vec<(u64, u64)> {
        let directory = self.directory.as_ref();
        directory.and_then(|directory| read_maps(directory, anonymous_code).ok()).unwrap_or_default()
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

    pub(crate) fn perf_map(&self) -> Option<Checked> {
        None
    }

    pub(crate) fn anonymous_code(&self) -> Vec<(u64, u64)> {
        Vec::new()
    }
}

/// Limit of bytes read: about 300,000 mappings of files. Later mappings are ignored.
#[cfg(target_os = "linux")]
const MAX_BYTES: u64 = 32 << 20;

/// Opens a file that the kernel writes in the folder of a process.
#[cfg(target_os = "linux")]
fn open_in(directory: impl std::os::fd::AsFd, name: &str) -> io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags, openat};
    Ok(openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// `status` has about 1.5 KiB.
#[cfg(target_os = "linux")]
const MAX_STATUS_BYTES: u64 = 64 << 10;

/// What each line of `maps` says, within [`MAX_BYTES`].
#[cfg(target_os = "linux")]
fn read_maps<T>(directory: impl std::os::fd::AsFd, each: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    use std::io::{BufRead as _, Read as _};

    let mut lines = io::BufReader::new(open_in(directory, "maps")?.take(MAX_BYTES));
    let mut found = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        found.extend(each(&String::from_utf8_lossy(&line)));
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

/// Memory of no file that has a path in `maps` nevertheless: memfd_create(2), a mapping shared with a child process, one
/// in /dev/shm, one that prctl(PR_SET_VMA_ANON_NAME) named.
#[cfg(target_os = "linux")]
const ANONYMOUS: [&str; 5] = ["/memfd:", "/dev/zero", "/dev/shm/", "[anon:", "[anon_shmem:"];

/// The range of a mapping of code that no file has: without a path, or with one of [`ANONYMOUS`].
#[cfg(target_os = "linux")]
fn anonymous_code(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let is_executable = words.next()?.as_bytes().get(2) == Some(&b'x');
    // After the offset, the device and the inode.
    let is_anonymous =
        words.nth(3).is_none_or(|path| ANONYMOUS.iter().any(|anonymous| path.starts_with(anonymous)));
    let number = |text| u64::from_str_radix(text, 16).ok();
    (is_executable && is_anonymous).then_some((number(start)?, number(end)?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn code_is_anonymous_when_no_file_has_it() {
        let range = Some((0x7f00_0000, 0x7f00_1000));
        for (rest, expected) in [
            ("rwxp 00000000 00:00 0 \n", range),
            ("r-xp 00000000 00:00 0\n", range),
            ("r-xs 00000000 00:01 2055 /memfd:doublemapper (deleted)\n", range),
            ("r-xs 00000000 00:01 7 /dev/zero (deleted)\n", range),
            ("r-xp 00000000 00:00 0 [anon:v8]\n", range),
            ("rw-p 00000000 00:00 0 \n", None),
            ("r-xp 00000000 00:00 0 [vdso]\n", None),
            ("r-xp 00001000 fd:00 99 /usr/bin/x\n", None),
        ] {
            assert_eq!(anonymous_code(&format!("7f000000-7f001000 {rest}")), expected, "{rest}");
        }
        assert_eq!(anonymous_code("x-y r-xp"), None);
    }
}

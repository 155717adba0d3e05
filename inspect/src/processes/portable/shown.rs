//! A process as `sysinfo` shows it.

use std::ffi::OsStr;
use std::io;

use rgops_protocol::received::{NAME_CHARACTERS, PATH_CHARACTERS, cut};
use rgops_protocol::reply::Known;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::processes::process::{RustCompiler, RustProcess};

/// The error when the system takes too long.
pub(super) const SILENT: &str = "the system did not list its processes in time";

/// A process, and when it started.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) process: RustProcess,
    /// In seconds since 1970, where the system shows it.
    pub(super) start_time: Option<u64>,
}

/// All processes of the host, ascending by pid. Pid 0 is the system itself and is left out.
pub(super) fn all() -> io::Result<Vec<Shown>> {
    let system = refreshed(ProcessesToUpdate::All, kind())?;
    // On Linux `sysinfo` has threads among the processes.
    let processes = system.processes().values().filter(|process| process.thread_kind().is_none());
    let mut shown: Vec<Shown> =
        processes.filter(|process| process.pid().as_u32() != 0).map(Shown::of).collect();
    shown.sort_unstable_by_key(|shown| shown.process.pid);
    Ok(shown)
}

/// One process.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when no process has this pid.
pub(super) fn one(pid: u32) -> io::Result<Shown> {
    let pid = Pid::from_u32(pid);
    let system = refreshed(ProcessesToUpdate::Some(&[pid]), kind())?;
    system.process(pid).map(Shown::of).ok_or_else(no_such_process)
}

/// The values that a list needs.
fn kind() -> ProcessRefreshKind {
    let nothing = ProcessRefreshKind::nothing().without_tasks();
    nothing.with_exe(UpdateKind::Always).with_user(UpdateKind::Always)
}

/// The system with these values of these processes.
pub(super) fn refreshed(which: ProcessesToUpdate<'_>, kind: ProcessRefreshKind) -> io::Result<System> {
    let mut system = System::new().map_err(|error| io::Error::other(format!("{error:?}")))?;
    system.refresh_processes_specifics(which, true, kind);
    Ok(system)
}

pub(super) fn no_such_process() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no such process")
}

/// When a process started, in seconds since 1970. `sysinfo` has 0 for a process that it may not read.
pub(super) fn start_time(process: &Process) -> Option<u64> {
    Some(process.start_time()).filter(|time| *time != 0)
}

impl Shown {
    fn of(process: &Process) -> Shown {
        let start_time = start_time(process);
        let parent = match process.parent() {
            Some(parent) => Known::Value(parent.as_u32()),
            None if start_time.is_some() => Known::Value(0),
            None => denied(),
        };
        let path = process.exe().filter(|path| !path.as_os_str().is_empty());
        let process = RustProcess {
            pid: process.pid().as_u32(),
            parent,
            name: text(process.name(), NAME_CHARACTERS),
            uid: uid(process),
            path: path.map_or_else(denied, |path| Known::Value(text(path.as_os_str(), PATH_CHARACTERS))),
            compiler: compiler(),
            agent: None,
            lost_agent: None,
            is_switched_off: false,
        };
        Shown { process, start_time }
    }
}

/// The rustc that made an executable is in its `.comment` section; only ELF files have one.
fn compiler() -> Known<Option<RustCompiler>> {
    Known::unavailable(
        "rgops recognizes Rust executables on Linux only",
        "run rgops on Linux, on the host or in the container that the program runs in",
    )
}

/// A value that the system does not show us.
pub(super) fn denied<T>() -> Known<T> {
    let fix = if cfg!(windows) { "run rgops as administrator" } else { "run rgops as root" };
    Known::unavailable("the system does not show it to this user", fix)
}

#[cfg(unix)]
fn uid(process: &Process) -> Known<u32> {
    process.effective_user_id().or(process.user_id()).map_or_else(denied, |uid| Known::Value(**uid))
}

#[cfg(not(unix))]
fn uid(_: &Process) -> Known<u32> {
    Known::unavailable("users have no numeric ids on this system", "")
}

/// A text from a process, cut.
pub(super) fn text(text: &OsStr, characters: usize) -> String {
    let mut text = text.to_string_lossy().into_owned();
    cut(&mut text, characters);
    text
}

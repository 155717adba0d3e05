//! Lists every Rust process of the host, with or without an agent, in about the time `ps` takes.
//!
//! It calls `stat` once for each `/proc/PID/exe`, on a helper thread that a process may block
//! ([`crate::processes::blocking`]). Each executable is opened once, however many processes run it.
//! `/proc/PID/exe`, unlike the path it names, also leads to replaced and deleted executables and to those of
//! other mount namespaces.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;
use rgops_protocol::received::{NAME_CHARACTERS, PATH_CHARACTERS, cut, text_of};
use rgops_protocol::reply::Known;

use super::agents::{self, Agent};
use super::circumstances::lost_without_socket;
use super::compiler::rust_compiler;
use super::unix_sockets::{LONGEST_READ, Table, namespace};
use crate::files::open_executable;
use crate::processes::blocking::{self, Answer, TimeLimits};
use crate::processes::process::{Listing, LostAgent, LostBecause, RustCompiler, RustProcess};
use crate::procfs::{self, StartEnvironment, Stat, Status, is_cut_from};

/// With this many abandoned helpers in this program, the list reads no more processes.
const MAX_ABANDONED: usize = 64;

/// Limits for the list.
const OF_THE_LIST: TimeLimits = TimeLimits {
    each: Duration::from_secs(2),
    all: Duration::from_secs(8),
    alone: Duration::from_millis(50),
    max_abandoned: MAX_ABANDONED,
};

/// Limits for the tables of sockets, one per network namespace.
const OF_TABLES: TimeLimits = TimeLimits {
    each: LONGEST_READ.saturating_mul(2),
    all: LONGEST_READ.saturating_mul(2),
    alone: Duration::from_millis(200),
    max_abandoned: MAX_ABANDONED,
};

/// The Rust processes that this process may see and that can be read before the deadline of the command, if
/// it has one. Processes that end during the call are left out.
pub(super) fn list(deadline: Option<Instant>) -> io::Result<Listing> {
    let hinted = blocking::run(deadline, agents::hinted_pids).unwrap_or_default();
    let pids = procfs::pids()?;
    let mut listing = Listing {
        processes: Vec::new(),
        unreadable: 0,
        unanswered: Vec::new(),
        not_asked: 0,
        as_root: rustix::process::geteuid().is_root(),
    };
    let compilers = Compilers::default();
    let items = pids.iter().map(|pid| (*pid, (*pid, hinted.contains(pid)))).collect();
    let read = move |(pid, is_hinted)| Seen::read_one(pid, is_hinted, &compilers);
    let mut seen = Vec::new();
    for (pid, answer) in
        pids.iter().zip(blocking::run_each(items, OF_THE_LIST.until(deadline), user_of, read))
    {
        match answer {
            Answer::Done(Ok(found)) => seen.extend(found),
            // Kernel threads do not have an executable, but a user other than root gets "permission denied" for
            // them.
            Answer::Done(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                let is_process = Stat::read(*pid).is_ok_and(|stat| !stat.is_kernel_thread);
                listing.unreadable += usize::from(is_process);
            }
            // It ended during the call.
            Answer::Done(Err(_)) => {}
            Answer::TimedOut => listing.unanswered.push(*pid),
            Answer::Skipped => listing.not_asked += 1,
        }
    }
    let tables = Arc::new(Tables::of(&seen, deadline));
    let pids: Vec<u32> = seen.iter().map(|seen| seen.pid).collect();
    let items = seen.into_iter().map(|seen| (seen.pid, seen)).collect();
    let find = move |seen: Seen| seen.with_agent(&tables);
    for (pid, answer) in
        pids.iter().zip(blocking::run_each(items, OF_THE_LIST.until(deadline), user_of, find))
    {
        match answer {
            Answer::Done(process) => listing.processes.extend(Some(process).filter(RustProcess::is_listed)),
            Answer::TimedOut => listing.unanswered.push(*pid),
            Answer::Skipped => listing.not_asked += 1,
        }
    }
    listing.unanswered.sort_unstable();
    Ok(listing)
}

/// One process, Rust or not.
///
/// # Errors
/// When there is no such process, access is denied, or reading it timed out, at most at the deadline of the
/// command, if it has one.
pub(super) fn read_one(pid: u32, deadline: Option<Instant>) -> io::Result<RustProcess> {
    let read = move || {
        let seen = Seen::read_one(pid, true, &Compilers::default())?;
        // A process that is about to end no longer has an executable.
        let seen = match seen {
            Some(seen) => seen,
            None => Seen::of(pid, None)?,
        };
        let tables = Tables::of_one(&seen);
        let mut process = seen.with_agent(&tables);
        if process.agent.is_none()
            && process.lost_agent.as_ref().is_none_or(|lost| lost.because == LostBecause::Silent)
            && let Some(because) = lost_without_socket(pid)
        {
            process.lost_agent = Some(LostAgent { path: PathBuf::new(), because });
        }
        Ok(process)
    };
    blocking::try_run(deadline, "reading the process from /proc timed out", read)
}

/// The user of a process, to count timeouts by user. This file of `/proc` never blocks.
fn user_of(pid: u32) -> u32 {
    Status::read(pid).map_or(u32::MAX, |status| status.euid())
}

/// The compilers of executables, by device and inode. An inode is not reused while a process runs it.
#[derive(Debug, Default)]
struct Compilers(Mutex<HashMap<(u64, u64), Option<RustCompiler>>>);

impl Compilers {
    fn of(&self, pid: u32) -> io::Result<Option<RustCompiler>> {
        let metadata = match fs::metadata(format!("/proc/{pid}/exe")) {
            // Its first thread has ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound && procfs::is_leaderless(pid) => {
                fs::metadata(format!("{}/exe", procfs::directory(pid)))?
            }
            metadata => metadata?,
        };
        let file = (metadata.dev(), metadata.ino());
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&file) {
            return Ok(known.clone());
        }
        let compiler = rust_compiler(&open_executable(pid)?)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file, compiler.clone());
        Ok(compiler)
    }
}

/// A process before the search for its agent.
#[derive(Debug)]
struct Seen {
    pid: u32,
    stat: Stat,
    status: Status,
    compiler: Option<RustCompiler>,
    /// Its network namespace.
    namespace: Option<u64>,
}

impl Seen {
    /// The process if it is Rust, or `is_hinted` to have an agent.
    fn read_one(pid: u32, is_hinted: bool, compilers: &Compilers) -> io::Result<Option<Seen>> {
        let compiler = compilers.of(pid)?;
        if compiler.is_none() && !is_hinted {
            return Ok(None);
        }
        Seen::of(pid, compiler).map(Some)
    }

    fn of(pid: u32, compiler: Option<RustCompiler>) -> io::Result<Seen> {
        let (stat, status) = (Stat::read(pid)?, Status::read(pid)?);
        Ok(Seen { pid, stat, status, compiler, namespace: namespace(pid) })
    }

    fn name(&self) -> SocketName {
        agents::name_of(self.stat.start_time, &self.status)
    }

    fn with_agent(self, tables: &Tables) -> RustProcess {
        let Seen { pid, stat, status, compiler, namespace } = self;
        let uid = agents::uid_inside(pid, status.euid());
        let environment = StartEnvironment::read(pid, uid).ok();
        let table = tables.get(namespace);
        let agent = agents::find(pid, stat.start_time, &status, uid, environment.as_ref(), table);
        let is_switched_off = environment.is_some_and(|environment| environment.is_switched_off);
        RustProcess { is_switched_off, ..describe(pid, stat, status, compiler, agent) }
    }
}

/// The sockets of the network namespaces of the processes.
#[derive(Debug)]
struct Tables {
    tables: HashMap<u64, Table>,
    hidden: Table,
}

impl Tables {
    fn of(seen: &[Seen], deadline: Option<Instant>) -> Tables {
        let mut wanted: HashMap<u64, (u32, HashSet<SocketName>)> = HashMap::new();
        for seen in seen {
            let Some(namespace) = seen.namespace else { continue };
            wanted.entry(namespace).or_insert_with(|| (seen.pid, HashSet::new())).1.insert(seen.name());
        }
        let namespaces: Vec<u64> = wanted.keys().copied().collect();
        let items = wanted.into_values().map(|(pid, names)| (pid, (pid, names))).collect();
        let read = |(pid, names): (u32, HashSet<SocketName>)| Table::read(pid, &names);
        let answers =
            blocking::run_each(items, OF_TABLES.until(deadline), user_of, read).into_iter().map(|answer| {
                match answer {
                    Answer::Done(table) => table,
                    Answer::TimedOut | Answer::Skipped => Table::unread(),
                }
            });
        Tables { tables: namespaces.into_iter().zip(answers).collect(), hidden: Table::hidden() }
    }

    fn of_one(seen: &Seen) -> Tables {
        let table = seen.namespace.map(|namespace| (namespace, Table::read(seen.pid, &[seen.name()].into())));
        Tables { tables: table.into_iter().collect(), hidden: Table::hidden() }
    }

    fn get(&self, namespace: Option<u64>) -> &Table {
        namespace.and_then(|namespace| self.tables.get(&namespace)).unwrap_or(&self.hidden)
    }
}

fn describe(
    pid: u32,
    stat: Stat,
    status: Status,
    compiler: Option<RustCompiler>,
    agent: Agent,
) -> RustProcess {
    let (agent, lost_agent) = match agent {
        Agent::Listens(socket) => (Some(socket), None),
        Agent::Lost(lost) => (None, Some(lost)),
        Agent::None => (None, None),
    };
    let path = match fs::read_link(format!("{}/exe", procfs::directory(pid))) {
        Ok(path) => text_of(path.as_os_str().as_bytes(), PATH_CHARACTERS),
        Err(_) => String::new(),
    };
    let mut name = name(stat.comm, &path);
    cut(&mut name, NAME_CHARACTERS);
    let (parent, uid) = (Known::Value(stat.parent), Known::Value(status.euid()));
    let (path, compiler) = (Known::Value(path), Known::Value(compiler));
    RustProcess { pid, parent, name, uid, path, compiler, agent, lost_agent, is_switched_off: false }
}

/// The kernel cuts names; the name of the executable has the rest.
fn name(comm: String, path: &str) -> String {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    match Path::new(path).file_name().and_then(|file| file.to_str()) {
        Some(file) if is_cut_from(&comm, file) => file.to_owned(),
        _ => comm,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_cut_by_the_kernel_are_completed() {
        let cut = |path| name("a-rather-long-n".to_owned(), path);
        assert_eq!(cut("/bin/a-rather-long-name"), "a-rather-long-name");
        assert_eq!(cut("/bin/a-rather-long-name (deleted)"), "a-rather-long-name");
        assert_eq!(cut("/bin/other"), "a-rather-long-n");
        assert_eq!(name("sh".to_owned(), "/bin/shop"), "sh");
    }

    #[test]
    fn the_test_process_is_listed_once_and_the_list_is_sorted() {
        let listing = list(None).unwrap();
        let own = listing.processes.iter().filter(|process| process.pid == std::process::id());
        assert_eq!(own.map(|own| own.agent.is_some()).collect::<Vec<_>>(), [false]);
        assert!(listing.processes.is_sorted_by_key(|process| process.pid));
    }
}

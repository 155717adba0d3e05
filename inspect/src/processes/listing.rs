//! Every Rust process of the host, with or without an agent, in about the time `ps` takes.
//!
//! One `stat` of `/proc/PID/exe` a process; each executable is opened once, however many processes
//! run it. Going through `/proc/PID/exe` instead of the path it names finds replaced and deleted
//! executables and those of other mount namespaces.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rgops_protocol::received::{NAME_CHARACTERS, PATH_CHARACTERS, cut, text_of};

use super::agents::{self, Agent, AgentFinder};
use super::compiler::rust_compiler;
use super::process::{Listing, RustCompiler, RustProcess};
use super::procfs::{self, Stat, Status};
use crate::budget::Budget;
use crate::files::{open_executable, within};

/// Lists the Rust processes that this process may see.
///
/// # Errors
/// When `/proc` cannot be read. Processes that end meanwhile are left out.
pub fn list() -> io::Result<Listing> {
    let mut scan = Scan::default();
    let hinted = agents::hinted_pids();
    let mut listing =
        Listing { processes: Vec::new(), unreadable: 0, as_root: rustix::process::geteuid().is_root() };
    for pid in procfs::pids()? {
        match scan.look_at(pid, hinted.contains(&pid)) {
            // What left an agent behind to be another program is not Rust.
            Ok(Some(process)) if process.compiler.is_some() || process.agent.is_some() => {
                listing.processes.push(process);
            }
            Ok(_) => {}
            // The kernel's threads have no executable, but who is not root is told "denied".
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let is_process = Stat::read(pid).is_ok_and(|stat| !stat.is_kernel_thread);
                listing.unreadable += usize::from(is_process);
            }
            // It ended while we looked.
            Err(_) => {}
        }
    }
    Ok(listing)
}

/// One process, Rust or not.
///
/// # Errors
/// When there is no such process, or it may not be looked at.
pub(super) fn look_at(pid: u32) -> io::Result<RustProcess> {
    let found = Scan::default().look_at(pid, true)?;
    match found {
        Some(process) => Ok(process),
        None => Ok(describe(pid, Stat::read(pid)?, Status::read(pid)?, None, Agent::None)),
    }
}

/// What is remembered between the processes of one scan.
#[derive(Default)]
struct Scan {
    /// By device and inode. An inode is not used again while a process runs it.
    compilers: HashMap<(u64, u64), Option<RustCompiler>>,
    agents: AgentFinder,
}

impl Scan {
    /// The process when it is Rust, or when it is `hinted` to have an agent and there are traces of one.
    fn look_at(&mut self, pid: u32, hinted: bool) -> io::Result<Option<RustProcess>> {
        let executable = format!("/proc/{pid}/exe");
        let metadata = fs::metadata(&executable)?;
        let compiler = match self.compilers.get(&(metadata.dev(), metadata.ino())) {
            Some(known) => known.clone(),
            None => {
                let look = move || rust_compiler(&open_executable(pid)?);
                let compiler =
                    within(&Budget::default(), look).unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
                self.compilers.insert((metadata.dev(), metadata.ino()), compiler.clone());
                compiler
            }
        };
        if compiler.is_none() && !hinted {
            return Ok(None);
        }
        let (stat, status) = (Stat::read(pid)?, Status::read(pid)?);
        let agent = self.agents.find(pid, stat.start_time, &status);
        if compiler.is_none() && matches!(agent, Agent::None) {
            return Ok(None);
        }
        Ok(Some(describe(pid, stat, status, compiler, agent)))
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
    let path = match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(path) => text_of(path.as_os_str().as_bytes(), PATH_CHARACTERS),
        Err(_) => String::new(),
    };
    let mut name = name(stat.comm, &path);
    cut(&mut name, NAME_CHARACTERS);
    RustProcess { pid, parent: stat.parent, name, uid: status.euid, path, compiler, agent, lost_agent }
}

/// The kernel cuts names to 15 bytes (TASK_COMM_LEN); the executable's name has the rest.
fn name(comm: String, path: &str) -> String {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    match Path::new(path).file_name().and_then(|file| file.to_str()) {
        Some(file) if comm.len() >= 15 && file.starts_with(&comm) => file.to_owned(),
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
    fn we_are_in_the_list_once_and_the_list_is_sorted() {
        let listing = list().unwrap();
        let own = listing.processes.iter().filter(|process| process.pid == std::process::id());
        assert_eq!(own.map(|own| own.agent.is_some()).collect::<Vec<_>>(), [false]);
        assert!(listing.processes.is_sorted_by_key(|process| process.pid));
    }
}

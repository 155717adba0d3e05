//! What keeps an agent from being asked, other than its own policy: the process ended, is a fork, or is in another
//! user namespace.

use std::io;
use std::time::Duration;

use super::agents::uid_mapped;
use super::suspended::has_agent_thread;
use crate::processes::process::LostBecause;
use crate::processes::resolve_error::ResolveError;
use crate::procfs::{self, Stat, Status};

/// Checks in a row that must find a fork, and the time between two.
const CHECKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);
/// Descriptors that are looked at.
const MAX_DESCRIPTORS: usize = 4096;
/// The file that an agent keeps open in its program's table, and that a fork of the program inherits.
const MARK: &str = "/memfd:rgops-agent";

/// The parent of a process that has ended and that the parent has not waited for.
pub(crate) fn zombie_parent(pid: u32) -> Option<u32> {
    let stat = Stat::read(pid).ok()?;
    (stat.state == 'Z' && stat.is_over()).then_some(stat.parent)
}

/// What is known of the agent of a process without a socket: it runs all the same, or the process is a fork. A fork
/// has what it inherits from a program with an agent, but not the agent's thread.
pub(super) fn lost_without_socket(pid: u32) -> Option<LostBecause> {
    if has_agent_thread(pid) {
        return Some(LostBecause::NoSocket);
    }
    // A process that is being killed loses its threads before its descriptors: what is seen has to last.
    let is_fork = || has_mark(pid) && !has_agent_thread(pid) && !is_dying(pid);
    for check in 0..CHECKS {
        if check > 0 {
            std::thread::sleep(PAUSE);
        }
        if !is_fork() {
            return None;
        }
    }
    Some(LostBecause::Forked)
}

/// Whether the process has the file that an agent keeps open.
fn has_mark(pid: u32) -> bool {
    let Ok(descriptors) = std::fs::read_dir(format!("{}/fd", procfs::directory(pid))) else { return false };
    descriptors.take(MAX_DESCRIPTORS).any(|descriptor| {
        let link = descriptor.and_then(|descriptor| std::fs::read_link(descriptor.path()));
        link.is_ok_and(|link| link.to_str().is_some_and(|link| link.starts_with(MARK)))
    })
}

/// Whether the process is being killed: its memory is gone, or SIGKILL is pending (proc_pid_status(5)).
fn is_dying(pid: u32) -> bool {
    const SIGKILL: u64 = 1 << (9 - 1);
    let is_gone = std::fs::read_link(format!("{}/exe", procfs::directory(pid))).is_err();
    let status = procfs::read(pid, "status").unwrap_or_default();
    let is_killed = String::from_utf8_lossy(&status)
        .lines()
        .filter_map(|line| line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:")))
        .filter_map(|pending| u64::from_str_radix(pending.trim(), 16).ok())
        .any(|pending| pending & SIGKILL != 0);
    is_gone || is_killed
}

/// Whether a process is seen to run in other namespaces than this one. A link that cannot be read says nothing, and
/// nsenter(1) could not open it either.
pub(crate) fn is_elsewhere(pid: u32) -> bool {
    let namespace = |pid: &str, kind| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    ["user", "pid", "mnt"].into_iter().any(|kind| {
        let (theirs, ours) = (namespace(&pid.to_string(), kind), namespace("self", kind));
        theirs.is_some() && ours.is_some() && theirs != ours
    })
}

/// The error for a process in another user namespace whose agent would take us for a stranger.
pub(crate) fn other_namespace(pid: u32) -> Option<ResolveError> {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user"));
    let theirs = namespace(&pid.to_string());
    let is_denied = theirs.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    if !is_denied && (theirs.is_err() || theirs.ok() == namespace("self").ok()) {
        return None;
    }
    let map = String::from_utf8(procfs::read(pid, "uid_map").ok()?).ok()?;
    let status = Status::read(pid).ok()?;
    let ours = rustix::process::geteuid().as_raw();
    if !is_denied && (status.euid() == ours || uid_mapped(&map, ours) == Some(0)) {
        return None;
    }
    let groups = String::from_utf8(procfs::read(pid, "gid_map").ok()?).ok()?;
    let has_root = |map: &str| {
        map.lines().any(|line| line.split_ascii_whitespace().next().is_some_and(|inside| inside == "0"))
    };
    // Without a user 0 inside, nsenter(1) cannot become one.
    let has_root = has_root(&map) && has_root(&groups);
    // Denied, though it is not in another namespace: it is hardened.
    let own_map = procfs::read(std::process::id(), "uid_map").ok()?;
    (map.as_bytes() != own_map).then_some(ResolveError::OtherNamespace { pid, uid: status.euid(), has_root })
}

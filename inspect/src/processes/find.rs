//! Finds processes: all of them, or the one with a given pid or unique name, with or without an agent.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::details::{Connection, ProcessDetails};
use super::host::{Host, is_elsewhere, of_descriptors, open_descriptors, other_namespace, zombie_parent};
use super::process::{Listing, RustProcess};
use super::reader::ProcessReader as _;
use super::resolve_error::ResolveError;
use crate::text::few_left;

/// Lists the Rust processes that this process may see.
///
/// # Errors
/// When the system does not list processes. Processes that end during the call are left out.
pub fn list() -> io::Result<Listing> {
    Host::list(None)
}

/// Reads the process with the pid or unique name `target`. With a `window` it waits that long to measure CPU
/// usage.
///
/// # Errors
/// [`ResolveError`] when there is no such process or access to it is denied. Values that cannot be read are
/// `Known::Unavailable`.
pub fn details(target: &str, window: Option<Duration>) -> Result<ProcessDetails, ResolveError> {
    let (process, unseen) = match target.parse() {
        Ok(pid) => (by_pid(pid, None)?, 0),
        Err(_) => by_name(target, None)?,
    };
    Host::details(process, window)
        .map(|details| ProcessDetails { unseen, ..details })
        .map_err(|error| ResolveError::System { target: target.to_owned(), error })
}

/// `63 of 64 descriptors are open`, if a process of this host has few left.
pub(crate) fn few_descriptors(pid: u32) -> Option<String> {
    open_descriptors(pid).and_then(|(open, limit)| few_left(open, limit))
}

/// The TCP and UDP sockets of some descriptors of a process of this host, as far as they can be read.
pub(crate) fn sockets(pid: u32, descriptors: &BTreeSet<u32>) -> HashMap<u32, Connection> {
    of_descriptors(pid, descriptors)
}

/// The process with this pid.
pub(super) fn by_pid(pid: u32, deadline: Option<Instant>) -> Result<RustProcess, ResolveError> {
    Host::read_one(pid, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => match Host::owner(pid) {
            uid if is_root() || uid.is_some() && uid == own_uid() => {
                other_namespace(pid).unwrap_or(ResolveError::Denied { pid, is_elsewhere: is_elsewhere(pid) })
            }
            uid => ResolveError::OtherUser { pid, uid },
        },
        _ if !Host::exists(pid) => match zombie_parent(pid) {
            Some(parent) => ResolveError::Zombie { pid, parent },
            None => ResolveError::NoSuchProcess { pid },
        },
        io::ErrorKind::NotFound if Host::is_ending(pid) => ResolveError::Ending { pid },
        // A kernel thread has neither an executable nor an environment.
        io::ErrorKind::NotFound => {
            ResolveError::NoAgent { pid, name: String::new(), is_rust: false, is_switched_off: false }
        }
        _ => ResolveError::System { target: pid.to_string(), error },
    })
}

#[cfg(unix)]
fn own_uid() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn own_uid() -> Option<u32> {
    None
}

/// Whether the current user is root, who may read everything that can be read.
pub(super) fn is_root() -> bool {
    own_uid() == Some(0)
}

/// The process with this name, and how many other processes may have it.
pub(super) fn by_name(name: &str, deadline: Option<Instant>) -> Result<(RustProcess, usize), ResolveError> {
    let listing =
        Host::list(deadline).map_err(|error| ResolveError::System { target: name.to_owned(), error })?;
    let (unreadable, as_root) = (listing.unreadable, listing.as_root);
    let unanswered = listing.unanswered.len() + listing.not_asked;
    let named = listing.processes.into_iter().filter(|process| has_name(process, name)).collect();
    let stuck = listing.unanswered.into_iter().filter(|pid| Host::may_be_named(*pid, name));
    match only(name, named, stuck.collect())? {
        Some(process) => Ok((process, unanswered)),
        None => Err(ResolveError::NoSuchName { name: name.to_owned(), unreadable, unanswered, as_root }),
    }
}

/// Selects the process that a name means: the only one that has or may have an agent, or the only one.
/// Processes in `stuck` also have the name; nothing else about them is known.
fn only(
    name: &str,
    mut named: Vec<RustProcess>,
    stuck: Vec<u32>,
) -> Result<Option<RustProcess>, ResolveError> {
    if named.iter().any(|process| process.agent.is_some()) {
        named.retain(RustProcess::listens_or_may);
    }
    if named.len() > 1 || !named.is_empty() && !stuck.is_empty() {
        let mut pids: Vec<u32> = named.iter().map(|process| process.pid).chain(stuck).collect();
        pids.sort_unstable();
        return Err(ResolveError::Ambiguous { name: name.to_owned(), pids });
    }
    Ok(named.pop())
}

/// A program may rename itself, so the name of its executable also counts.
fn has_name(process: &RustProcess, name: &str) -> bool {
    let path = process.path.value().map_or("", String::as_str);
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let is_name = |text: &str| text == name || cfg!(windows) && is_windows_name(text, name);
    is_name(&process.name) || Path::new(path).file_name().and_then(|file| file.to_str()).is_some_and(is_name)
}

/// Windows ignores case in names, and users omit `.exe`.
fn is_windows_name(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    text == name || text.strip_suffix(".exe") == Some(&*name)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn windows_names_may_omit_the_extension() {
        assert!(is_windows_name("Shop.exe", "shop") && is_windows_name("shop.EXE", "Shop.exe"));
        assert!(!is_windows_name("shopper.exe", "shop") && !is_windows_name(".exe", "shop"));
    }
    use crate::processes::process::LostBecause;
    use crate::processes::process::tests::process;

    #[test]
    fn the_test_process_is_found_by_name() {
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        match by_name(&name, None) {
            Ok((process, _)) => assert_eq!(process.pid, std::process::id()),
            // Someone else runs these tests at the same time.
            Err(ResolveError::Ambiguous { pids, .. }) => assert!(pids.contains(&std::process::id())),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_namesake_with_an_unknown_agent_makes_the_name_ambiguous() {
        let agent = |pid| process(pid, true, None);
        let lost = |pid, because| process(pid, false, Some(because));
        let pid = |named, stuck| only("shop", named, stuck).map(|found| found.map(|process| process.pid));
        let is_ambiguous = |named, stuck, expected: &[u32]| matches!(only("shop", named, stuck), Err(ResolveError::Ambiguous { pids, .. }) if pids == expected);
        assert!(is_ambiguous(vec![lost(7, LostBecause::Crowded), agent(8)], vec![], &[7, 8]));
        // Its agent listens.
        assert!(is_ambiguous(vec![lost(7, LostBecause::Deleted), agent(8)], vec![], &[7, 8]));
        assert_eq!(pid(vec![lost(7, LostBecause::Silent), agent(8)], vec![]).unwrap(), Some(8));
        assert_eq!(pid(vec![process(7, false, None), agent(8)], vec![]).unwrap(), Some(8));
        assert_eq!(pid(vec![lost(7, LostBecause::Crowded)], vec![]).unwrap(), Some(7));
        // It has the name, and does not answer.
        assert!(is_ambiguous(vec![agent(8)], vec![5], &[5, 8]));
        assert_eq!(pid(vec![], vec![5]).unwrap(), None);
    }
}

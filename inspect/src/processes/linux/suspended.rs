//! Whether a process cannot run at all: stopped by a signal, held by a debugger, or frozen by its cgroup. Nothing in
//! it answers then, and no timeout is long enough.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::processes::process::Suspension;
use crate::procfs::{self, Stat, Status, read};

/// Checks in a row that must agree: a debugger stops its program for moments, too.
const CHECKS: u32 = 3;
/// Time between two checks.
const PAUSE: Duration = Duration::from_millis(20);
/// Maximum threads that are looked at.
const MAX_THREADS: usize = 4096;
/// Maximum ancestors of a cgroup.
const MAX_LEVELS: usize = 64;

/// Why its agent cannot run, if it has one and that is so. Takes a moment only if it is so.
pub(crate) fn suspended_agent(pid: u32) -> Option<Suspension> {
    let agent = agent_thread(pid)?;
    lasting(|| of_thread(pid, agent))
}

/// Why the process does not run, if that is so.
pub(super) fn suspended(pid: u32) -> Option<Suspension> {
    let thread = procfs::living_thread(pid).unwrap_or(pid);
    lasting(|| of_thread(pid, thread))
}

fn lasting(look: impl Fn() -> Option<Suspension>) -> Option<Suspension> {
    let first = look()?;
    for _ in 1..CHECKS {
        std::thread::sleep(PAUSE);
        look()?;
    }
    Some(first)
}

fn of_thread(pid: u32, thread: u32) -> Option<Suspension> {
    match Stat::of_thread(pid, thread).ok()?.state {
        'T' => Some(Suspension::Stopped),
        't' => Some(Suspension::Traced(Status::tracer(pid, thread))),
        // A running thread is not frozen.
        'R' => None,
        _ => freezer(pid, thread).map(|(file, thaw)| Suspension::Frozen(file, thaw)),
    }
}

/// Whether an agent runs in the process.
pub(super) fn has_agent_thread(pid: u32) -> bool {
    agent_thread(pid).is_some()
}

fn agent_thread(pid: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let ids = threads.take(MAX_THREADS).filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok());
    ids.into_iter().find(|thread| {
        read(pid, &format!("task/{thread}/comm")).is_ok_and(|comm| comm.trim_ascii_end() == b"rgops-agent")
    })
}

/// The file of the nearest cgroup that freezes the process, and what thaws it.
fn freezer(pid: u32, thread: u32) -> Option<(PathBuf, &'static str)> {
    let groups = String::from_utf8(read(pid, &format!("task/{thread}/cgroup")).ok()?).ok()?;
    let mounts = String::from_utf8(read(std::process::id(), "mountinfo").ok()?).ok()?;
    let holds = |file: &Path, frozen: &str| {
        std::fs::read(file).is_ok_and(|text| text.trim_ascii_end() == frozen.as_bytes())
    };
    directories(&groups, &mounts).into_iter().find_map(|(mount, directory, is_v2)| {
        let (file, frozen, thaw) =
            if is_v2 { ("cgroup.freeze", "1", "0") } else { ("freezer.self_freezing", "1", "THAWED") };
        let levels = directory.ancestors().take(MAX_LEVELS).take_while(|level| level.starts_with(&mount));
        let mut frozen_by = levels.filter(|level| holds(&level.join(file), frozen));
        let at = frozen_by.next()?;
        Some((if is_v2 { at.join(file) } else { at.join("freezer.state") }, thaw))
    })
}

/// Mount point, directory and version of the cgroups that can freeze: the lines of `/proc/PID/cgroup` in the mounts
/// that we see.
fn directories(groups: &str, mounts: &str) -> Vec<(PathBuf, PathBuf, bool)> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let is_v2 = number == "0" && controllers.is_empty();
        if !is_v2 && !controllers.split(',').any(|controller| controller == "freezer") {
            continue;
        }
        for mount in mounts.lines() {
            // … root mount-point options [tags] - type source super-options (proc_pid_mountinfo(5))
            let Some((before, after)) = mount.split_once(" - ") else { continue };
            let before: Vec<&str> = before.split(' ').collect();
            let after: Vec<&str> = after.split(' ').collect();
            let (Some(root), Some(point), Some(kind)) = (before.get(3), before.get(4), after.first()) else {
                continue;
            };
            let is_it = match is_v2 {
                true => *kind == "cgroup2",
                false => {
                    let options = after.get(2).copied().unwrap_or_default();
                    *kind == "cgroup" && options.split(',').any(|option| option == "freezer")
                }
            };
            let relative = match *root {
                "/" => path.strip_prefix('/'),
                root => path.strip_prefix(root).map(|rest| rest.trim_start_matches('/')),
            };
            if let (true, Some(relative)) = (is_it, relative) {
                found.push((PathBuf::from(point), Path::new(point).join(relative), is_v2));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directories_of_both_versions_are_found() {
        let groups = "6:cpu,freezer:/jail/a\n4:memory:/m\n0::/b c\n";
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      37 31 0:34 /jail /sys/fs/cgroup/freezer rw,relatime shared:9 - cgroup cgroup rw,freezer\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let expected = [
            ("/sys/fs/cgroup/freezer", "/sys/fs/cgroup/freezer/a", false),
            ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/b c", true),
        ];
        let expected = expected.map(|(mount, directory, is_v2)| (mount.into(), directory.into(), is_v2));
        assert_eq!(directories(groups, mounts), expected);
        assert_eq!(directories("garbage\n1:freezer:\n", "garbage\n"), []);
    }

    #[test]
    fn this_process_runs() {
        assert_eq!(suspended(std::process::id()), None);
        assert_eq!(suspended_agent(std::process::id()), None);
    }
}

//! `sysinfo` and our own reader show the same processes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::reader::Portable;
use crate::processes::linux::Linux;
use crate::processes::process::RustProcess;
use crate::processes::reader::ProcessReader;
use crate::procfs::{self, Stat, is_cut_from};

/// A waiting process, killed at the end of the test.
struct Waiting(Child);

impl Waiting {
    fn start() -> Waiting {
        let mut sleep = Command::new("/bin/sleep");
        let child = Waiting(sleep.arg("60").stdin(Stdio::null()).spawn().unwrap());
        // It is spawned before it has its arguments, and runs until it sleeps.
        let deadline = Instant::now() + Duration::from_secs(20);
        let sleeps = || Stat::read(child.0.id()).is_ok_and(|stat| stat.comm == "sleep" && stat.state == 'S');
        while !sleeps() {
            assert!(Instant::now() < deadline, "it does not sleep");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes that our own reader can read, without kernel threads.
fn by_own_reader() -> BTreeMap<u32, RustProcess> {
    let pids = procfs::pids().unwrap().into_iter();
    let of_programs = pids.filter(|pid| Stat::read(*pid).is_ok_and(|stat| !stat.is_kernel_thread));
    of_programs.filter_map(|pid| Some((pid, Linux::read_one(pid, None).ok()?))).collect()
}

fn is_same(one: &RustProcess, other: &RustProcess) -> bool {
    (&one.name, one.parent.value(), one.uid.value(), one.path.value())
        == (&other.name, other.parent.value(), other.uid.value(), other.path.value())
}

#[test]
fn both_readers_show_the_same_processes() {
    let children = [Waiting::start(), Waiting::start()];
    let before = by_own_reader();
    let listing = Portable::list(None).unwrap();
    let after = by_own_reader();
    assert!(listing.processes.is_sorted_by_key(|process| process.pid));
    let shown: BTreeMap<u32, &RustProcess> =
        listing.processes.iter().map(|process| (process.pid, process)).collect();
    // Other processes start, end and replace themselves during the test.
    let stayed = |pid: &u32| Some((before.get(pid)?, after.get(pid)?)).filter(|(a, b)| is_same(a, b));
    let mut compared = 0;
    for (pid, own) in before.iter().filter(|(pid, _)| stayed(pid).is_some()) {
        let other = shown.get(pid).unwrap_or_else(|| panic!("sysinfo does not show {own:?}"));
        let has_name = other.name == own.name || is_cut_from(&other.name, &own.name);
        assert!(has_name, "{own:?} {other:?}");
        assert_eq!(other.parent, own.parent, "{own:?}");
        assert_eq!(other.uid, own.uid, "{own:?}");
        let path = own.path.value().unwrap();
        let without = |path: &str| path.trim_end_matches(" (deleted)").to_owned();
        assert_eq!(other.path.value().map(|path| without(path)), Some(without(path)), "{own:?}");
        assert!(other.compiler.value().is_none() && other.agent.is_none());
        compared += 1;
    }
    assert!(compared >= 3, "{compared}");
    let own_pid = std::process::id();
    for child in &children {
        let (pid, listed) = (child.0.id(), shown[&child.0.id()]);
        assert_eq!((listed.parent.value(), listed.name.as_str()), (Some(&own_pid), "sleep"));
        assert!(is_same(&Portable::read_one(pid, None).unwrap(), listed));
    }
    // No other processes are shown.
    for pid in shown.keys().filter(|pid| !before.contains_key(pid) && !after.contains_key(pid)) {
        assert!(Linux::read_one(*pid, None).is_err(), "{:?}", shown[pid]);
    }
}

#[test]
fn numbers_are_known_or_have_a_reason() {
    let child = Waiting::start();
    let pid = child.0.id();
    let own = Linux::details(Linux::read_one(pid, None).unwrap(), None).unwrap();
    let window = Some(Duration::from_millis(50));
    let other = Portable::details(Portable::read_one(pid, None).unwrap(), window).unwrap();
    assert_eq!((&other.user, &other.command), (&own.user, &own.command));
    assert_eq!(other.state.value(), Some(&'S'));
    assert!(other.memory_percent.value().is_some_and(|percent| *percent > 0.0));
    assert!(other.elapsed.value().is_some() && other.cpu_percent.value().is_some());
    assert!(other.cpu_window.unwrap().1.value().is_some());
    assert!(other.threads.value().is_none() && other.connections.value().is_none());
    drop(child);
    assert!(!Portable::exists(pid) && Portable::exists(std::process::id()));
    assert_eq!(Portable::read_one(pid, None).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

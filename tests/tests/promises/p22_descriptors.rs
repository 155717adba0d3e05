//! Promise 22: if the program closes, replaces or exhausts its descriptors, the agent never touches the program's.

use std::fs;
use std::process::Command;

use rgops_inspect::client::{Answer, Event};
use rgops_protocol::request::{
    MemstatsRequest, PprofCpuRequest, PprofHeapRequest, Request, SchedtraceRequest, StackRequest,
    StatsRequest, TasksRequest, TraceRequest, VersionRequest,
};
use rgops_tests::asking::{Raw, connect, stats};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::{self, Target};
use rgops_tests::waiting::until;

/// The program of these tests: a wrapped allocator, a hook that counts panics, a watched runtime and a thread that
/// computes.
fn start(directory: &Directory) -> Target {
    start_built(directory, target::sampled())
}

fn start_built(directory: &Directory, program: impl AsRef<std::ffi::OsStr>) -> Target {
    fs::create_dir(directory.path().join("own")).unwrap();
    let mut target = Target::run(directory, Command::new(program), |_| {});
    assert_eq!(target.order("hook"), "hooked");
    target
}

fn close_all(target: &mut Target) {
    assert_eq!(target.order("close-all"), "closed");
}

/// The program then has every descriptor number that the agent could have had.
fn open_own(target: &mut Target, directory: &Directory) {
    let opened = target.order(&format!("own-files {}", directory.path().join("own").display()));
    assert!(opened.starts_with("opened "), "{opened}");
}

/// The program's descriptors are unchanged and nothing panicked; then the program exits normally.
fn unharmed(target: &mut Target) {
    assert_eq!(target.order("check-files"), "unchanged");
    assert_eq!(target.order("panics"), "0", "{}", target.errors());
    target.send("exit 7");
    assert_eq!(target.end().code(), Some(7), "{}", target.errors());
}

fn answers(path: &str) {
    assert!(stats(path).uptime_ns.value().is_some());
}

#[test]
fn the_agent_and_the_program_share_no_descriptor() {
    let directory = Directory::new();
    let mut target = start(&directory);
    let before = target.descriptors();
    target.listen("tcp=127.0.0.1:0 token=0123456789abcdef");
    let mut now = target.descriptors();
    now.retain(|descriptor| !before.contains(descriptor));
    let [(_, mark)] = &now[..] else { panic!("{now:?}") };
    assert!(mark.to_string_lossy().starts_with("/memfd:rgops-agent"), "{mark:?}");
    let agents = target.agents_descriptors();
    assert!(agents.len() > 5, "{agents:?}");
    for (number, what) in &agents {
        let is_standard = ["0", "1", "2"].contains(&number.as_str());
        assert!(!before.iter().any(|(_, theirs)| theirs == what), "{number} is the program's {what:?}");
        assert_eq!(is_standard, agents.iter().filter(|(_, other)| other == what).count() == 3, "{agents:?}");
    }
    // Nothing else keeps its standard output open when the program closes it.
    assert_eq!(target.order("close"), "closed");
    assert_eq!(target.descriptors(), before);
}

/// The program closes everything, takes all free numbers, and then does what wakes or ends an agent.
#[test]
fn closing_dropping_and_watching_after_the_program_has_closed_everything() {
    for end in ["close", "drop"] {
        let directory = Directory::new();
        let mut target = start(&directory);
        let path = target.listen("tcp=127.0.0.1:0 token=0123456789abcdef");
        let silent = Raw::connect(&path).unwrap();
        let greeted = Raw::greeted(&path);
        close_all(&mut target);
        open_own(&mut target, &directory);
        answers(&path);
        target.order("runtime 2");
        assert_eq!(target.order("watch late"), "watched");
        answers(&path);
        target.order(end);
        assert_eq!(connect(&path).is_err(), end == "close");
        drop((silent, greeted));
        unharmed(&mut target);
    }
}

/// The orders in which a program becomes a daemon and starts its agent.
#[test]
fn a_daemon_that_listens_at_any_step_keeps_its_files() {
    let orders: [&[&str]; 4] = [
        &["listen", "daemonize", "close-all", "own"],
        &["daemonize", "close-all", "listen", "own"],
        &["listen", "close-all", "own", "listen"],
        &["listen", "daemonize", "close-all", "listen", "own"],
    ];
    for (number, order) in orders.iter().enumerate() {
        for program in [target::sampled(), built::daemon()] {
            let directory = Directory::new();
            let mut target = start_built(&directory, program);
            let mut address = None;
            for verb in *order {
                match *verb {
                    "listen" => address = Some(target.listen("")),
                    "own" => open_own(&mut target, &directory),
                    "close-all" => close_all(&mut target),
                    other => drop(target.order(other)),
                }
            }
            // In the first order the agent belongs to the parent, which is still running and answers.
            let address = address.unwrap();
            answers(&address);
            assert_eq!(directory.socket_names().len(), if number == 3 { 2 } else { 1 });
            assert_eq!(target.order("close"), "closed");
            assert_eq!(connect(&address).is_err(), number != 0, "order {number}");
            unharmed(&mut target);
        }
    }
}

#[test]
fn a_second_listen_after_closing_everything_replaces_the_agent_and_only_then() {
    let directory = Directory::new();
    let mut target = start(&directory);
    target.order("runtime 2");
    let path = target.listen("");
    let answer = target.order("listen");
    assert!(answer.starts_with("failed AlreadyListening: "), "{answer}");
    let first = connect(&path).unwrap().hello().cookie;
    for _ in 0..3 {
        close_all(&mut target);
        open_own_once(&mut target, &directory);
        // The program's runtime has lost its descriptors: create a new one, as a daemon would.
        assert_eq!(target.listen(""), path);
        assert_ne!(connect(&path).unwrap().hello().cookie, first);
        // The kernel lists a thread for a moment after it was joined.
        until("one agent", || {
            (target.threads().iter().filter(|(_, name)| name == "rgops-agent").count() == 1).then_some(())
        });
        assert!(target.order("listen").starts_with("failed AlreadyListening: "));
    }
    assert_eq!(target.order("close"), "closed");
    assert_eq!(directory.socket_names(), [""; 0]);
    assert_eq!(target.order("panics"), "0");
}

/// A file with the number of the mark must not be mistaken for it.
fn open_own_once(target: &mut Target, directory: &Directory) {
    let folder = directory.unused("own");
    fs::create_dir(&folder).unwrap();
    assert!(target.order(&format!("own-files {}", folder.display())).starts_with("opened "));
}

fn requests() -> Vec<(&'static str, Request)> {
    vec![
        ("stack", Request::Stack(StackRequest { max_depth: 64 })),
        ("tasks", Request::Tasks(TasksRequest { max_cell_bytes: 4096, max_depth: 64 })),
        ("pprof-cpu", Request::PprofCpu(PprofCpuRequest { duration_ms: 400, hz: 499 })),
        ("trace", Request::Trace(TraceRequest { duration_ms: 400, hz: 99, interval_us: 10_000 })),
        ("pprof-heap", Request::PprofHeap(PprofHeapRequest { duration_ms: 0, interval_ms: 0, live: false })),
        ("leaks", Request::PprofHeap(PprofHeapRequest { duration_ms: 400, interval_ms: 100, live: true })),
        ("stats", Request::Stats(StatsRequest { window_ms: 400 })),
        ("memstats", Request::Memstats(MemstatsRequest {})),
        ("version", Request::Version(VersionRequest {})),
        (
            "schedtrace",
            Request::Schedtrace(SchedtraceRequest { interval_ms: 50, count: 8, ranges: Vec::new() }),
        ),
    ]
}

/// Receives the rest of the answer to its end.
fn complete(name: &str, mut answer: Answer) {
    loop {
        if let Event::End(_) = answer.next_event().unwrap_or_else(|error| panic!("{name}: {error}")) {
            return;
        }
    }
}

#[test]
fn requests_are_answered_while_the_program_closes_everything() {
    let directory = Directory::new();
    let mut target = start(&directory);
    target.order("burn");
    let path = target.listen("");
    for (name, request) in requests() {
        let running = connect(&path).unwrap().ask(&request).unwrap();
        close_all(&mut target);
        open_own_once(&mut target, &directory);
        complete(name, running);
        // Nothing else happens before the late request: the agent waits 5 s for it.
        let late = connect(&path).unwrap();
        close_all(&mut target);
        open_own_once(&mut target, &directory);
        complete(name, late.ask(&request).unwrap());
        assert_eq!(target.order("check-files"), "unchanged", "{name}");
    }
    assert_eq!(target.order("panics"), "0", "{}", target.errors());
    // One of each is still running when the agent is closed.
    for (name, request) in requests() {
        let path = match target.order("listen").strip_prefix("listening ") {
            Some(path) => path.trim().to_owned(),
            None => path.clone(),
        };
        let answer = connect(&path).unwrap().ask(&request).unwrap();
        close_all(&mut target);
        open_own_once(&mut target, &directory);
        assert_eq!(target.order("close"), "closed");
        drop(answer);
        assert_eq!(target.order("check-files"), "unchanged", "{name}");
    }
    unharmed(&mut target);
}

#[test]
fn a_program_with_panic_abort_survives_the_same() {
    let directory = Directory::new();
    let mut target = start_built(&directory, built::daemon());
    target.order("burn");
    for (name, request) in requests() {
        let path = target.listen("");
        let silent = Raw::connect(&path).unwrap();
        let answer = connect(&path).unwrap().ask(&request).unwrap();
        close_all(&mut target);
        open_own_once(&mut target, &directory);
        complete(name, answer);
        assert_eq!(target.order("close"), "closed", "{name}");
        drop(silent);
        assert_eq!(target.order("check-files"), "unchanged", "{name}");
    }
    unharmed(&mut target);
}

#[test]
fn an_agent_answers_in_a_program_without_free_descriptors() {
    for is_before in [true, false] {
        let directory = Directory::new();
        let mut target = start(&directory);
        target.order("runtime 2");
        target.order("burn");
        let mut path = String::new();
        if !is_before {
            path = target.listen("");
        }
        assert!(target.order("exhaust").contains("Too many open files"));
        if is_before {
            path = target.listen("");
        }
        for (name, request) in requests() {
            complete(name, connect(&path).unwrap().ask(&request).unwrap());
        }
        assert_eq!(stats(&path).descriptors.value(), Some(&64));
        assert_eq!(target.order("close"), "closed");
        assert_eq!(target.order("panics"), "0");
        assert!(connect(&path).is_err());
    }
}

/// Tokio's feature `signal` keeps one socket pair for all runtimes of a process, by number. The agent's runtime must
/// not use it, whichever runtime is created first.
#[test]
fn signals_that_tokio_waits_for_reach_the_program() {
    for is_first in [true, false] {
        let directory = Directory::new();
        let mut target = start(&directory);
        if !is_first {
            assert_eq!(target.order("signals 3"), "got 3");
        }
        let path = target.listen("");
        assert_eq!(target.order("signals 100"), "got 100");
        answers(&path);
        assert_eq!(target.order("close"), "closed");
        assert_eq!(target.order("signals 3"), "got 3");
    }
}

/// Listing tasks spawns a task of ours, which wakes a worker through a descriptor of the program's.
#[test]
fn workers_of_the_program_are_woken_by_the_programs_descriptors() {
    let directory = Directory::new();
    let mut target = start(&directory);
    target.order("runtime 2");
    target.order("beat");
    let path = target.listen("");
    let beats = |target: &mut Target| target.order("beats").parse::<u64>().unwrap();
    for _ in 0..100 {
        let request = Request::Tasks(TasksRequest { max_cell_bytes: 0, max_depth: 0 });
        complete("tasks", connect(&path).unwrap().ask(&request).unwrap());
        let before = beats(&mut target);
        until("its tasks continue", || (beats(&mut target) > before).then_some(()));
        // Our tasks were polled, and so have ended.
        until("none of ours is left", || (target.order("alive") == "1").then_some(()));
    }
}

/// The parent's agent ends at once with the parent: a child has none of its descriptors.
#[test]
fn a_fork_child_keeps_no_descriptor_of_the_agent() {
    let directory = Directory::new();
    let mut target = start(&directory);
    let path = target.listen("");
    let child = target.order("fork stay");
    let child = child.strip_prefix("forked ").unwrap();
    for entry in fs::read_dir(format!("/proc/{child}/fd")).unwrap() {
        let what = fs::read_link(entry.unwrap().path()).unwrap();
        assert!(!what.to_string_lossy().starts_with("socket:"), "{what:?}");
    }
    // Killed, not closed, so nothing can clean up.
    target.kill();
    let refused = std::os::unix::net::UnixStream::connect(&path).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "no listener is left");
}

//! Compares our stacks with gdb's, on 1000 threads parked at known places.
//!
//! gdb reads the same threads with its own unwinder and its own DWARF reader. Every function must be the same,
//! inlined ones included, from the leaf to the root.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use rgops_inspect::budget;
use rgops_inspect::client::{Client, Timeouts};
use rgops_inspect::processes;
use rgops_inspect::report::stack::{StackReport, Thread, View};
use rgops_protocol::reply::stack::{Capture, StackPart};
use rgops_protocol::request::{Request, StackRequest};
use rgops_tests::built;
use rgops_tests::program::output;
use rgops_tests::running::Running;

const THREADS: usize = 1000;

#[test]
fn gdb_shows_the_same_stacks_for_1000_threads() {
    let _alone = crate::alone();
    if !gdb_is_there() {
        return;
    }
    // Killed when dropped.
    let crowd =
        Running::start_and_wait(&built::release("crowd"), &[&THREADS.to_string(), "--seconds", "1200"]);
    let began = Instant::now();
    let report = ask(crowd.pid());
    let text = report.render(&View::default());
    let ours = began.elapsed();
    assert!(text.contains("c-0000"), "{text}");

    let began = Instant::now();
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set pagination off", "-ex", "thread apply all bt", "-p"]);
    let gdb = output(gdb.arg(crowd.pid().to_string()), Duration::from_secs(600));
    let theirs = began.elapsed();
    let seen = parse(&String::from_utf8_lossy(&gdb.stdout));
    println!("{THREADS} threads: rgops {ours:.2?}, gdb {theirs:.2?}");

    let members: Vec<&Thread> =
        report.threads.iter().filter(|thread| thread.name.starts_with("c-")).collect();
    assert_eq!(members.len(), THREADS);
    let is_quiet = |thread: &&&Thread| matches!(thread.capture, Capture::Quiet);
    let quiet = members.iter().filter(is_quiet).count();
    if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        assert!(quiet * 100 >= THREADS * 95, "{quiet} of {THREADS} without a signal");
    }
    let is_equal = |thread: &&&Thread| {
        let frames: Vec<String> = thread.frames.iter().map(|frame| last_part(&frame.name())).collect();
        let referee = seen.get(&thread.tid).unwrap_or_else(|| panic!("gdb did not see {}", thread.tid));
        if &frames != referee {
            println!("thread {} {}:\n  rgops {frames:?}\n  gdb   {referee:?}", thread.tid, thread.name);
        }
        &frames == referee
    };
    let equal = members.iter().filter(is_equal).count();
    println!("{quiet} of {THREADS} without a signal, {equal} as gdb sees them");
    assert!(equal * 100 >= THREADS * 99, "{equal} of {THREADS} are as gdb sees them");
}

/// Whether gdb is installed. With `RGOPS_NO_SKIP=1` a missing gdb is a failure.
fn gdb_is_there() -> bool {
    if Command::new("gdb").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "gdb is missing");
    println!("SKIPPED: gdb is missing; install it with `apt-get install gdb`");
    false
}

fn ask(pid: u32) -> StackReport {
    let target = processes::resolve(&pid.to_string(), None, &budget::standard()).unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(10), silence: Duration::from_secs(10) };
    let client = Client::connect(&target.endpoint, timeouts).unwrap();
    let hello = client.hello().clone();
    let mut answer = client.ask(&Request::Stack(StackRequest { max_depth: 256 })).unwrap();
    let collected = answer.collect::<StackPart>(&mut |_| {});
    collected.end.unwrap();
    StackReport::new(&hello, target.local_pid, &[], collected.parts)
}

/// The function names of each thread, leaf first, from `thread apply all bt`.
fn parse(text: &str) -> HashMap<u32, Vec<String>> {
    let mut threads: HashMap<u32, Vec<String>> = HashMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("(LWP ") {
            current = line.starts_with("Thread ").then(|| rest.split(')').next().unwrap().parse().unwrap());
        } else if line.starts_with('#')
            && let Some(tid) = current
        {
            // `#3  0x000055… in crowd::in_sleep () at crowd.rs:150`, without the address when inlined.
            let rest = line.split_once(' ').unwrap().1.trim_start();
            let rest = if rest.starts_with("0x") { rest.split_once(" in ").unwrap().1 } else { rest };
            let name = rest.split(" (").next().unwrap();
            threads.entry(tid).or_default().push(last_part(name));
        }
    }
    threads
}

/// The last part of a function's path: gdb writes paths, generics and closures in its own way (`{impl#3}`).
fn last_part(name: &str) -> String {
    let mut depth = 0i32;
    let mut plain = String::new();
    let mut previous = ' ';
    for character in name.chars() {
        match character {
            '<' => depth += 1,
            // The arrow of a function type is not a closing bracket.
            '>' if previous != '-' => depth -= 1,
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
        previous = character;
    }
    let plain = plain.replace("{{closure}}", "{closure}").replace("{{vtable.shim}}", "");
    let plain = plain.trim_end_matches(':');
    // gdb keeps the hash of a legacy symbol, `::h303b5c13cfaefdae`.
    let is_hash = |part: &str| {
        part.len() == 17 && part.starts_with('h') && part[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let last = plain.rsplit("::").find(|part| !part.is_empty() && !is_hash(part)).unwrap_or(plain).trim();
    match last {
        _ if last.starts_with("{closure") => "{closure}".to_owned(),
        // The C library has several names for one address, `clone3` and `__clone3`.
        _ => last.split('@').next().unwrap_or(last).trim_start_matches('_').to_owned(),
    }
}

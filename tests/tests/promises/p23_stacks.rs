//! Promise 23: no stack is used beyond its bounds. Coroutines and alternate stacks of 4 to 64 KiB are made from
//! malloc, static memory and mmap, without guard pages. Every capture reads the threads on them, and the heap is
//! sampled at 4096 bytes all the time. The 48 KiB below each stack are checked.
//!
//! 3 rounds per stack and capture, and 1,000 with `RGOPS_LONG=1`.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use rgops_protocol::received::Received;
use rgops_protocol::reply::pprof_cpu::PprofCpuPart;
use rgops_protocol::reply::pprof_heap::PprofHeapPart;
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::trace::TracePart;
use rgops_protocol::request::{PprofCpuRequest, PprofHeapRequest, Request, StackRequest, TraceRequest};
use rgops_tests::asking::ask;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;

/// Rounds and changed bytes of each stack, by its name.
type Report = HashMap<String, (u64, u64)>;

fn report(target: &mut Target) -> Report {
    target.send("report");
    let mut report = Report::new();
    loop {
        let line = target.line();
        if line == "end" {
            return report;
        }
        let words: Vec<&str> = line.split(' ').collect();
        report.insert(words[0].to_owned(), (words[1].parse().unwrap(), words[2].parse().unwrap()));
    }
}

fn changed(report: &Report) -> Vec<String> {
    let mut changed: Vec<String> = report
        .iter()
        .filter(|(_, (_, changed))| *changed > 0)
        .map(|(name, (rounds, changed))| format!("{name}: {changed} bytes in {rounds} rounds"))
        .collect();
    changed.sort();
    changed
}

/// The notes about unknown stacks, and about threads that are not captured.
const UNKNOWN_BOUNDS: &str = "on a stack whose bounds are unknown";
const NOT_CAPTURED: &str = "without an alternate stack";

/// Sends a request; returns which of these notes the answer contains.
fn notes_in<T: Received>(path: &str, request: &Request) -> [bool; 2] {
    let notes = ask::<T>(path, request).unwrap().end.unwrap().notes;
    [UNKNOWN_BOUNDS, NOT_CAPTURED].map(|text| notes.iter().any(|note| note.why.contains(text)))
}

/// Repeats `capture` until every stack was used for this number of further rounds, and the `wanted` notes were seen.
fn during(
    target: &mut Target,
    what: &str,
    (rounds, wanted): (u64, [bool; 2]),
    mut capture: impl FnMut() -> [bool; 2],
) {
    let before = report(target);
    let deadline = Instant::now() + Duration::from_secs(120 + 3 * rounds);
    let mut missing = wanted;
    loop {
        for (missing, seen) in missing.iter_mut().zip(capture()) {
            *missing &= !seen;
        }
        let now = report(target);
        let fewest = now.iter().map(|(name, (all, _))| all - before[name].0).min().unwrap();
        assert_eq!(changed(&now), [""; 0], "{what}");
        if fewest >= rounds && missing == [false; 2] {
            println!("{what}: {} stacks, {fewest} rounds each at least, 0 bytes changed", now.len());
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {fewest} rounds, not seen: {missing:?}");
    }
}

#[test]
fn nothing_below_a_stack_without_a_guard_page_is_changed() {
    let rounds = if std::env::var_os("RGOPS_LONG").is_some() { 1000 } else { 3 };
    let directory = Directory::new();
    let program = rgops_tests::target::executable().with_file_name("stacks");
    let mut target = Target::run(&directory, Command::new(program), |_| {});
    target.order("start");
    // Without an agent: the program itself stays within its stacks.
    during(&mut target, "no capture", (3, [false; 2]), || {
        std::thread::sleep(Duration::from_millis(100));
        [false; 2]
    });
    let path = target.listen("");
    let cpu = Request::PprofCpu(PprofCpuRequest { duration_ms: 1000, hz: 10_000 });
    // The agent meets a thread of the C library in a coroutine once, and never again: only the first capture has both
    // notes.
    let both = [true, cfg!(target_arch = "x86_64")];
    during(&mut target, "pprof-cpu", (rounds, both), || notes_in::<PprofCpuPart>(&path, &cpu));
    let stack = Request::Stack(StackRequest { max_depth: 64 });
    during(&mut target, "stack", (rounds, [true, false]), || notes_in::<StackPart>(&path, &stack));
    let trace = Request::Trace(TraceRequest { duration_ms: 1000, hz: 10_000, interval_us: 10_000 });
    during(&mut target, "trace", (rounds, [true, false]), || notes_in::<TracePart>(&path, &trace));
    let heap = Request::PprofHeap(PprofHeapRequest { duration_ms: 1000, interval_ms: 0, live: false });
    during(&mut target, "pprof-heap", (rounds, [true, false]), || notes_in::<PprofHeapPart>(&path, &heap));
}

//! Promise 6: threads that block all signals are not disturbed. Their CPU time, which no sample can show, is reported
//! as such, and not as time of short-lived threads.

use std::fs;
use std::time::{Duration, Instant};

use rgops_inspect::client::Collected;
use rgops_protocol::reply::pprof_cpu::{CpuTotals, PprofCpuPart};
use rgops_protocol::reply::trace::TracePart;
use rgops_protocol::reply::{Note, NoteKind};
use rgops_protocol::request::{PprofCpuRequest, Request, TraceRequest};
use rgops_tests::asking::{ask, ask_until};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;

use crate::alone;
use crate::p13_deleted_socket::rgops_in;

const HZ: u32 = 999;
const PERIOD_NS: u64 = 1_000_000_000 / 999;

struct Profile {
    totals: CpuTotals,
    notes: Vec<Note>,
}

fn profile(path: &str, milliseconds: u64) -> Profile {
    Profile::of(ask(path, &Request::PprofCpu(PprofCpuRequest { duration_ms: milliseconds, hz: HZ })).unwrap())
}

/// Ended by `is_enough`: the thread gets CPU time when the machine allows it.
fn profile_until(path: &str, is_enough: impl FnMut() -> bool + Send) -> Profile {
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 60_000, hz: HZ });
    Profile::of(ask_until(path, &request, is_enough).unwrap())
}

/// CPU time in nanoseconds of the thread with this name; `None` if there is no such thread.
fn used(pid: u32, name: &str) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.filter_map(Result::ok).find_map(|task| {
        let is_it = fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name);
        // The first number in proc_pid_schedstat(5).
        let clock = is_it.then(|| fs::read_to_string(task.path().join("schedstat")).ok())??;
        clock.split(' ').next()?.parse().ok()
    })
}

impl Profile {
    fn of(collected: Collected<PprofCpuPart>) -> Profile {
        let notes = collected.end.unwrap().notes;
        let totals = collected.parts.into_iter().find_map(|part| match part {
            PprofCpuPart::Totals(totals) => Some(totals),
            _ => None,
        });
        let profile = Profile { totals: totals.unwrap(), notes };
        println!("{:?}\n{:?}", profile.totals, profile.notes);
        profile
    }

    /// The sum of the thread clocks for this name.
    fn clock_of(&self, name: &str) -> u64 {
        self.totals.threads.iter().filter(|thread| thread.name == name).map(|thread| thread.cpu_ns).sum()
    }

    /// CPU time in nanoseconds that is reported as missing for this reason.
    fn missing(&self, why: &str) -> u64 {
        let of = |note: &&Note| {
            note.kind == NoteKind::Missing && note.what == "ms of CPU time" && note.why.contains(why)
        };
        self.notes.iter().filter(of).map(|note| note.count * 1_000_000).sum()
    }

    /// The whole process clock is explained by samples and by time that is reported as missing.
    fn reconciles(&self) {
        let totals = &self.totals;
        let sampled = (totals.weight + totals.dropped_ring + totals.dropped_cache) * PERIOD_NS;
        let explained = sampled + totals.late_cpu_ns + totals.unsampled_cpu_ns + totals.agent_cpu_ns;
        // The first tick of each thread is random, up to one period; and the clocks are read one after the other.
        let allowed = totals.process_cpu_ns / 20 + 10 * PERIOD_NS * totals.threads.len() as u64 + 20_000_000;
        assert!(explained.abs_diff(totals.process_cpu_ns) < allowed, "{explained} +- {allowed}: {totals:?}");
    }
}

const BLOCKED: &str = "block SIGPROF";

fn target(directory: &Directory) -> (Target, String) {
    let mut target = Target::start(directory);
    let path = target.listen("");
    (target, path)
}

#[test]
fn cpu_time_of_a_thread_that_blocks_all_signals_is_reported_as_blocked() {
    let _alone = alone();
    let directory = Directory::new();
    let (mut target, path) = target(&directory);
    target.order("burn");
    target.order("block-signals always");
    let profile = profile(&path, 1000);
    profile.reconciles();
    let (blocked, missing) = (profile.clock_of("blocks-signals"), profile.missing(BLOCKED));
    assert!(blocked > 0 && missing.abs_diff(blocked) < blocked / 10 + 60_000_000, "{missing} of {blocked}");
    assert!(
        profile.totals.threads.iter().all(|thread| thread.name != "blocks-signals" || thread.weight == 0)
    );
    let unattributed = profile.missing("not attributed");
    assert!(unattributed < profile.totals.process_cpu_ns / 20 + 20_000_000, "{unattributed}");
    // The screen also reports it.
    let pid = target.pid().to_string();
    let saved = directory.unused("cpu.pb.gz");
    let answer =
        rgops_in(&directory, &["pprof-cpu", &pid, "--duration", "0.5", "-o", saved.to_str().unwrap()]);
    println!("{}{}", answer.output, answer.errors);
    let shown = format!("{}{}", answer.output, answer.errors);
    assert!(shown.contains(BLOCKED), "{shown}");
    assert!(!shown.contains("too short"), "{shown}");
}

#[test]
fn a_thread_that_begins_to_block_during_a_profile_is_not_counted_as_late_ticks() {
    let _alone = alone();
    let directory = Directory::new();
    let (mut target, path) = target(&directory);
    target.order("block-signals after 300");
    let pid = target.pid();
    let profile = profile_until(&path, || used(pid, "blocks-signals").is_some_and(|used| used > 900_000_000));
    profile.reconciles();
    let thread = profile.totals.threads.iter().find(|thread| thread.name == "blocks-signals").unwrap();
    let silent = thread.cpu_ns.saturating_sub(thread.weight * PERIOD_NS);
    let missing = profile.missing(BLOCKED);
    assert!(missing.abs_diff(silent) < silent / 5 + 60_000_000, "{missing} of {silent}");
    assert!(profile.totals.late_cpu_ns < silent / 5 + 30_000_000, "{}", profile.totals.late_cpu_ns);
}

#[test]
fn a_thread_that_blocked_and_ended_meanwhile_is_counted_with_the_others() {
    let _alone = alone();
    let directory = Directory::new();
    let (mut target, path) = target(&directory);
    target.order("block-signals until 500");
    let (pid, mut was_there, mut gone) = (target.pid(), false, None);
    let profile = profile_until(&path, || {
        let is_there = used(pid, "blocks-signals").is_some();
        was_there |= is_there;
        if was_there && !is_there {
            gone.get_or_insert_with(Instant::now);
        }
        // The agent searches for threads twenty times per second: by now it has noticed the end of this one.
        gone.is_some_and(|gone: Instant| gone.elapsed() > Duration::from_secs(2))
    });
    profile.reconciles();
    let ended: Vec<_> =
        profile.totals.threads.iter().filter(|thread| thread.name == "blocks-signals").collect();
    if let [thread] = ended[..] {
        assert!(thread.ended, "{thread:?}");
        let missing = profile.missing(BLOCKED);
        assert!(missing.abs_diff(thread.cpu_ns) < thread.cpu_ns / 5 + 120_000_000, "{missing} of {thread:?}");
    }
}

/// The CPU time while it blocked is not lost, and the answer reports that its place is uncertain.
#[test]
fn a_thread_that_blocks_in_turns_is_sampled_when_it_unblocks() {
    let _alone = alone();
    let directory = Directory::new();
    let (mut target, path) = target(&directory);
    target.order("block-signals in-turns 200");
    let pid = target.pid();
    let profile = profile_until(&path, || used(pid, "blocks-signals").is_some_and(|used| used > 900_000_000));
    profile.reconciles();
    let of_blocked = |note: &Note| note.why.contains(BLOCKED) || note.why.contains("blocked SIGPROF");
    assert!(profile.notes.iter().any(of_blocked), "{:?}", profile.notes);
}

#[test]
fn a_trace_reports_the_same() {
    let _alone = alone();
    let directory = Directory::new();
    let (mut target, path) = target(&directory);
    target.order("block-signals always");
    let request = Request::Trace(TraceRequest { duration_ms: 700, hz: HZ, interval_us: 5000 });
    let end = ask::<TracePart>(&path, &request).unwrap().end.unwrap();
    let note = end.notes.iter().find(|note| note.why.contains(BLOCKED));
    let note = note.unwrap_or_else(|| panic!("{:?}", end.notes));
    assert_eq!((note.kind, note.what.as_str()), (NoteKind::Missing, "ms of CPU time"));
}

//! Stuck workers: a thread that runs tasks was in one poll for the whole window.
//!
//! A worker that sleeps in a system call is stuck if it did not run at all between the dumps. One that runs is stuck
//! only if every dump shows the same task *and* Tokio's counters of a worker did not move in any measured window, in
//! which it used more than 3 s of CPU: they move at each park, and at the latest after `event_interval` (61 by default)
//! polls. So polls of 50 ms without a pause are not taken for one, also when the machine is so busy that each takes much
//! longer. `block_in_place` gives the worker away and is not a fault.

use std::collections::BTreeMap;

use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::{Known, Unavailable};

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::{Dump, Seen, SeenThread};
use crate::report::stack::{Activity, Role};
use crate::text::{counted, duration};

/// Shortest time in one poll that is reported.
pub(super) const LEAST_NS: u64 = 1_000_000_000;
/// CPU time without a count of Tokio that is more than many polls of 50 ms: 61 × 50 ms = 3.05 s.
const LEAST_CPU_NS: u64 = 3_100_000_000;
/// Tokio's default `event_interval`.
const POLLS_BETWEEN_COUNTS: u64 = 61;

pub(super) fn look(seen: &Seen) -> Look {
    let dumps = match &seen.dumps {
        Known::Value(dumps) => dumps,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new("threads", why)], ..Look::default() },
    };
    let runs_tasks = dumps.last().map_or(0, |dump| dump.threads.iter().filter(|one| drives(one)).count());
    let at = format!("{} that run tasks", counted(runs_tasks as u64, "thread"));
    let gaps = undecided(seen);
    let threads = stuck(seen);
    if threads.is_empty() {
        return Look { at, gaps, ..Look::default() };
    }
    let span_ns = span_ns(dumps);
    let what = format!(
        "{} of {runs_tasks} threads that run tasks {} been in one poll for at least {}",
        threads.len(),
        if threads.len() == 1 { "has" } else { "have" },
        duration(rounded(span_ns))
    );
    let is_running = |thread: &&&SeenThread| thread.activity == Activity::Running;
    let running = threads.iter().filter(is_running).count();
    let mut evidence = vec![format!("the same poll in {}", counted(dumps.len() as u64, "stack dump"))];
    if running < threads.len() {
        evidence
            .push(format!("{} used no CPU in between", counted((threads.len() - running) as u64, "thread")));
    }
    let mut finding = Finding::new(Kind::StuckWorker, what, Vec::new());
    if running > 0 {
        let used =
            threads.iter().filter(is_running).map(|thread| used_ns(seen, thread.tid)).min().unwrap_or(0);
        evidence
            .push(format!("{} of CPU without a park and without a count of Tokio", duration(rounded(used))));
        let mean = duration(rounded(used / POLLS_BETWEEN_COUNTS));
        finding = finding.but(format!(
            "instead of one poll it may be up to {POLLS_BETWEEN_COUNTS} polls of one task without a pause, of {mean} \
             or more each"
        ));
    }
    if let Some(queued) = queued(seen).filter(|queued| *queued > 0) {
        evidence.push(format!("{} in the global queue at the end", counted(queued, "task")));
    }
    finding.evidence = evidence;
    finding = finding.concerning(threads.iter().map(|thread| Concerned::thread(thread)));
    let finding = finding.more("stack PID", "the whole stacks").more("tasks PID", "the tasks that wait");
    Look { findings: vec![finding], at, gaps }
}

/// Threads that every dump shows in the same poll: those that slept all the time, and those that ran while counters of
/// Tokio stood still.
fn suspects(seen: &Seen) -> (Vec<&SeenThread>, Vec<&SeenThread>) {
    let nobody = (Vec::new(), Vec::new());
    let Some(dumps) = seen.dumps.value().filter(|dumps| dumps.len() > 1 && span_ns(dumps) >= LEAST_NS) else {
        return nobody;
    };
    let [first, .., last] = dumps.as_slice() else { return nobody };
    let in_all = last.threads.iter().filter(|thread| {
        dumps.iter().all(|dump| {
            dump.threads.iter().any(|earlier| earlier.tid == thread.tid && is_same_poll(earlier, thread))
        })
    });
    let before: BTreeMap<u32, &SeenThread> =
        first.threads.iter().map(|thread| (thread.tid, thread)).collect();
    let (mut asleep, mut running) = (Vec::new(), Vec::new());
    for thread in in_all {
        match thread.activity {
            Activity::Blocked if did_not_run(before[&thread.tid], thread) => asleep.push(thread),
            Activity::Running => running.push(thread),
            _ => {}
        }
    }
    // Which counters belong to which thread is not known: so each needs counters that stand still.
    if running.len() + asleep.iter().filter(|thread| polls(thread)).count() > still_workers(seen) {
        running.clear();
    }
    (asleep, running)
}

/// The threads that were in one poll for the whole window, as the last dump shows them.
pub(super) fn stuck(seen: &Seen) -> Vec<&SeenThread> {
    let (mut stuck, running) = suspects(seen);
    let is_stuck = |thread: &&SeenThread| is_of_one_task(thread) && used_ns(seen, thread.tid) >= LEAST_CPU_NS;
    stuck.extend(running.into_iter().filter(is_stuck));
    stuck
}

/// Whether it is known that a thread which runs polls one task only: its id, or that it polls the future of `block_on`.
/// An id that changes while the thread is captured is not known.
fn is_of_one_task(thread: &SeenThread) -> bool {
    thread.task.is_some() || !polls(thread)
}

/// Says of which workers it could not be told.
fn undecided(seen: &Seen) -> Vec<Gap> {
    let (_, running) = suspects(seen);
    let unsure =
        running.iter().filter(|thread| !is_of_one_task(thread) || used_ns(seen, thread.tid) < LEAST_CPU_NS);
    let gap = |thread: &&SeenThread| {
        let what = format!("whether thread {} is in one poll", thread.tid);
        if !is_of_one_task(thread) {
            let reason = "which task it polls is not known, or changes all the time".to_owned();
            let fix = "rgops stats PID shows whether it parks".to_owned();
            return Gap::new(&what, &Unavailable { reason, fix });
        }
        let used = duration(rounded(used_ns(seen, thread.tid)));
        let reason = format!(
            "it got {used} of CPU in the window: that may be one poll, or up to {POLLS_BETWEEN_COUNTS} short polls of one task"
        );
        let fix = "rgops schedtrace PID shows whether it goes on".to_owned();
        Gap::new(&what, &Unavailable { reason, fix })
    };
    unsure.map(gap).collect()
}

/// CPU time of a thread in all measured windows.
fn used_ns(seen: &Seen, tid: u32) -> u64 {
    seen.stats.value().map_or(0, |windows| windows.iter().map(|window| used_in(window, tid)).sum())
}

fn used_in(window: &StatsReply, tid: u32) -> u64 {
    let thread = window.thread_activity.iter().find(|thread| thread.tid == tid);
    thread.and_then(|thread| thread.running_ns.value().copied()).unwrap_or(0)
}

fn is_same_poll(earlier: &SeenThread, thread: &SeenThread) -> bool {
    drives(earlier)
        && drives(thread)
        && earlier.activity == thread.activity
        && earlier.task == thread.task
        && (polls(thread) || is_alone_in_its_runtime(thread))
}

/// Whether the thread runs the tasks of a runtime, and did not give that away.
pub(super) fn drives(thread: &SeenThread) -> bool {
    let has = |part: &str| {
        thread.frames.iter().any(|frame| frame.function.as_deref().is_some_and(|name| name.contains(part)))
    };
    let role = match thread.role {
        Role::TokioWorker | Role::TokioCurrentThread => true,
        Role::Main => has("scheduler::current_thread"),
        _ => false,
    };
    role && !has("block_in_place")
}

fn polls(thread: &SeenThread) -> bool {
    thread.task.is_some() || thread.task_name.is_some()
}

/// The future of `block_on` runs on the one thread that polls the tasks, too.
fn is_alone_in_its_runtime(thread: &SeenThread) -> bool {
    matches!(thread.role, Role::TokioCurrentThread | Role::Main)
}

/// Whether it slept in the same call without a pause: its clock did not move at all. One that was captured by a signal
/// ran for that, so nothing is claimed of it.
pub(super) fn did_not_run(earlier: &SeenThread, thread: &SeenThread) -> bool {
    earlier.cpu_ns.is_some()
        && earlier.cpu_ns == thread.cpu_ns
        && earlier.addresses == thread.addresses
        && earlier.state == thread.state
}

/// Workers whose counters did not move in any measured window.
fn still_workers(seen: &Seen) -> usize {
    seen.stats.value().map_or(0, |windows| still_in(windows))
}

fn still_in(windows: &[StatsReply]) -> usize {
    let Some(first) = windows.first() else { return 0 };
    let runtimes = first.runtimes.len();
    let still = |runtime: usize, worker: usize| {
        windows.iter().all(|window| {
            let worker = window.runtimes.get(runtime).and_then(|runtime| runtime.workers.get(worker));
            worker.is_some_and(|worker| !worker.parked && worker.parks == 0 && worker.tokio_busy_ns == 0)
        })
    };
    let of = |runtime: usize| {
        (0..first.runtimes[runtime].workers.len()).filter(move |worker| still(runtime, *worker))
    };
    (0..runtimes).map(|runtime| of(runtime).count()).sum()
}

/// Whether a worker that was running in the first dump has used CPU since then while counters of Tokio stood still, but
/// not enough to tell whether it is in one poll.
pub(crate) fn wants_longer(first: Option<&Dump>, windows: &[StatsReply]) -> bool {
    let may_be = |thread: &&SeenThread| {
        let used = windows.iter().map(|window| used_in(window, thread.tid));
        let is_ready = |window: &StatsReply| {
            window.thread_activity.iter().any(|one| one.tid == thread.tid && one.state == 'R')
        };
        drives(thread)
            && thread.activity == Activity::Running
            && windows.iter().all(is_ready)
            && used.sum::<u64>() < LEAST_CPU_NS
    };
    still_in(windows) > 0 && first.is_some_and(|dump| dump.threads.iter().any(|thread| may_be(&thread)))
}

fn queued(seen: &Seen) -> Option<u64> {
    let last = seen.stats.value()?.last()?;
    Some(last.runtimes.iter().map(|runtime| runtime.global_queue).sum())
}

/// From the first dump to the last.
pub(super) fn span_ns(dumps: &[Dump]) -> u64 {
    match dumps {
        [first, .., last] => last.at_ns.saturating_sub(first.at_ns),
        _ => 0,
    }
}

/// Tenths of a second are enough; below, milliseconds.
pub(super) fn rounded(ns: u64) -> u64 {
    let unit = if ns >= 1_000_000_000 { 100_000_000 } else { 1_000_000 };
    ns / unit * unit
}

//! Deadlocks: rings of tasks that wait only for each other, in the first list of tasks and still in the last one; and
//! rings of threads that wait for each other's locks.
//!
//! A ring of one task with a lock in a future that it does not poll is a kind of its own (`futurelock`).

use std::mem;

use rgops_protocol::reply::{Known, Unavailable};

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::{DeadlockSeen, Seen, StepSeen};
use super::thread_deadlock;
use crate::locks::LockKind;
use crate::text::{counted, duration};

pub(super) fn look(seen: &Seen) -> Look {
    let mut looks = [rings(seen, |ring| !is_futurelock(ring), finding), of_threads(seen)];
    let at: Vec<&str> = looks.iter().map(|look| look.at.as_str()).filter(|at| !at.is_empty()).collect();
    Look {
        at: at.join(", "),
        gaps: looks.iter_mut().flat_map(|look| mem::take(&mut look.gaps)).collect(),
        findings: looks.into_iter().flat_map(|look| look.findings).collect(),
    }
}

/// Whether a task waits for a lock that it keeps in a future which it does not poll.
pub(super) fn is_futurelock(seen: &DeadlockSeen) -> bool {
    matches!(seen.ring.as_slice(), [step] if step.kept.is_some())
}

/// The rings of a kind that are in every list of tasks, as findings; these get the time between the lists.
pub(super) fn rings(
    seen: &Seen,
    is_wanted: fn(&DeadlockSeen) -> bool,
    finding: fn(&DeadlockSeen, u64) -> Finding,
) -> Look {
    let looks = match &seen.tasks {
        Known::Value(looks) => looks,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new("tasks", why)], ..Look::default() },
    };
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Look::default() };
    let stays =
        |ring: &DeadlockSeen| looks.iter().all(|look| look.deadlocks.iter().any(|one| is_same(one, ring)));
    let between_ns = last.at_ns.saturating_sub(first.at_ns);
    let stay = last.deadlocks.iter().filter(|ring| is_wanted(ring) && stays(ring));
    let findings = stay.map(|ring| finding(ring, between_ns));
    Look { findings: findings.collect(), at: counted(last.listed, "task"), gaps: Vec::new() }
}

/// Threads that wait for each other's locks.
fn of_threads(seen: &Seen) -> Look {
    let waiting = seen.locks.iter().filter(|wait| wait.kind != LockKind::Condvar);
    let waiting: usize = waiting.map(|wait| wait.threads.len()).sum();
    let at = match waiting {
        0 => String::new(),
        1 => "1 thread at a lock".to_owned(),
        many => format!("{many} threads at locks"),
    };
    let missing = || Unavailable { reason: seen.holders_missing.clone(), fix: String::new() };
    let gaps = (!seen.holders_missing.is_empty()).then(|| Gap::new("holders of locks", &missing()));
    Look { findings: thread_deadlock::findings(seen), at, gaps: gaps.into_iter().collect() }
}

/// A ring may be told from any of its tasks on.
fn is_same(left: &DeadlockSeen, right: &DeadlockSeen) -> bool {
    let tasks = |seen: &DeadlockSeen| {
        let mut tasks: Vec<u64> = seen.ring.iter().map(|step| step.task).collect();
        tasks.sort_unstable();
        tasks
    };
    tasks(left) == tasks(right)
}

fn finding(seen: &DeadlockSeen, between_ns: u64) -> Finding {
    let count = seen.ring.len() as u64;
    let what = match count {
        1 if seen.ring.iter().any(|step| waits_for_end(step, step.task)) => {
            "a task waits for its own end, and nothing else can wake it".to_owned()
        }
        1 => "a task waits for a lock that it holds itself, and nothing else can wake it".to_owned(),
        _ => format!("{count} tasks wait for each other, and nothing else can wake them"),
    };
    let next = |index: usize| &seen.ring[(index + 1) % seen.ring.len()];
    let concerned = seen.ring.iter().enumerate().map(|(index, step)| concerned(step, next(index)));
    let first = seen.ring.first().map_or(0, |step| step.task);
    let finding = Finding::new(Kind::Deadlock, what, evidence(seen, between_ns)).concerning(concerned);
    let rests_on_a_guard = seen.ring.iter().all(|step| count == 1 && !waits_for_end(step, step.task));
    let finding = if rests_on_a_guard { finding.but(DROPPED_EARLY) } else { finding };
    finding.more(format!("tasks PID --task {first}"), "one of them: what it holds and waits for")
}

/// Why the only link of a ring may be none.
pub(super) const DROPPED_EARLY: &str =
    "it is read from a guard in memory; one that ended by drop(guard), before its scope did, looks the same";

/// How long the ring has not changed, and who waits behind it.
pub(super) fn evidence(seen: &DeadlockSeen, between_ns: u64) -> Vec<String> {
    let mut evidence = vec![match between_ns {
        0 => "seen once".to_owned(),
        _ => format!("unchanged for {}", duration(between_ns)),
    }];
    if seen.behind > 0 {
        let waits = if seen.behind == 1 { "waits" } else { "wait" };
        let behind = if seen.ring.len() == 1 { "behind it" } else { "behind them" };
        evidence.push(format!("{} {waits} {behind}", counted(seen.behind, "more task")));
    }
    evidence
}

fn concerned(step: &StepSeen, holder: &StepSeen) -> Concerned {
    let waits_for = &step.waits_for;
    let does = match waits_for_end(step, holder.task) {
        true => format!("waits for the end of {waits_for}"),
        false => format!("waits for {waits_for}, held by task {}{}", holder.task, unpolled(step)),
    };
    Concerned {
        who: format!("task {} {}", step.task, step.name),
        does,
        threads: Vec::new(),
        tasks: vec![step.task],
        place: step.place.clone(),
    }
}

fn waits_for_end(step: &StepSeen, task: u64) -> bool {
    step.waits_for == format!("task {task}")
}

/// In which future the next task holds it, if it does not poll that one.
fn unpolled(step: &StepSeen) -> String {
    let kept = step.kept.as_ref();
    kept.map_or(String::new(), |kept| format!(" in {}, which it does not poll", kept.place.function))
}

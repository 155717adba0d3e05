//! Deadlocks: rings of tasks that wait only for each other, in the first list of tasks and still in the last one.

use rgops_protocol::reply::Known;

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::{DeadlockSeen, Seen, StepSeen};
use crate::text::{counted, duration};

pub(super) fn look(seen: &Seen) -> Look {
    let looks = match &seen.tasks {
        Known::Value(looks) => looks,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new("tasks", why)], ..Look::default() },
    };
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Look::default() };
    let stays =
        |ring: &DeadlockSeen| looks.iter().all(|look| look.deadlocks.iter().any(|one| is_same(one, ring)));
    let between_ns = last.at_ns.saturating_sub(first.at_ns);
    let findings = last.deadlocks.iter().filter(|ring| stays(ring)).map(|ring| finding(ring, between_ns));
    Look { findings: findings.collect(), at: counted(last.listed, "task"), gaps: Vec::new() }
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
        1 => "1 task waits for itself, and nothing else can wake it".to_owned(),
        _ => format!("{count} tasks wait for each other, and nothing else can wake them"),
    };
    let mut evidence = vec![match between_ns {
        0 => "seen once".to_owned(),
        _ => format!("unchanged for {}", duration(between_ns)),
    }];
    if seen.behind > 0 {
        let waits = if seen.behind == 1 { "waits" } else { "wait" };
        evidence.push(format!("{} {waits} behind them", counted(seen.behind, "more task")));
    }
    let next = |index: usize| &seen.ring[(index + 1) % seen.ring.len()];
    let concerned = seen.ring.iter().enumerate().map(|(index, step)| concerned(step, next(index)));
    let first = seen.ring.first().map_or(0, |step| step.task);
    Finding::new(Kind::Deadlock, what, evidence)
        .concerning(concerned)
        .more(format!("tasks PID --task {first}"), "one of them: what it holds and waits for")
}

fn concerned(step: &StepSeen, holder: &StepSeen) -> Concerned {
    let waits_for = &step.waits_for;
    let does = match *waits_for == format!("task {}", holder.task) {
        true => format!("waits for the end of {waits_for}"),
        false => format!("waits for {waits_for}, held by task {}", holder.task),
    };
    Concerned {
        who: format!("task {} {}", step.task, step.name),
        does,
        threads: Vec::new(),
        tasks: vec![step.task],
        place: step.place.clone(),
    }
}

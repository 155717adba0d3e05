//! Futurelock: a task waits for a lock that it keeps itself, in a future which it started and does not poll any more (a
//! `select!` was won by another branch, a `FuturesUnordered` is not asked meanwhile). RFD 609 of Oxide names it so.

use super::deadlock::{DROPPED_EARLY, evidence, is_futurelock, rings};
use super::finding::{Concerned, Finding, Kind};
use super::look::Look;
use super::seen::{DeadlockSeen, Seen};

pub(super) fn look(seen: &Seen) -> Look {
    rings(seen, is_futurelock, finding)
}

fn finding(seen: &DeadlockSeen, between_ns: u64) -> Finding {
    let what = "a task waits for a lock that it keeps itself, in a future that it does not poll".to_owned();
    let finding = Finding::new(Kind::Futurelock, what, evidence(seen, between_ns));
    let Some((step, kept)) = seen.ring.first().and_then(|step| Some((step, step.kept.as_ref()?))) else {
        return finding;
    };
    let waits = Concerned {
        who: format!("task {} {}", step.task, step.name),
        does: format!("waits for {}", step.waits_for),
        tasks: vec![step.task],
        place: step.place.clone(),
        ..Concerned::default()
    };
    let keeps = Concerned {
        who: format!("its future {}", kept.place.function),
        does: match kept.is_given {
            true => format!("was given {}, and was not polled since", step.waits_for),
            false => format!("keeps {}, and is not polled now", step.waits_for),
        },
        tasks: vec![step.task],
        place: Some(kept.place.clone()),
        ..Concerned::default()
    };
    let finding = finding.concerning([waits, keeps]);
    // A lock that was given is in no guard yet.
    let finding = if kept.is_given { finding } else { finding.but(DROPPED_EARLY) };
    finding.more(format!("tasks PID --task {}", step.task), "what the task holds and waits for")
}

//! Timers late: timers of Tokio that are due and have not fired, in the first list of tasks and in the last one, or for
//! a longer time in the last one.
//!
//! Tokio fires timers when a thread of the runtime parks, or after `event_interval` (61 by default) polls. So they are
//! late when polls are long, when no thread drives the runtime, or when its threads get no CPU. A timer that has fired
//! and whose task was not polled yet is not late here, and neither is one that nobody has polled.

use rgops_protocol::reply::{Known, Unavailable};

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::{LateTimer, Seen, TaskLook};
use super::stuck_worker::rounded;
use crate::text::{counted, duration};

/// How late a timer has to be: far above the delay by polls of a few milliseconds.
const LEAST_NS: u64 = 500_000_000;
/// Late by as much as this, one list is enough: no passing shortage of CPU delays a timer for so long.
const LONG_NS: u64 = 1_500_000_000;

pub(super) fn look(seen: &Seen) -> Look {
    let looks = match &seen.tasks {
        Known::Value(looks) => looks,
        Known::Unavailable(why) => return gap(why),
    };
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Look::default() };
    let (Some(before), Some(now)) = (late(first), late(last)) else {
        let reason = "the agent does not tell the time of its list".to_owned();
        return gap(&Unavailable { reason, fix: "update rgops-agent in the program".to_owned() });
    };
    let at = format!("{} with timers", counted(last.timers, "task"));
    let latest_ns = now.iter().map(|timer| timer.late_ns).max().unwrap_or(0);
    let is_again = looks.len() > 1 && !before.is_empty();
    if now.is_empty() || !(is_again || latest_ns >= LONG_NS) {
        return Look { at, ..Look::default() };
    }
    let what = format!(
        "timers of {}{} are up to {} late",
        if now.len() >= LateTimer::MOST { "at least " } else { "" },
        counted(now.len() as u64, "task"),
        duration(rounded(latest_ns))
    );
    let mut evidence = vec![match is_again {
        true => format!(
            "due and not fired in two lists of tasks, {} apart: {} late, then {}",
            duration(rounded(last.at_ns.saturating_sub(first.at_ns))),
            before.len(),
            now.len()
        ),
        false => "due and not fired when the tasks were listed".to_owned(),
    }];
    evidence.extend(parks(seen, &now));
    let finding = Finding::new(Kind::TimersLate, what, evidence)
        .concerning(now.iter().map(|timer| concerned(timer)))
        .but("a runtime whose clock is stopped (tokio::time::pause) looks the same")
        .more("stack PID", "what the threads of the runtime do instead")
        .more("stats PID", "whether its workers park, and whether threads wait for a CPU");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

fn gap(why: &Unavailable) -> Look {
    Look { gaps: vec![Gap::new("timers", why)], ..Look::default() }
}

/// The timers that are much too late.
fn late(look: &TaskLook) -> Option<Vec<&LateTimer>> {
    Some(look.late_timers.as_ref()?.iter().filter(|timer| timer.late_ns >= LEAST_NS).collect())
}

/// For the runtime with the latest timer: how often its workers parked in the measured windows, which fires timers.
fn parks(seen: &Seen, late: &[&LateTimer]) -> Option<String> {
    let name = &late.first()?.runtime;
    let windows = seen.stats.value()?;
    let of_runtime = windows.iter().flat_map(|window| window.runtimes.iter().filter(|one| one.name == *name));
    let workers = of_runtime.flat_map(|runtime| &runtime.workers);
    let parks: u64 = workers.map(|worker| worker.parks).sum();
    let window_ns = windows.iter().map(|window| window.window_ns).sum();
    let times = if parks == 1 { "once".to_owned() } else { format!("{parks} times") };
    Some(format!(
        "threads of the runtime {name} parked {times} in {}: timers fire when one parks, or after many polls",
        duration(rounded(window_ns))
    ))
}

fn concerned(timer: &LateTimer) -> Concerned {
    Concerned {
        who: format!("task {} {}", timer.task, timer.name),
        does: format!("its timer is {} late", duration(rounded(timer.late_ns))),
        tasks: vec![timer.task],
        place: timer.place.clone(),
        ..Concerned::default()
    }
}

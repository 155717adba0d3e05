//! Too many tasks of a kind: their number grew from each moment to the next. A load that rises and falls is not that;
//! a burst that ends later cannot be told from a leak, which is said.

use rgops_protocol::reply::Known;

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::Seen;
use crate::text::{counted, duration};

/// Further tasks in the window that are worth a line.
const LEAST_TASKS: u64 = 50;
/// As a part of those at the start: one in this many.
const LEAST_PART: u64 = 20;
/// Moments that are compared.
const LEAST_MOMENTS: usize = 4;

pub(super) fn look(seen: &Seen) -> Look {
    let what = "number of tasks";
    let counts = match &seen.stats {
        Known::Value(windows) => {
            counts(seen, windows.iter().map(|window| window.runtimes.iter().map(|one| one.alive_tasks).sum()))
        }
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new(what, why)], ..Look::default() },
    };
    let (Some(first), Some(last)) = (counts.first().copied(), counts.last().copied()) else {
        return Look::default();
    };
    let at = format!("{} at {} moments", counted(last, "task"), counts.len());
    let more = last.saturating_sub(first);
    let grows = counts.windows(2).all(|pair| pair[1] > pair[0]);
    if counts.len() < LEAST_MOMENTS || !grows || more < LEAST_TASKS.max(first / LEAST_PART) {
        return Look { at, ..Look::default() };
    }
    let kinds = grown_kinds(seen);
    let per_minute = more as f64 * 60e9 / seen.window_ns.max(1) as f64;
    let what = match kinds.first() {
        Some((name, ..)) => format!("tasks pile up, most of them {name}: {per_minute:.0} more a minute"),
        None => format!("tasks pile up: {per_minute:.0} more a minute"),
    };
    let evidence = vec![format!(
        "{first} tasks, then {last} after {}, more at each of {} moments",
        duration(seen.window_ns / 100_000_000 * 100_000_000),
        counts.len()
    )];
    let filter = kinds.first().map_or(String::new(), |(name, ..)| format!(" --match '{name}'"));
    let concerned = kinds.iter().map(|(name, before, after)| Concerned {
        who: format!("{after} {name}"),
        does: format!("{} more than {before}", after - before),
        ..Concerned::default()
    });
    let finding = Finding::new(Kind::GrowingTasks, what, evidence)
        .concerning(concerned)
        .but("a burst or a start-up looks the same in a few seconds")
        .more(format!("tasks PID{filter}"), "where they wait");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

/// The numbers in the order of time: of the first list, of the windows, of the last list.
fn counts(seen: &Seen, windows: impl Iterator<Item = u64>) -> Vec<u64> {
    let looks = seen.tasks.value().map(Vec::as_slice).unwrap_or_default();
    let first = looks.first().map(|look| look.listed);
    let last = looks.last().filter(|_| looks.len() > 1).map(|look| look.listed);
    first.into_iter().chain(windows).chain(last).collect()
}

/// Kinds that grew, those that grew most first: name, number before and after.
fn grown_kinds(seen: &Seen) -> Vec<(String, u64, u64)> {
    let Some([first, .., last]) = seen.tasks.value().map(Vec::as_slice) else { return Vec::new() };
    let mut grown: Vec<(String, u64, u64)> = last
        .kinds
        .iter()
        .map(|(name, after)| (name.clone(), first.kinds.get(name).copied().unwrap_or(0), *after))
        .filter(|(_, before, after)| after > before)
        .collect();
    grown.sort_by_key(|(_, before, after)| std::cmp::Reverse(after - before));
    grown
}

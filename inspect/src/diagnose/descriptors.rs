//! Descriptors: at least nine tenths of what the limit allows are open at the end.

use rgops_protocol::reply::Known;

use super::finding::{Finding, Gap, Kind};
use super::look::Look;
use super::seen::Seen;

pub(super) fn look(seen: &Seen) -> Look {
    let what = "open descriptors";
    let windows = match &seen.stats {
        Known::Value(windows) => windows,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new(what, why)], ..Look::default() },
    };
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Look::default() };
    let (open, limit) = match (&last.descriptors, &last.descriptors_limit) {
        (Known::Value(open), Known::Value(limit)) => (*open, *limit),
        (Known::Unavailable(why), _) | (_, Known::Unavailable(why)) => {
            return Look { gaps: vec![Gap::new(what, why)], ..Look::default() };
        }
    };
    let at = format!("{open} of {limit} descriptors");
    if limit == 0 || open < limit - limit / 10 {
        return Look { at, ..Look::default() };
    }
    let mut evidence = vec![format!("{} left (soft RLIMIT_NOFILE)", limit.saturating_sub(open))];
    if let Some(before) = first.descriptors.value() {
        evidence.push(match open.checked_sub(*before) {
            Some(0) => "the same number at the start of the window".to_owned(),
            Some(more) => format!("{more} more than at the start of the window"),
            None => format!("{} fewer than at the start of the window", before - open),
        });
    }
    let finding =
        Finding::new(Kind::Descriptors, format!("{open} of {limit} descriptors are open"), evidence)
            .but("accept, open and connect fail with EMFILE when none is left")
            .more("PID", "connections by address")
            .more("tasks PID", "which tasks wait for sockets");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

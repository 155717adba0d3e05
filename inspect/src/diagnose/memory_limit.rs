//! Memory near a limit: of the cgroup, without the file pages that the kernel drops first, or of the process itself.

use rgops_protocol::reply::{Known, Unavailable};

use super::finding::{Finding, Gap, Kind};
use super::look::Look;
use super::seen::{MemoryLook, Seen};
use crate::text::bytes_short;

pub(super) fn look(seen: &Seen) -> Look {
    let looks = match &seen.memory {
        Known::Value(looks) => looks,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new("memory", why)], ..Look::default() },
    };
    let Some(last) = looks.last() else { return Look::default() };
    let (mut findings, mut at, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    match cgroup(last) {
        Ok((used, limit)) => {
            at.push(format!("{} of {} of the cgroup", bytes_short(used), bytes_short(limit)));
            findings.extend(near(
                used,
                limit,
                "the limit of its cgroup",
                "the kernel kills a process there (OOM)",
            ));
        }
        Err(Some(why)) => gaps.push(Gap::new("the cgroup's memory limit", &why)),
        Err(None) => at.push("no limit of the cgroup".to_owned()),
    }
    match &seen.limits {
        Known::Value(limits) => {
            let size = last.number("process", "virtual");
            if let (Some(size), Some(limit)) = (size, limits.address_space_bytes) {
                at.push(format!("{} of {} of address space", bytes_short(size), bytes_short(limit)));
                findings.extend(near(
                    size,
                    limit,
                    "the limit of its address space (RLIMIT_AS)",
                    "allocations fail there",
                ));
            }
            if limits.address_space_bytes.is_none() {
                at.push("no limit of the address space".to_owned());
            }
        }
        Known::Unavailable(why) => gaps.push(Gap::new("the limits of the process", why)),
    }
    Look { findings, at: at.join(", "), gaps }
}

/// Used memory that is not easily reclaimed, and the limit; `Err(None)` if there is none.
fn cgroup(look: &MemoryLook) -> Result<(u64, u64), Option<Unavailable>> {
    let section = look.numbers.sections.iter().find(|section| section.name == "cgroup").ok_or(None)?;
    let field = |name: &str| section.fields.iter().find(|field| field.name == name).map(|field| &field.value);
    let limit = match field("limit") {
        Some(Known::Value(limit)) if *limit > 0 => *limit,
        // Before, having no limit was reported as a missing number.
        Some(Known::Unavailable(why)) if !why.reason.starts_with("no limit") => {
            return Err(Some(why.clone()));
        }
        Some(_) => return Err(None),
        None => {
            return Err(field("current").and_then(|known| match known {
                Known::Unavailable(why) => Some(why.clone()),
                Known::Value(_) => None,
            }));
        }
    };
    let headroom = match field("headroom") {
        Some(Known::Value(headroom)) => *headroom,
        Some(Known::Unavailable(why)) => return Err(Some(why.clone())),
        None => return Err(None),
    };
    let reclaimable = field("reclaimable-file").and_then(|known| known.value().copied()).unwrap_or(0);
    Ok((limit.saturating_sub(headroom).saturating_sub(reclaimable), limit))
}

fn near(used: u64, limit: u64, of: &str, then: &str) -> Option<Finding> {
    (used >= limit - limit / 10).then(|| {
        let what = format!("memory is at {:.0} % of {of}", used as f64 * 100.0 / limit as f64);
        let evidence = vec![format!(
            "{} of {} used, {} left; {then}",
            bytes_short(used),
            bytes_short(limit),
            bytes_short(limit.saturating_sub(used))
        )];
        Finding::new(Kind::MemoryLimit, what, evidence)
            .more("memstats PID", "what the memory is")
            .more("pprof-heap PID", "which lines hold it")
    })
}

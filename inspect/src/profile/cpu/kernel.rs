//! CPU time in the kernel, by the leaves of the stacks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rgops_protocol::reply::{Known, Unavailable};

use super::gather::CpuProfile;

/// The engine with a timer a thread, which takes samples in the C library, too.
const NATIVE: &str = "native";

/// CPU time of a profile in system calls. Page faults are not in it: a tick in one is delivered at the instruction that
/// caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelTime {
    /// CPU time of samples in system calls, in nanoseconds.
    pub system_calls_ns: Known<u64>,
    /// CPU time of samples of which it is not known, in nanoseconds.
    pub unknown_ns: u64,
    /// Why it is not known of them: that of most of this time.
    pub why: Option<Unavailable>,
    /// Locations of leaves in system calls.
    leaves: HashSet<u64>,
    /// Locations of leaves of which it is not known.
    unknown: HashSet<u64>,
}

impl KernelTime {
    /// Whether a stack with this location as its leaf is in a system call; `None` if that is not known.
    pub(crate) fn is_at(&self, location: u64) -> Option<bool> {
        let is_known = self.system_calls_ns.value().is_some() && !self.unknown.contains(&location);
        is_known.then(|| self.leaves.contains(&location))
    }

    #[cfg(test)]
    pub(crate) fn with_leaves(leaves: &[u64], unknown: &[u64]) -> KernelTime {
        KernelTime {
            system_calls_ns: Known::Value(0),
            unknown_ns: 0,
            why: None,
            leaves: leaves.iter().copied().collect(),
            unknown: unknown.iter().copied().collect(),
        }
    }
}

impl CpuProfile {
    /// How much of the samples is in system calls, by the instructions in the files of the modules.
    pub fn kernel_time(&self) -> KernelTime {
        let unavailable = |missing: Unavailable| KernelTime {
            system_calls_ns: Known::Unavailable(missing),
            unknown_ns: self.sampled_ns(),
            why: None,
            leaves: HashSet::new(),
            unknown: HashSet::new(),
        };
        let because =
            |reason: &str| unavailable(Unavailable { reason: reason.to_owned(), fix: String::new() });
        if self.weights.is_empty() {
            return because("no samples");
        }
        if self.start.as_ref().is_some_and(|start| start.engine != NATIVE) {
            return because("this engine takes no samples in the C library, which makes the calls");
        }
        let found = self.locations.leaves_at_system_calls();
        let (mut inside, mut unknown) = (0_u64, self.not_kept);
        let mut reasons: HashMap<&str, (&Unavailable, u64)> = HashMap::new();
        for ((_, stack, _), weight) in &self.weights {
            let sum = match stack.first().map(|leaf| found.get(leaf)) {
                // Code of no module makes no system call.
                Some(None | Some(Ok(false))) => continue,
                Some(Some(Ok(true))) => &mut inside,
                Some(Some(Err(why))) => {
                    let (_, of) = reasons.entry(&why.reason).or_insert((why, 0));
                    *of = of.saturating_add(*weight);
                    &mut unknown
                }
                None => &mut unknown,
            };
            *sum = sum.saturating_add(*weight);
        }
        let most = reasons.into_values().max_by_key(|(why, of)| (*of, &why.reason));
        let why = most.map_or_else(
            || Unavailable { reason: "their stacks were not kept".to_owned(), fix: String::new() },
            |(why, _)| why.clone(),
        );
        if unknown == self.weight {
            return unavailable(why);
        }
        let leaves = |is_it: fn(&Result<bool, Arc<Unavailable>>) -> bool| {
            found.iter().filter(|(_, found)| is_it(found)).map(|(leaf, _)| *leaf).collect()
        };
        KernelTime {
            system_calls_ns: Known::Value(inside.saturating_mul(self.period_ns())),
            unknown_ns: unknown.saturating_mul(self.period_ns()),
            why: (unknown > 0).then_some(why),
            leaves: leaves(|found| *found == Ok(true)),
            unknown: leaves(Result::is_err),
        }
    }
}

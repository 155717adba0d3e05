//! CPU time without samples, by what was seen to be the reason. What no reason was seen for is left over
//! and attributed to nobody.

use std::collections::HashMap;

/// Names of threads that are kept, and told.
const MAX_NAMES: usize = 64;
const TOLD_NAMES: usize = 3;

/// CPU time without samples, in nanoseconds.
#[derive(Debug, Default, Clone)]
pub struct Silent {
    /// Of threads that blocked the signal each time they were looked at.
    pub blocked_ns: u64,
    /// Of threads that were in sigwait(3), where ours would be taken for their own.
    pub waiting_ns: u64,
    /// Of threads for which no timer could be made.
    pub untimed_ns: u64,
    /// Of threads that are left alone, since they are.
    pub left_alone_ns: u64,
    /// Of threads before they had a timer: new ones, and those that were seen to block the signal and did
    /// not the next time.
    pub begun_ns: u64,
    /// The rest, by subtraction from the process' clock.
    pub unattributed_ns: u64,
    /// Time used while the clocks were read, at the start and at the end. The threads' clocks are read one after
    /// another and the process' before them, so the rest is known no better than by this.
    pub edges_ns: u64,
    /// Weight of samples that came when a thread unblocked the signal: they show that place.
    pub heard_late: u64,
    blocked: HashMap<String, u64>,
}

impl Silent {
    /// Adds time of a thread that blocks the signal.
    pub(super) fn add_blocked(&mut self, name: &str, ns: u64) {
        self.blocked_ns += ns;
        if let Some(sum) = self.blocked.get_mut(name) {
            *sum += ns;
        } else if self.blocked.len() < MAX_NAMES {
            self.blocked.insert(name.to_owned(), ns);
        }
    }

    /// All that has a reason.
    pub(super) fn attributed_ns(&self) -> u64 {
        self.blocked_ns + self.waiting_ns + self.untimed_ns + self.left_alone_ns + self.begun_ns
    }

    /// Completes it: so much has no samples in all.
    pub(super) fn complete(&mut self, unsampled_ns: u64) {
        // A thread's first clock may count what it used before the window.
        let excess = self.attributed_ns().saturating_sub(unsampled_ns);
        self.begun_ns = self.begun_ns.saturating_sub(excess);
        self.unattributed_ns = unsampled_ns.saturating_sub(self.attributed_ns());
    }

    /// The rest, as far as it cannot be time between two readings of clocks.
    pub fn certainly_unattributed_ns(&self) -> u64 {
        self.unattributed_ns.saturating_sub(self.edges_ns)
    }

    /// The threads that blocked the signal for most of the time: `a, b and others`.
    pub fn blocked_names(&self) -> String {
        let mut names: Vec<(&String, &u64)> = self.blocked.iter().collect();
        names.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
        let told: Vec<&str> = names.iter().take(TOLD_NAMES).map(|(name, _)| name.as_str()).collect();
        match names.len() > TOLD_NAMES {
            true => format!("{} and others", told.join(", ")),
            false => told.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_reason_is_left_over_and_sums_never_exceed_the_whole() {
        let mut silent = Silent { begun_ns: 50, waiting_ns: 10, ..Silent::default() };
        silent.add_blocked("a", 100);
        silent.complete(200);
        assert_eq!((silent.unattributed_ns, silent.attributed_ns()), (40, 160));
        silent.complete(130);
        assert_eq!((silent.begun_ns, silent.unattributed_ns), (20, 0));
        silent.complete(200);
        silent.edges_ns = 60;
        assert_eq!((silent.unattributed_ns, silent.certainly_unattributed_ns()), (70, 10));
    }

    #[test]
    fn the_loudest_of_the_silent_are_named_first_and_few() {
        let mut silent = Silent::default();
        for (name, ns) in [("c", 1), ("a", 3), ("b", 2), ("a", 1)] {
            silent.add_blocked(name, ns);
        }
        assert_eq!(silent.blocked_names(), "a, b, c");
        silent.add_blocked("d", 9);
        assert_eq!(silent.blocked_names(), "d, a, b and others");
        (0..1000).for_each(|number| silent.add_blocked(&number.to_string(), 1));
        assert_eq!(silent.blocked.len(), MAX_NAMES);
    }
}

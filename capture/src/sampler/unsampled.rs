//! CPU time without samples, by observed reason. The rest is reported as unattributed.

use std::collections::HashMap;

/// The maximum number of thread names kept.
const MAX_NAMES: usize = 64;
/// The maximum number of thread names shown.
const SHOWN_NAMES: usize = 3;

/// CPU time without samples, in nanoseconds.
#[derive(Debug, Default, Clone)]
pub struct Unsampled {
    /// Of threads that blocked the signal at each reading.
    pub blocked_ns: u64,
    /// Of threads that were in sigwait(3), which would take our signal for theirs.
    pub waiting_ns: u64,
    /// Of threads for which timer_create(2) failed.
    pub untimed_ns: u64,
    /// Of exempt threads, from when they became exempt.
    pub exempt_ns: u64,
    /// Of threads before they had a timer: new ones, and those that blocked the signal at one reading and not at the
    /// next.
    pub begun_ns: u64,
    /// The rest, by subtraction from the process's clock.
    pub unattributed_ns: u64,
    /// CPU time used while the clocks were read, at the start and at the end. The process's clock is read first and the
    /// threads' clocks one after another, so this is the uncertainty of the rest.
    pub edges_ns: u64,
    /// Weight of samples that were delivered when a thread unblocked the signal: they show that place.
    pub delivered_late: u64,
    blocked: HashMap<String, u64>,
}

impl Unsampled {
    /// Adds time of a thread that blocks the signal.
    pub(super) fn add_blocked(&mut self, name: &str, ns: u64) {
        self.blocked_ns += ns;
        if let Some(sum) = self.blocked.get_mut(name) {
            *sum += ns;
        } else if self.blocked.len() < MAX_NAMES {
            self.blocked.insert(name.to_owned(), ns);
        }
    }

    /// The sum of all time with a reason.
    pub(super) fn attributed_ns(&self) -> u64 {
        self.blocked_ns + self.waiting_ns + self.untimed_ns + self.exempt_ns + self.begun_ns
    }

    /// Computes the rest from `unsampled_ns`, the total without samples.
    pub(super) fn complete(&mut self, unsampled_ns: u64) {
        // A thread's first reading may include time before the window.
        let excess = self.attributed_ns().saturating_sub(unsampled_ns);
        self.begun_ns = self.begun_ns.saturating_sub(excess);
        self.unattributed_ns = unsampled_ns.saturating_sub(self.attributed_ns());
    }

    /// The rest, minus the uncertainty from reading the clocks.
    pub fn certainly_unattributed_ns(&self) -> u64 {
        self.unattributed_ns.saturating_sub(self.edges_ns)
    }

    /// The threads that blocked the signal for most of the time: `a, b and others`.
    pub fn blocked_names(&self) -> String {
        let mut names: Vec<(&String, &u64)> = self.blocked.iter().collect();
        names.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
        let shown: Vec<&str> = names.iter().take(SHOWN_NAMES).map(|(name, _)| name.as_str()).collect();
        match names.len() > SHOWN_NAMES {
            true => format!("{} and others", shown.join(", ")),
            false => shown.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_unattributed_and_sums_never_exceed_the_total() {
        let mut unsampled = Unsampled { begun_ns: 50, waiting_ns: 10, ..Unsampled::default() };
        unsampled.add_blocked("a", 100);
        unsampled.complete(200);
        assert_eq!((unsampled.unattributed_ns, unsampled.attributed_ns()), (40, 160));
        unsampled.complete(130);
        assert_eq!((unsampled.begun_ns, unsampled.unattributed_ns), (20, 0));
        unsampled.complete(200);
        unsampled.edges_ns = 60;
        assert_eq!((unsampled.unattributed_ns, unsampled.certainly_unattributed_ns()), (70, 10));
    }

    #[test]
    fn a_few_threads_with_the_most_time_are_named_in_order() {
        let mut unsampled = Unsampled::default();
        for (name, ns) in [("c", 1), ("a", 3), ("b", 2), ("a", 1)] {
            unsampled.add_blocked(name, ns);
        }
        assert_eq!(unsampled.blocked_names(), "a, b, c");
        unsampled.add_blocked("d", 9);
        assert_eq!(unsampled.blocked_names(), "d, a, b and others");
        (0..1000).for_each(|number| unsampled.add_blocked(&number.to_string(), 1));
        assert_eq!(unsampled.blocked.len(), MAX_NAMES);
    }
}

//! How often to read: at the requested interval, unless that would cost more than the budget of CPU time.
//!
//! A reading of one thread costs about 10 µs (one `schedstat`; more for a thread that ran), so the cost of a
//! reading depends on the program. The pace follows the collector's own CPU clock. Threads that ran lately are read
//! each time, and of the others as many as the budget allows, in turn. Where the rest of a reading alone takes the whole
//! budget (new threads are searched, samples collected), idle threads may take as much again.

use std::time::Duration;

/// The largest share of one CPU that tracing may take: 3 %.
const COST_SHARE: u32 = 3;
/// The longest interval. With the maximum number of threads (8192) a reading costs about 80 ms, so the interval
/// is 2.7 s.
const MAX_INTERVAL: Duration = Duration::from_secs(5);
/// The cost of a thread in a reading until it is measured.
const FIRST_THREAD_COST: Duration = Duration::from_micros(10);

/// The time between two readings.
#[derive(Debug)]
pub(super) struct Pace {
    requested: Duration,
    /// Moving average of the cost of a reading.
    cost: Duration,
    /// The same for one thread.
    thread_cost: Duration,
    /// The same for everything but threads.
    rest: Duration,
    readings: u64,
    stretched: u64,
    longest: Duration,
}

impl Pace {
    pub(super) fn new(requested: Duration) -> Pace {
        let (cost, thread_cost) = (Duration::ZERO, FIRST_THREAD_COST);
        let rest = Duration::ZERO;
        Pace { requested, cost, thread_cost, rest, readings: 0, stretched: 0, longest: requested }
    }

    /// Records the CPU time of the last reading, including everything sent since, and how much of it so many threads
    /// took.
    pub(super) fn reading_cost(&mut self, cost: Duration, threads: usize, of_threads: Duration) {
        if self.readings > 0 && threads > 0 {
            let of_each = of_threads / u32::try_from(threads).unwrap_or(u32::MAX);
            self.thread_cost = (self.thread_cost * 7 + of_each) / 8;
            self.rest = (self.rest * 7 + cost.saturating_sub(of_threads)) / 8;
        }
        // In the first reading every thread is new, so its cost says nothing about later readings.
        self.cost = match self.readings {
            0 => Duration::ZERO,
            1 => cost,
            _ => (self.cost * 7 + cost) / 8,
        };
        self.readings += 1;
        let interval = self.interval();
        self.stretched += u64::from(interval > self.requested);
        self.longest = self.longest.max(interval);
    }

    /// From the start of one reading to the start of the next.
    pub(super) fn interval(&self) -> Duration {
        (self.cost * (100 / COST_SHARE)).clamp(self.requested, MAX_INTERVAL.max(self.requested))
    }

    /// How many idle threads to read next besides the active ones.
    pub(super) fn idle_at_once(&self, active: usize, idle: usize) -> usize {
        let active_cost = self.thread_cost * u32::try_from(active).unwrap_or(u32::MAX);
        let others = self.rest + active_cost;
        let left = (self.requested * COST_SHARE / 100).saturating_sub(others).max(others);
        let count = left.as_nanos() / self.thread_cost.as_nanos().max(1);
        usize::try_from(count).unwrap_or(usize::MAX).clamp(1, idle.max(1)).min(idle)
    }

    /// Readings so far.
    pub(super) fn readings(&self) -> u64 {
        self.readings
    }

    /// Readings that were followed by a longer interval than requested.
    pub(super) fn stretched(&self) -> u64 {
        self.stretched
    }

    /// The longest interval so far.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn cheap_readings_keep_the_requested_interval() {
        let mut pace = Pace::new(5 * MS);
        pace.reading_cost(20 * MS, 500, 20 * MS); // the first
        (0..100).for_each(|_| pace.reading_cost(MS / 10, 10, MS / 10));
        assert_eq!((pace.interval(), pace.stretched(), pace.readings()), (5 * MS, 0, 101));
    }

    #[test]
    fn expensive_readings_are_less_frequent_but_do_not_stop() {
        let mut pace = Pace::new(5 * MS);
        (0..100).for_each(|_| pace.reading_cost(MS, 100, MS));
        assert_eq!(pace.interval(), 33 * MS);
        assert!(pace.stretched() > 90);
        (0..100).for_each(|_| pace.reading_cost(500 * MS, 8000, 500 * MS));
        assert_eq!(pace.interval(), Duration::from_secs(5));
        (0..200).for_each(|_| pace.reading_cost(MS / 10, 10, MS / 10));
        assert_eq!(pace.interval(), 5 * MS);
    }

    #[test]
    fn idle_threads_take_what_the_others_leave_of_the_budget_or_as_much_again() {
        let micros = Duration::from_micros;
        let mut pace = Pace::new(5 * MS);
        assert_eq!(pace.idle_at_once(0, 490), 15, "150 µs of 10 µs each");
        assert_eq!(pace.idle_at_once(5, 490), 10);
        assert_eq!(pace.idle_at_once(40, 490), 40, "as many as the active ones");
        assert_eq!(pace.idle_at_once(2, 5), 5, "all");
        assert_eq!(pace.idle_at_once(2, 0), 0);
        (0..100).for_each(|_| pace.reading_cost(micros(900), 40, micros(400)));
        assert_eq!(pace.idle_at_once(0, 490), 49, "500 µs are something else");
    }
}

//! How often to read: at the requested interval, unless that would cost more than the budget of CPU time.
//!
//! A reading of one thread costs about 10 µs (one `schedstat`; more for a thread that ran), so the cost of a
//! reading depends on the program. The pace follows the collector's own CPU clock. Threads that ran lately are read
//! each time, and of the others as many as the budget allows, in turn.

use std::time::Duration;

/// The largest share of one CPU that tracing may take: 3 %.
const COST_SHARE: u32 = 3;
/// The longest interval. With the maximum number of threads (8192) a reading costs about 80 ms, so the interval
/// is 2.7 s.
const MAX_INTERVAL: Duration = Duration::from_secs(5);
/// The cost of a thread in a reading until it is measured.
const FIRST_THREAD_COST: Duration = Duration::from_micros(10);
/// The part of the threads of a reading that may always be idle ones: one in this many.
const IDLE_PART: u32 = 4;

/// The time between two readings.
#[derive(Debug)]
pub(super) struct Pace {
    requested: Duration,
    /// Moving average of the cost of a reading.
    cost: Duration,
    /// The same for one thread.
    thread_cost: Duration,
    readings: u64,
    stretched: u64,
    longest: Duration,
}

impl Pace {
    pub(super) fn new(requested: Duration) -> Pace {
        let (cost, thread_cost) = (Duration::ZERO, FIRST_THREAD_COST);
        Pace { requested, cost, thread_cost, readings: 0, stretched: 0, longest: requested }
    }

    /// Records the CPU time of the last reading of so many threads, including everything sent since.
    pub(super) fn reading_cost(&mut self, cost: Duration, threads: usize) {
        if self.readings > 0 {
            let of_each = cost / u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
            self.thread_cost = (self.thread_cost * 7 + of_each) / 8;
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
        let budget = self.requested * COST_SHARE / 100;
        let allowed = budget.as_nanos() / self.thread_cost.as_nanos().max(1);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let least = (allowed / IDLE_PART as usize).max(1);
        allowed.saturating_sub(active).max(least).min(idle)
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
        pace.reading_cost(20 * MS, 500); // the first
        (0..100).for_each(|_| pace.reading_cost(MS / 10, 10));
        assert_eq!((pace.interval(), pace.stretched(), pace.readings()), (5 * MS, 0, 101));
    }

    #[test]
    fn expensive_readings_are_less_frequent_but_do_not_stop() {
        let mut pace = Pace::new(5 * MS);
        (0..100).for_each(|_| pace.reading_cost(MS, 100));
        assert_eq!(pace.interval(), 33 * MS);
        assert!(pace.stretched() > 90);
        (0..100).for_each(|_| pace.reading_cost(500 * MS, 8000));
        assert_eq!(pace.interval(), Duration::from_secs(5));
        (0..200).for_each(|_| pace.reading_cost(MS / 10, 10));
        assert_eq!(pace.interval(), 5 * MS);
    }

    #[test]
    fn idle_threads_take_what_the_active_ones_leave_of_the_budget() {
        let mut pace = Pace::new(5 * MS);
        assert_eq!(pace.idle_at_once(0, 490), 15, "150 µs of 10 µs each");
        assert_eq!(pace.idle_at_once(12, 490), 3);
        assert_eq!(pace.idle_at_once(400, 490), 3, "they are read, too");
        assert_eq!(pace.idle_at_once(2, 5), 5, "all");
        (0..100).for_each(|_| pace.reading_cost(MS, 5));
        assert_eq!(pace.idle_at_once(400, 490), 1);
    }
}

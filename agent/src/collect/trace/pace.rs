//! How often to read: at the requested interval, unless that would cost more than the budget of CPU time.
//!
//! A reading of one thread costs about 10 µs (one `schedstat`; more for a thread that ran), so the cost of a
//! reading depends on the program. The pace follows the collector's own CPU clock. Threads that ran lately are read
//! each time, and of the others as many as the budget allows, in turn. Where the rest of a reading alone takes the whole
//! budget (new threads are searched, samples collected), idle threads may take as much again. The first and the last
//! reading look at every thread, whatever that costs: the others have what these two leave of the budget.

use std::time::Duration;

/// The largest share of one CPU that tracing may take, in parts per million: 3 %.
const COST_SHARE: u64 = 30_000;
/// What is left of it in a trace so short that its first and last reading take more: 1 %.
const LEAST_SHARE: u64 = 10_000;
/// The longest interval. With the maximum number of threads (8192) a reading costs about 80 ms, so the interval
/// is 2.7 s.
const MAX_INTERVAL: Duration = Duration::from_secs(5);
/// The cost of a thread in a reading until it is measured.
const FIRST_THREAD_COST: Duration = Duration::from_micros(10);

/// The time between two readings.
#[derive(Debug)]
pub(super) struct Pace {
    requested: Duration,
    /// How long the trace takes, if nobody ends it.
    duration: Duration,
    /// Of one CPU for all readings but the first and the last, in parts per million.
    share: u64,
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
    pub(super) fn new(requested: Duration, duration: Duration) -> Pace {
        Pace {
            requested,
            duration,
            share: COST_SHARE,
            cost: Duration::ZERO,
            thread_cost: FIRST_THREAD_COST,
            rest: Duration::ZERO,
            readings: 0,
            stretched: 0,
            longest: requested,
        }
    }

    /// Records the CPU time of the last reading, including everything sent since, and how much of it so many threads
    /// took.
    pub(super) fn reading_cost(&mut self, cost: Duration, threads: usize, of_threads: Duration) {
        if self.readings > 0 && threads > 0 {
            let of_each = of_threads / u32::try_from(threads).unwrap_or(u32::MAX);
            self.thread_cost = (self.thread_cost * 7 + of_each) / 8;
            self.rest = (self.rest * 7 + cost.saturating_sub(of_threads)) / 8;
        }
        // In the first reading every thread is new, so its cost says nothing about later readings but the last.
        self.cost = match self.readings {
            0 => {
                let both = parts_per_million(2 * cost, self.duration);
                self.share = COST_SHARE.saturating_sub(both).max(LEAST_SHARE);
                Duration::ZERO
            }
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
        let nanos = self.cost.as_nanos() * 1_000_000 / u128::from(self.share);
        let interval = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        interval.clamp(self.requested, MAX_INTERVAL.max(self.requested))
    }

    /// How many idle threads to read next besides the active ones.
    pub(super) fn idle_at_once(&self, active: usize, idle: usize) -> usize {
        let active_cost = self.thread_cost * u32::try_from(active).unwrap_or(u32::MAX);
        let others = self.rest + active_cost;
        let budget = self.requested.mul_f64(self.share as f64 / 1e6);
        let left = budget.saturating_sub(others).max(others);
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

/// A part of a whole; at most the whole.
fn parts_per_million(part: Duration, whole: Duration) -> u64 {
    let parts = part.as_nanos() * 1_000_000 / whole.as_nanos().max(1);
    parts.min(1_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn cheap_readings_keep_the_requested_interval() {
        let mut pace = Pace::new(5 * MS, HOUR);
        pace.reading_cost(20 * MS, 500, 20 * MS); // the first
        (0..100).for_each(|_| pace.reading_cost(MS / 10, 10, MS / 10));
        assert_eq!((pace.interval(), pace.stretched(), pace.readings()), (5 * MS, 0, 101));
    }

    #[test]
    fn expensive_readings_are_less_frequent_but_do_not_stop() {
        let mut pace = Pace::new(5 * MS, HOUR);
        (0..100).for_each(|_| pace.reading_cost(MS, 100, MS));
        assert_eq!(pace.interval().as_millis(), 33);
        assert!(pace.stretched() > 90);
        (0..100).for_each(|_| pace.reading_cost(500 * MS, 8000, 500 * MS));
        assert_eq!(pace.interval(), Duration::from_secs(5));
        (0..200).for_each(|_| pace.reading_cost(MS / 10, 10, MS / 10));
        assert_eq!(pace.interval(), 5 * MS);
    }

    #[test]
    fn the_first_and_the_last_reading_are_paid_by_the_others() {
        let after_first = |cost, duration| {
            let mut pace = Pace::new(5 * MS, duration);
            pace.reading_cost(cost, 500, cost);
            (0..100).for_each(|_| pace.reading_cost(MS, 100, MS));
            pace.interval().as_millis()
        };
        assert_eq!(after_first(40 * MS, HOUR), 33);
        assert_eq!(after_first(40 * MS, Duration::from_secs(8)), 50, "80 ms of the 240 ms");
        assert_eq!(after_first(40 * MS, Duration::from_secs(1)), 100, "more than all: 1 % is left");
        assert_eq!(after_first(40 * MS, Duration::ZERO), 100);
    }

    #[test]
    fn idle_threads_take_what_the_others_leave_of_the_budget_or_as_much_again() {
        let micros = Duration::from_micros;
        let mut pace = Pace::new(5 * MS, HOUR);
        assert_eq!(pace.idle_at_once(0, 490), 15, "150 µs of 10 µs each");
        assert_eq!(pace.idle_at_once(5, 490), 10);
        assert_eq!(pace.idle_at_once(40, 490), 40, "as many as the active ones");
        assert_eq!(pace.idle_at_once(2, 5), 5, "all");
        assert_eq!(pace.idle_at_once(2, 0), 0);
        (0..100).for_each(|_| pace.reading_cost(micros(900), 40, micros(400)));
        assert_eq!(pace.idle_at_once(0, 490), 49, "500 µs are something else");
    }
}

//! How often to read: at the requested interval, unless that would cost more than the budget of CPU time.
//!
//! A reading of one thread costs about 10 µs (one `schedstat`; more for a thread that ran), so the cost of a
//! reading depends on the program. The pace follows the collector's own CPU clock.

use std::time::Duration;

/// The largest share of one CPU that tracing may take: 3 %.
const COST_SHARE: u32 = 3;
/// The longest interval. With the maximum number of threads (8192) a reading costs about 80 ms, so the interval
/// is 2.7 s.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// The time between two readings.
#[derive(Debug)]
pub(super) struct Pace {
    requested: Duration,
    /// Moving average of the cost of a reading.
    cost: Duration,
    readings: u64,
    stretched: u64,
    longest: Duration,
}

impl Pace {
    pub(super) fn new(requested: Duration) -> Pace {
        Pace { requested, cost: Duration::ZERO, readings: 0, stretched: 0, longest: requested }
    }

    /// Records the CPU time of the last reading, including everything sent since.
    pub(super) fn reading_cost(&mut self, cost: Duration) {
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
        pace.reading_cost(20 * MS); // the first
        (0..100).for_each(|_| pace.reading_cost(MS / 10));
        assert_eq!((pace.interval(), pace.stretched(), pace.readings()), (5 * MS, 0, 101));
    }

    #[test]
    fn expensive_readings_are_less_frequent_but_do_not_stop() {
        let mut pace = Pace::new(5 * MS);
        (0..100).for_each(|_| pace.reading_cost(MS));
        assert_eq!(pace.interval(), 33 * MS);
        assert!(pace.stretched() > 90);
        (0..100).for_each(|_| pace.reading_cost(500 * MS));
        assert_eq!(pace.interval(), Duration::from_secs(5));
        (0..200).for_each(|_| pace.reading_cost(MS / 10));
        assert_eq!(pace.interval(), 5 * MS);
    }
}

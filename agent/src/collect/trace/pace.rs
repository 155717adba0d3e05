//! How often to read: as asked, unless that would cost more than its share of a CPU.
//!
//! A reading of one thread costs about 10 µs (one `schedstat`; more for a thread that ran), so what
//! a reading costs depends on the program. The pace follows the collector's own CPU clock.

use std::time::Duration;

/// The largest share of one CPU that tracing may take: 3 %.
const COST_SHARE: u32 = 3;
/// Never less often than this. The most threads that are read at all (8192) cost about 80 ms a
/// reading, and so come every 2.7 s.
const SLOWEST: Duration = Duration::from_secs(5);

/// The time between two readings.
#[derive(Debug)]
pub(super) struct Pace {
    asked: Duration,
    /// Moving average of what one reading costs.
    cost: Duration,
    readings: u64,
    stretched: u64,
    longest: Duration,
}

impl Pace {
    pub(super) fn new(asked: Duration) -> Pace {
        Pace { asked, cost: Duration::ZERO, readings: 0, stretched: 0, longest: asked }
    }

    /// Tells what the last reading, with everything sent since, cost in CPU time.
    pub(super) fn reading_cost(&mut self, cost: Duration) {
        // The first reading meets every thread and is no measure of the others.
        self.cost = match self.readings {
            0 => Duration::ZERO,
            1 => cost,
            _ => (self.cost * 7 + cost) / 8,
        };
        self.readings += 1;
        let interval = self.interval();
        self.stretched += u64::from(interval > self.asked);
        self.longest = self.longest.max(interval);
    }

    /// From the beginning of one reading to the beginning of the next.
    pub(super) fn interval(&self) -> Duration {
        (self.cost * (100 / COST_SHARE)).clamp(self.asked, SLOWEST.max(self.asked))
    }

    /// Readings so far.
    pub(super) fn readings(&self) -> u64 {
        self.readings
    }

    /// Readings after which the pause was longer than asked for.
    pub(super) fn stretched(&self) -> u64 {
        self.stretched
    }

    /// The longest pause.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn cheap_readings_keep_the_pace_that_was_asked_for() {
        let mut pace = Pace::new(5 * MS);
        pace.reading_cost(20 * MS); // the first
        (0..100).for_each(|_| pace.reading_cost(MS / 10));
        assert_eq!((pace.interval(), pace.stretched(), pace.readings()), (5 * MS, 0, 101));
    }

    #[test]
    fn dear_readings_are_made_less_often_but_not_given_up() {
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

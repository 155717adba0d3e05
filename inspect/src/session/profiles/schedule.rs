//! When to look: once in each interval, at a random moment of it, so that nothing periodic in the program is seen more or
//! less often than it is there.

use std::time::{Duration, Instant};

/// A look may take the agent one part of this many: 3 % of a CPU.
const PART: u32 = 33;

/// The moments of one kind of look.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    /// Start of the next interval.
    next: Instant,
    at: Instant,
    random: u64,
}

impl Schedule {
    /// The first look is at `start`.
    pub(super) fn new(start: Instant, interval: Duration) -> Schedule {
        let mut seed = [0; 8];
        // Without random numbers the moments are those of one sequence: a look is still at no multiple of the interval.
        let _ = getrandom::fill(&mut seed);
        Schedule { interval, next: start, at: start, random: u64::from_le_bytes(seed) | 1 }
    }

    /// When to look next.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Plans the next look. The last one took the agent this long.
    pub(super) fn plan(&mut self, cost: Duration) {
        let interval = self.interval.max(cost.saturating_mul(PART));
        self.next = (self.next + interval).max(Instant::now());
        // xorshift64 (Marsaglia).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = (self.random >> 11) as f64 / (1u64 << 53) as f64;
        self.at = self.next + interval.mul_f64(share);
    }
}

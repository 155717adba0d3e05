//! How often active and idle threads were read: the resolution of a trace.

use rgops_protocol::reply::trace::TraceResolution;

/// Sums over all readings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coverage {
    readings: u64,
    active: u64,
    idle: u64,
    idle_read: u64,
}

impl Coverage {
    /// A reading of all active threads and of some idle ones.
    pub(super) fn add(&mut self, active: u64, idle: u64, idle_read: u64) {
        self.readings += 1;
        self.active += active;
        self.idle += idle;
        self.idle_read += idle_read;
    }

    /// The means over a time.
    pub(super) fn resolution(&self, duration_ns: u64) -> TraceResolution {
        let readings = self.readings.max(1);
        let mean = |sum: u64| u32::try_from((sum + readings / 2) / readings).unwrap_or(u32::MAX);
        let active_ns = duration_ns / readings;
        // A reading looks at this part of the idle threads.
        let rounds = self.idle as f64 / self.idle_read.max(1) as f64;
        TraceResolution {
            active_threads: mean(self.active),
            active_ns,
            idle_threads: mean(self.idle),
            idle_ns: if self.idle_read == 0 { duration_ns } else { (active_ns as f64 * rounds) as u64 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_threads_are_read_as_often_as_their_turn_comes() {
        let mut coverage = Coverage::default();
        (0..100).for_each(|_| coverage.add(12, 490, 10));
        let resolution = coverage.resolution(500_000_000);
        assert_eq!((resolution.active_threads, resolution.active_ns), (12, 5_000_000));
        assert_eq!((resolution.idle_threads, resolution.idle_ns), (490, 245_000_000));
    }
}

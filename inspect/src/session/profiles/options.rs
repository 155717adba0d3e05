//! How threads and tasks are looked at for `block` and `mutex`.

use std::time::Duration;

/// How threads and tasks are looked at for `block` and `mutex`.
#[derive(Debug, Clone)]
pub struct WaitOptions {
    pub(super) window: Duration,
    pub(super) hz: u32,
}

impl Default for WaitOptions {
    fn default() -> WaitOptions {
        WaitOptions { window: Duration::from_secs(1), hz: 20 }
    }
}

impl WaitOptions {
    /// For how long: 1 s by default, from 50 ms to 10 minutes.
    #[must_use]
    pub fn window(mut self, window: Duration) -> WaitOptions {
        self.window = window.clamp(Duration::from_millis(50), Duration::from_secs(600));
        self
    }

    /// Looks at the threads a second: 20 by default, from 1 to 100. There are fewer if they would take the agent more
    /// than 3 % of a CPU. Tasks are looked at 5 times a second at most.
    #[must_use]
    pub fn hz(mut self, hz: u32) -> WaitOptions {
        self.hz = hz.clamp(1, 100);
        self
    }

    /// The standard deviation of what a profile says of the time at one stack, in nanoseconds: of a thread or task that
    /// waited there for the share `share` of a window of `window_ns`, and was looked at `looks` times at random moments.
    /// Of a wait that lasts from one look to the next it is less. The sum of a thread over all of its stacks has no such
    /// error.
    #[must_use]
    pub fn standard_deviation_ns(share: f64, looks: u64, window_ns: u64) -> f64 {
        let share = share.clamp(0.0, 1.0);
        (share * (1.0 - share) / looks.max(1) as f64).sqrt() * window_ns as f64
    }
}

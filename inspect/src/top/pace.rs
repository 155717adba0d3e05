//! How often to look: at most 1 % of a CPU for the agent.

use std::time::Duration;

/// The agent's share of one CPU that a live view may cost, as a divisor: a hundredth.
const SHARE: u32 = 100;

/// The longest pause. A program whose answers are this expensive is looked at twice a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// Stretches the interval of a live view when its answers are expensive for the program.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    interval: Duration,
}

impl Pace {
    /// `interval` is the one that the user asked for; it is never shortened.
    pub fn new(interval: Duration) -> Pace {
        Pace { interval }
    }

    /// How long to wait before the next round, after one that took `took` and cost the agent the CPU time `cost`.
    /// Without a known cost the interval stays as it is.
    pub fn pause(self, took: Duration, cost: Option<Duration>) -> Duration {
        let affordable = cost.unwrap_or_default().saturating_mul(SHARE).min(LONGEST);
        self.interval.max(affordable).saturating_sub(took)
    }

    /// Whether the last round made the interval longer than asked.
    pub fn is_stretched(self, cost: Option<Duration>) -> bool {
        cost.unwrap_or_default().saturating_mul(SHARE) > self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_cheap_program_is_looked_at_as_often_as_asked() {
        let pace = Pace::new(2 * SECOND);
        assert_eq!(pace.pause(SECOND, Some(Duration::from_millis(20))), SECOND);
        assert_eq!(pace.pause(SECOND, None), SECOND);
        assert_eq!(pace.pause(3 * SECOND, None), Duration::ZERO);
        assert!(!pace.is_stretched(Some(Duration::from_millis(20))));
    }

    #[test]
    fn an_expensive_one_costs_at_most_a_hundredth_of_a_cpu() {
        let pace = Pace::new(2 * SECOND);
        let cost = Duration::from_millis(100);
        assert_eq!(pace.pause(SECOND, Some(cost)), 9 * SECOND);
        assert!(pace.is_stretched(Some(cost)));
        // It is looked at even if the limit cannot be kept: a screen that stands still for hours looks broken.
        assert_eq!(pace.pause(SECOND, Some(60 * SECOND)), 29 * SECOND);
    }
}

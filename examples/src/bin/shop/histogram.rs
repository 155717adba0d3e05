//! A latency histogram with 32 buckets for every doubling, so a value is at most about 3 % off.

use std::time::Duration;

const PER_DOUBLING: u32 = 32;
const SHIFT: u32 = PER_DOUBLING.trailing_zeros();

/// Counts of latencies in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Histogram {
    pub(crate) fn add(&mut self, latency: Duration) {
        let bucket = bucket(latency.as_micros().min(u128::from(u32::MAX)) as u64);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.longest = self.longest.max(latency);
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// The latency that this share of all values does not exceed, such as 0.99: the upper edge of its bucket.
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.count as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return Duration::from_micros(upper_edge(bucket)).min(self.longest);
            }
        }
        self.longest
    }
}

/// Below 32, every microsecond has a bucket. Above, every doubling is divided into 32 buckets.
fn bucket(micros: u64) -> usize {
    let doublings = micros.max(1).ilog2().saturating_sub(SHIFT);
    (u64::from(doublings * PER_DOUBLING) + (micros >> doublings)) as usize
}

fn upper_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let doublings = (bucket / u64::from(PER_DOUBLING)).saturating_sub(1);
    ((bucket - doublings * u64::from(PER_DOUBLING) + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_in_its_bucket_and_close_to_its_edge() {
        for micros in (0..5_000).chain([1 << 20, (1 << 31) + 12_345]) {
            let edge = upper_edge(bucket(micros));
            assert!(edge >= micros, "{micros} {edge}");
            assert!(edge as f64 <= micros as f64 * 1.04 + 1.0, "{micros} {edge}");
        }
    }

    #[test]
    fn quantiles_of_a_ramp_are_correct() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.add(Duration::from_micros(micros));
        }
        let median = histogram.quantile(0.5).as_micros();
        assert!((490..=520).contains(&median), "{median}");
        assert_eq!(histogram.quantile(1.0), Duration::from_micros(1000));
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}

//! The label that has the time of a sample.

use crate::profile::{Label, LabelValue, Profile, TextId};

/// Keys of labels with a time, the most exact first: ours and OpenTelemetry's, Datadog's, and what others call it.
pub const KEYS: &[&str] = &[
    "timestamp",
    "timestamp_ns",
    "end_timestamp_ns",
    "start_timestamp_ns",
    "sample_time",
    "time_ns",
    "time",
];

/// The label with the time of the samples of a profile.
#[derive(Debug, Clone, Copy)]
pub struct TimeKey {
    /// Its key.
    pub name: &'static str,
    id: TextId,
}

impl TimeKey {
    /// The first of [`KEYS`] that is the key of a number in a profile.
    pub fn of(profile: &Profile) -> Option<TimeKey> {
        KEYS.iter().find_map(|name| {
            let key = TimeKey { name, id: profile.texts.find(name)? };
            profile.label_sets.iter().any(|set| key.time_ns(profile, set).is_some()).then_some(key)
        })
    }

    /// The time that labels have, in nanoseconds; numbers without a unit are nanoseconds.
    pub fn time_ns(self, profile: &Profile, labels: &[Label]) -> Option<i64> {
        labels.iter().filter(|label| label.key == self.id).find_map(|label| match label.value {
            LabelValue::Number { value, unit } => {
                let factor = match profile.text(unit) {
                    "" | "ns" | "nanosecond" | "nanoseconds" => 1,
                    "us" | "µs" | "microsecond" | "microseconds" => 1_000,
                    "ms" | "millisecond" | "milliseconds" => 1_000_000,
                    "s" | "second" | "seconds" => 1_000_000_000,
                    // The unit of a number without one is its key, where a profile is refined.
                    unit if unit == self.name => 1,
                    _ => return None,
                };
                Some(value.saturating_mul(factor))
            }
            LabelValue::Text(_) => None,
        })
    }
}

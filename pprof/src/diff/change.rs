//! The difference of two profiles as data.

use serde::Serialize;

/// From this probability on, a change may be by chance.
pub const LEVEL: f64 = 0.05;

/// The format of the JSON document of a [`Diff`].
pub const SCHEMA: &str = "rgops.pprof-diff/1";

/// The difference of two profiles.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Diff {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What values are: `cpu`, `inuse_space`, …
    pub sample_type: String,
    /// Their unit: `nanoseconds`, `bytes`, `count`, …
    pub unit: String,
    /// Whether what a function calls counts for it.
    pub by_cum: bool,
    /// What values are compared by.
    pub compared: Compared,
    /// How long OLD was taken, in seconds; `None` if it does not say.
    pub old_seconds: Option<f64>,
    /// How long NEW was taken, in seconds; `None` if it does not say.
    pub new_seconds: Option<f64>,
    /// How samples are counted; `None` if they cannot be, and nothing is tested.
    pub counted: Option<String>,
    /// Functions that were tested: those with enough samples that a difference could be seen.
    pub tested: usize,
    /// What to tell the user.
    pub notes: Vec<String>,
    /// All functions together.
    pub total: Change,
    /// Functions that changed or not: significant changes first, then by the size of the difference.
    pub functions: Vec<Change>,
}

/// What values are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// By what is used in a second.
    PerSecond,
    /// As they are: both are snapshots.
    Snapshots,
    /// By the share of the total, as a profile does not say how long it was taken.
    Shares,
}

/// How a function changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Change {
    /// The function; empty for the total.
    pub function: String,
    /// How it changed, whether by chance or not.
    pub trend: Trend,
    /// Its value in OLD.
    pub old: i64,
    /// Its value in NEW.
    pub new: i64,
    /// NEW less OLD, after OLD was converted to the time or the total of NEW.
    pub difference: i64,
    /// The same in percent of OLD; `None` if that is 0.
    pub percent: Option<f64>,
    /// Its value in OLD by second.
    pub old_per_second: Option<f64>,
    /// Its value in NEW by second.
    pub new_per_second: Option<f64>,
    /// How many samples it has in OLD.
    pub old_samples: Option<u64>,
    /// How many samples it has in NEW.
    pub new_samples: Option<u64>,
    /// The probability of samples at least as different if nothing changed.
    pub probability: Option<f64>,
    /// The same, adjusted for all functions together.
    pub adjusted_probability: Option<f64>,
    /// Whether that is below [`LEVEL`]; `None` if it cannot be tested.
    pub significant: Option<bool>,
}

/// How a function changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It got slower or larger.
    Grew,
    /// It got faster or smaller.
    Shrank,
    /// It is only in NEW.
    New,
    /// It is only in OLD.
    Gone,
    /// It did not change.
    Same,
}

impl Diff {
    /// What grew by more than `percent`, significantly: functions, and the total. New functions are among them.
    pub fn above(&self, percent: f64) -> Vec<&Change> {
        let all = std::iter::once(&self.total).chain(&self.functions);
        all.filter(|change| change.significant == Some(true))
            .filter(|change| match change.trend {
                Trend::New => true,
                Trend::Grew => change.percent.is_some_and(|by| by > percent),
                _ => false,
            })
            .collect()
    }
}

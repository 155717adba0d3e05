//! Values of the JSON documents of answers: a number, or why there is none.

use serde::{Deserialize, Serialize};

/// A value, or why it is missing.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Known {
    /// It is known.
    Value(f64),
    /// It is missing.
    Missing {
        /// Why.
        unavailable: String,
        /// What to do about it; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        fix: String,
    },
}

impl Default for Known {
    fn default() -> Known {
        Known::missing("the agent does not tell it", "")
    }
}

impl Known {
    /// A missing value.
    pub(crate) fn missing(why: impl Into<String>, fix: impl Into<String>) -> Known {
        Known::Missing { unavailable: why.into(), fix: fix.into() }
    }

    /// The number, if it is known.
    pub(crate) fn value(&self) -> Option<f64> {
        match self {
            Known::Value(value) => Some(*value),
            Known::Missing { .. } => None,
        }
    }

    /// Changes the number, if it is known.
    pub(crate) fn map(self, change: impl FnOnce(f64) -> f64) -> Known {
        match self {
            Known::Value(value) => Known::Value(change(value)),
            missing => missing,
        }
    }

    /// Why it is missing, as a sentence for people.
    pub(crate) fn why(&self) -> Option<String> {
        match self {
            Known::Value(_) => None,
            Known::Missing { unavailable, fix } if fix.is_empty() => {
                Some(format!("unavailable ({unavailable})"))
            }
            Known::Missing { unavailable, fix } => Some(format!("unavailable ({unavailable}; fix: {fix})")),
        }
    }
}

/// A number for people: with two digits behind the point below 10, one below 100, none above.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        below if below < 10.0 && value.fract() != 0.0 => format!("{value:.2}"),
        below if below < 100.0 && value.fract() != 0.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

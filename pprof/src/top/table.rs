//! The table: its rows, its header lines, and the reason where there was no room to count.

use crate::measurement::label;
use crate::model::{Inlined, value_index, value_type};
use crate::proto::Profile;

/// Nodes whose cum is below this share of the total are dropped.
pub(super) const NODE_FRACTION: f64 = 0.005;
/// Calls whose weight is below this share of the total do not count for `(inline)`.
pub(super) const EDGE_FRACTION: f64 = 0.001;

/// What is counted and how much of it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Sample type by name; empty takes the profile's default, or its last.
    pub sample_type: &'a str,
    /// Rows shown, all when 0.
    pub rows: usize,
}

/// A row: a function and what it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The function; `[file]` for code without names.
    pub function: String,
    /// Used by the function itself.
    pub flat: i64,
    /// Used by it and all it called.
    pub cum: i64,
    /// Whether all calls to it, or some, were inlined; `None` when none was.
    pub inlined: Option<Inlined>,
}

/// The table with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// Name of the sample type.
    pub sample_type: String,
    /// Its unit.
    pub unit: String,
    /// Sum of all samples.
    pub total: i64,
    /// Nodes dropped as too small.
    pub dropped: usize,
    /// Nodes before the rows were cut to their number.
    pub nodes: usize,
    /// The rows, by falling flat value.
    pub rows: Vec<Row>,
    /// Why there are none, where there was no memory or time to count them.
    pub left_out: Option<String>,
    /// The unit all values are printed in.
    pub(super) output_unit: String,
    /// `File:` to `Duration:`.
    pub(super) header: Vec<String>,
}

impl Top {
    /// A table of nothing, without a header.
    pub(super) fn empty(profile: &Profile, options: Options<'_>) -> Top {
        let value_type = value_type(profile, value_index(profile, options.sample_type));
        let unit = profile.text(value_type.unit);
        Top {
            sample_type: profile.text(value_type.r#type).to_owned(),
            unit: unit.to_owned(),
            total: 0,
            dropped: 0,
            nodes: 0,
            rows: Vec::new(),
            left_out: None,
            output_unit: unit.to_owned(),
            header: Vec::new(),
        }
    }

    /// A value in the unit of the table.
    pub(super) fn format(&self, value: i64) -> String {
        label(value, &self.unit, &self.output_unit)
    }
}

/// A share of a total, without its sign.
pub(super) fn fraction(total: i64, fraction: f64) -> i64 {
    ((total as f64 * fraction) as i64).saturating_abs()
}

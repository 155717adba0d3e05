//! The table: its rows, its header lines, and the reason if the limits did not allow counting.

use crate::measurement::label;
use crate::model::{Inlined, value_index, value_type};
use crate::proto::Profile;

/// Nodes with a cum below this share of the total are dropped.
pub(super) const NODE_FRACTION: f64 = 0.005;
/// Calls with a weight below this share of the total do not count for `(inline)`.
pub(super) const EDGE_FRACTION: f64 = 0.001;

/// What to count and how many rows to show.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Name of the sample type; if empty, the profile's default, otherwise the last one.
    pub sample_type: &'a str,
    /// Maximum rows; 0 for all.
    pub rows: usize,
    /// Sorted by cum, as `-cum` of pprof; otherwise by flat.
    pub by_cum: bool,
}

/// A row: a function and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The function; `[file]` for code without names.
    pub function: String,
    /// Used by the function itself.
    pub flat: i64,
    /// Used by the function and everything it called.
    pub cum: i64,
    /// Whether all or some calls to it were inlined; `None` if none were.
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
    /// Nodes dropped because they are too small.
    pub dropped: usize,
    /// Nodes before the rows were limited to the requested number.
    pub nodes: usize,
    /// The rows, by descending flat value, or cum where that was asked for.
    pub rows: Vec<Row>,
    /// Why there are no rows, if memory or time did not suffice to count them.
    pub left_out: Option<String>,
    /// The unit of all printed values.
    pub(super) output_unit: String,
    /// `File:` to `Duration:`.
    pub(super) header: Vec<String>,
}

impl Top {
    /// An empty table without a header.
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

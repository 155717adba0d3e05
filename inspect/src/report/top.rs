//! The table of functions in JSON, shared by CPU and heap profiles.

use serde::Serialize;

use crate::profile::top::{Inlined, Row, Top};

/// Functions by descending flat value; values in `unit`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonTop<'a> {
    /// Name of the sample type.
    sample_type: &'a str,
    /// Its unit.
    unit: &'a str,
    /// Sum of all samples.
    total: i64,
    /// Functions dropped because they are too small.
    dropped: usize,
    /// Functions before the rows were limited to the requested number.
    nodes: usize,
    rows: Vec<JsonRow<'a>>,
    /// Why there are no rows, if memory or time did not suffice to count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'a str>,
}

/// A function and its values.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonRow<'a> {
    /// The function; `[file]` for code without names.
    function: &'a str,
    /// Used by the function itself.
    flat: i64,
    /// Used by the function and everything it called.
    cum: i64,
    /// `always` where every call to it was inlined, `partly` where some were, `null` where none was.
    inlined: Option<&'static str>,
}

impl<'a> From<&'a Top> for JsonTop<'a> {
    fn from(top: &'a Top) -> JsonTop<'a> {
        JsonTop {
            sample_type: &top.table.sample_type,
            unit: &top.table.unit,
            total: top.table.total,
            dropped: top.table.dropped,
            nodes: top.table.nodes,
            rows: top.table.rows.iter().map(JsonRow::from).collect(),
            left_out: top.left_out.as_deref(),
        }
    }
}

impl<'a> From<&'a Row> for JsonRow<'a> {
    fn from(row: &'a Row) -> JsonRow<'a> {
        let inlined = row.inlined.map(|inlined| match inlined {
            Inlined::Always => "always",
            Inlined::Partly => "partly",
        });
        JsonRow { function: &row.name, flat: row.flat, cum: row.cum, inlined }
    }
}

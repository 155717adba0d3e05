//! The rows of reports as JSON: `rgops.pprof-top/1` and `rgops.pprof-tree/1`. Their schemas are in `pprof/schemas/`.

use std::io::Write;

use serde::Serialize;

use super::{top, tree};
use crate::error::ReportError;
use crate::graph::Work;
use crate::refine::Refined;

/// The rows of `top`. Values are in `unit`, as in the file; percentages are of `total`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonTop<'a> {
    /// `rgops.pprof-top/1`.
    schema: &'static str,
    #[serde(flatten)]
    about: About<'a>,
    /// Sum of the flat values of the rows.
    shown: i64,
    /// Functions, the first first.
    rows: Vec<JsonRow<'a>>,
}

/// The rows of `tree`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonTree<'a> {
    /// `rgops.pprof-tree/1`.
    schema: &'static str,
    #[serde(flatten)]
    about: About<'a>,
    /// Functions, the first first.
    rows: Vec<JsonNode<'a>>,
}

/// What a report is of.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct About<'a> {
    /// The lines above the text of the report.
    header: &'a [String],
    /// The sample type.
    sample_type: &'a str,
    /// The unit of all values.
    unit: &'a str,
    /// What values are divided by where text shows them.
    divide_by: f64,
    /// What 100 % is.
    total: i64,
    /// How many nodes were dropped since their value is small.
    dropped: usize,
    /// How many nodes are left without them, shown or not.
    nodes: usize,
}

/// A function of `top`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonRow<'a> {
    /// As reports show it.
    name: &'a str,
    /// The function alone; empty if the code has no names, or nodes are files.
    function: &'a str,
    /// The source file; empty if nodes are not apart by it.
    file: &'a str,
    /// The line; 0 if nodes are not lines.
    line: i64,
    #[serde(flatten)]
    values: JsonValues,
    /// `always` or `partly` if calls to it are inlined, otherwise `null`.
    inlined: Option<&'static str>,
}

/// A function of `tree`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonNode<'a> {
    /// As reports show it.
    name: &'a str,
    #[serde(flatten)]
    values: JsonValues,
    /// What calls it, the most first.
    callers: Vec<JsonCall<'a>>,
    /// What it calls, the most first.
    callees: Vec<JsonCall<'a>>,
}

/// The values of a function.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonValues {
    /// Of the function itself.
    flat: i64,
    /// Its share of the total.
    flat_percent: f64,
    /// Of the function and what it calls.
    cum: i64,
    /// Its share of the total.
    cum_percent: f64,
}

/// Calls from or to a function.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonCall<'a> {
    /// The other function, as reports show it.
    name: &'a str,
    /// The value of these calls.
    weight: i64,
    /// Whether all are inlined.
    inline: bool,
    /// Whether functions between the two were left out.
    residual: bool,
}

impl JsonValues {
    fn new(flat: i64, cum: i64, total: i64) -> JsonValues {
        let percent = |value: i64| if total == 0 { 0.0 } else { value as f64 / total as f64 * 100.0 };
        JsonValues { flat, flat_percent: percent(flat), cum, cum_percent: percent(cum) }
    }
}

impl<'a> From<&'a top::Top> for JsonTop<'a> {
    fn from(top: &'a top::Top) -> JsonTop<'a> {
        let row = |row: &'a top::Row| JsonRow {
            name: &row.name,
            function: &row.function,
            file: &row.file,
            line: row.line,
            values: JsonValues::new(row.flat, row.cum, top.total),
            inlined: row.inlined.map(|inlined| match inlined {
                top::Inlined::Always => "always",
                top::Inlined::Partly => "partly",
            }),
        };
        let about = About {
            header: &top.header,
            sample_type: &top.sample_type,
            unit: &top.unit,
            divide_by: top.divide_by,
            total: top.total,
            dropped: top.dropped,
            nodes: top.nodes,
        };
        JsonTop {
            schema: "rgops.pprof-top/1",
            about,
            shown: top.shown,
            rows: top.rows.iter().map(row).collect(),
        }
    }
}

impl<'a> From<&'a tree::Tree> for JsonTree<'a> {
    fn from(tree: &'a tree::Tree) -> JsonTree<'a> {
        let call = |call: &'a tree::Call| JsonCall {
            name: &call.name,
            weight: call.weight,
            inline: call.inline,
            residual: call.residual,
        };
        let row = |row: &'a tree::Row| JsonNode {
            name: &row.name,
            values: JsonValues::new(row.flat, row.cum, tree.total),
            callers: row.callers.iter().map(call).collect(),
            callees: row.callees.iter().map(call).collect(),
        };
        let about = About {
            header: &tree.header,
            sample_type: &tree.sample_type,
            unit: &tree.unit,
            divide_by: tree.divide_by,
            total: tree.total,
            dropped: tree.dropped,
            nodes: tree.nodes,
        };
        JsonTree { schema: "rgops.pprof-tree/1", about, rows: tree.rows.iter().map(row).collect() }
    }
}

/// Writes the rows of `which`: `tree`, or `top`, which is also the default.
///
/// # Errors
/// If there is no such report, it was stopped, does not fit the memory, or `to` cannot be written.
pub fn write(
    refined: &Refined,
    which: &str,
    work: &mut Work<'_>,
    to: &mut dyn Write,
) -> Result<(), ReportError> {
    match which {
        "" | "top" => print(&JsonTop::from(&top::Top::from_refined(refined, work)?), to),
        "tree" => print(&JsonTree::from(&tree::Tree::from_refined(refined, None, work)?), to),
        other => Err(ReportError::Option(format!("there is no JSON of {other:?}: it is top or tree"))),
    }
}

fn print(document: &impl Serialize, to: &mut dyn Write) -> Result<(), ReportError> {
    serde_json::to_writer_pretty(&mut *to, document).map_err(std::io::Error::from)?;
    writeln!(to)?;
    Ok(())
}

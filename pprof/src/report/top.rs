//! `top`: functions by value.

use std::io::{self, Write};

use serde::Serialize;

use super::cells::{self, Columns};
use super::{legend, unit};
use crate::error::ReportError;
use crate::format::Format;
use crate::graph::{Calls, NodeId, Options, Trim, Trimmed, Work};
use crate::profile::Profile;
use crate::refine::Refined;
use crate::settings::Settings;
use crate::stop::Stop;

/// Functions by value. Values are in [`Top::unit`], not yet divided by `divide_by`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Top {
    /// The lines above the table.
    pub header: Vec<String>,
    /// The sample type: `cpu`.
    pub sample_type: String,
    /// The unit of the values, as in the file: `nanoseconds`.
    pub unit: String,
    /// The unit in which the text shows values: `ms`, or `auto`.
    pub output_unit: String,
    /// What values are divided by where they are shown.
    pub divide_by: f64,
    /// What 100 % is.
    pub total: i64,
    /// The sum of the flat values of the rows.
    pub shown: i64,
    /// How many nodes were dropped since their value is small.
    pub dropped: usize,
    /// How many nodes are left without them, shown or not.
    pub nodes: usize,
    /// The nodes, the first first.
    pub rows: Vec<Row>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// As reports show it: the function, with address, file and line if nodes are that small.
    pub name: String,
    /// The function alone; empty if the code has no names, or nodes are files.
    pub function: String,
    /// The source file, if nodes are apart by file or line; otherwise empty.
    pub file: String,
    /// The line, if nodes are lines; otherwise 0.
    pub line: i64,
    /// The value of the node itself.
    pub flat: i64,
    /// The value of the node and what it calls.
    pub cum: i64,
    /// Whether calls to it are inlined.
    pub inlined: Option<Inlined>,
}

/// How many of the calls to a node are inlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inlined {
    /// All.
    Always,
    /// Some.
    Partly,
}

impl Top {
    /// Counts a profile.
    ///
    /// # Errors
    /// If an option does not fit the profile, `stop` says so, or it does not fit the memory.
    pub fn of(profile: &Profile, settings: &Settings, stop: Stop<'_>) -> Result<Top, ReportError> {
        Top::from_refined(&Refined::of(profile, settings, Format::Top, stop)?, &mut Work::new(stop))
    }

    /// Counts a profile that was refined.
    ///
    /// # Errors
    /// If it was stopped, or does not fit the memory.
    pub fn from_refined(refined: &Refined, work: &mut Work<'_>) -> Result<Top, ReportError> {
        let options =
            Options { object_names: false, is_tree: false, calls: Calls::IntoInlined, has_tags: false };
        let trimmed = Trimmed::of(refined, Trim { is_picture: false, options }, work)?;
        let graph = &trimmed.graph;
        let row = |node: &NodeId| {
            let (info, value) = (graph.info(*node), graph.value(*node));
            Row {
                name: graph.name(*node),
                function: graph.frames.name(info).to_owned(),
                file: graph.frames.file(info).to_owned(),
                line: info.line,
                flat: value.flat(),
                cum: value.cum(),
                inlined: inlined(&trimmed, *node),
            }
        };
        let rows: Vec<Row> = trimmed.shown.iter().map(row).collect();
        let output_unit = unit::output_unit(refined, &trimmed);
        let part = legend::Part::of(&trimmed);
        Ok(Top {
            header: legend::lines(refined, &output_unit, &part, false),
            sample_type: refined.kind.clone(),
            unit: refined.unit.clone(),
            output_unit,
            divide_by: refined.settings.divide_by,
            total: refined.total,
            shown: part.shown_total,
            dropped: part.dropped_nodes,
            nodes: part.before_selection,
            rows,
        })
    }

    /// A value as the text shows it: `4.92s`.
    pub fn value(&self, value: i64) -> String {
        cells::value(value, self.divide_by, &self.unit, &self.output_unit)
    }

    /// Writes the text of `pprof -top`.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        legend::write(&self.header, to)?;
        self.write_table(to)
    }

    /// Writes the table alone.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write_table(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "{:>10} {:>5}% {:>5}% {:>10} {:>5}%", "flat", "flat", "sum", "cum", "cum")?;
        let mut columns = Columns::default();
        for row in &self.rows {
            let inlined = match row.inlined {
                Some(Inlined::Always) => " (inline)",
                Some(Inlined::Partly) => " (partial-inline)",
                None => "",
            };
            let columns = columns.next(row.flat, row.cum, self.total, |value| self.value(value));
            writeln!(to, "{columns}  {}{inlined}", row.name)?;
        }
        Ok(())
    }
}

/// Whether calls to a node are inlined.
fn inlined(trimmed: &Trimmed<'_>, node: NodeId) -> Option<Inlined> {
    let calls = trimmed.adjacency.incoming(node);
    let is_inline = |at: &&u32| trimmed.graph.edges.get(**at as usize).is_some_and(|edge| edge.is_inline);
    match calls.iter().filter(is_inline).count() {
        0 => None,
        inline if inline == calls.len() => Some(Inlined::Always),
        _ => Some(Inlined::Partly),
    }
}

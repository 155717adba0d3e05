//! `tree` and `peek`: functions with their callers and callees.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::cells::{self, Columns};
use super::{legend, unit};
use crate::error::ReportError;
use crate::format::Format;
use crate::graph::{Calls, Edge, NodeId, Options, Trim, Trimmed, Work};
use crate::measurement::percentage;
use crate::profile::Profile;
use crate::refine::Refined;
use crate::settings::Settings;
use crate::stop::Stop;

const SEPARATOR: &str = "----------------------------------------------------------+-------------";
const LEGEND: &str = "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t ";

/// Functions with their callers and callees. Values are in [`Tree::unit`], not yet divided by `divide_by`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tree {
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
    /// As reports show it.
    #[serde(serialize_with = "shared_text")]
    pub name: Arc<str>,
    /// The value of the node itself.
    pub flat: i64,
    /// The value of the node and what it calls.
    pub cum: i64,
    /// What calls it, the most first.
    pub callers: Vec<Call>,
    /// What it calls, the most first.
    pub callees: Vec<Call>,
}

/// A call from or to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Call {
    /// The other node, as reports show it.
    #[serde(serialize_with = "shared_text")]
    pub name: Arc<str>,
    /// The value of these calls.
    pub weight: i64,
    /// Whether all are inlined.
    pub inline: bool,
    /// Whether nodes between the two were left out.
    pub residual: bool,
}

impl Tree {
    /// Counts a profile as `tree` does.
    ///
    /// # Errors
    /// If an option does not fit the profile, `stop` says so, or it does not fit the memory.
    pub fn of(profile: &Profile, settings: &Settings, stop: Stop<'_>) -> Result<Tree, ReportError> {
        let refined = Refined::of(profile, settings, Format::Tree, stop)?;
        Tree::from_refined(&refined, None, &mut Work::new(stop))
    }

    /// Counts a profile as `peek` does: all nodes whose names match `pattern`.
    ///
    /// # Errors
    /// The same, and [`ReportError::NoMatch`] if no name matches.
    pub fn peek(
        profile: &Profile,
        settings: &Settings,
        pattern: &str,
        stop: Stop<'_>,
    ) -> Result<Tree, ReportError> {
        let refined = Refined::of(profile, settings, Format::Peek, stop)?;
        Tree::from_refined(&refined, Some(pattern), &mut Work::new(stop))
    }

    /// Counts a profile that was refined, and keeps the nodes whose names match `pattern`.
    ///
    /// # Errors
    /// If the pattern is not a regular expression, no name matches it, it was stopped, or it does not fit the memory.
    pub fn from_refined(
        refined: &Refined,
        pattern: Option<&str>,
        work: &mut Work<'_>,
    ) -> Result<Tree, ReportError> {
        let wanted =
            pattern.map(|text| crate::argument::pattern(text).map(|pattern| (text, pattern))).transpose()?;
        let options = Options { object_names: false, is_tree: false, calls: Calls::All, has_tags: false };
        let trimmed = Trimmed::of(refined, Trim { is_picture: false, options }, work)?;
        let output_unit = unit::output_unit(refined, &trimmed);
        let mut names = Names::default();
        let mut rows = Vec::new();
        for node in &trimmed.shown {
            let calls = trimmed.adjacency.incoming(*node).len() + trimmed.adjacency.outgoing(*node).len();
            work.add_frames(calls + 1)?;
            let name = names.of(&trimmed, *node);
            if wanted.as_ref().is_none_or(|(_, pattern)| pattern.is_match(&name)) {
                rows.push(row(&trimmed, *node, &mut names));
            }
        }
        if let Some((text, _)) = wanted
            && rows.is_empty()
        {
            return Err(ReportError::NoMatch(format!("no matches found for regexp: {text}")));
        }
        Ok(Tree {
            header: legend::lines(refined, &output_unit, &legend::Part::of(&trimmed), false),
            sample_type: refined.kind.clone(),
            unit: refined.unit.clone(),
            output_unit,
            divide_by: refined.settings.divide_by,
            total: refined.total,
            dropped: trimmed.dropped_nodes,
            nodes: trimmed.before_selection,
            rows,
        })
    }

    /// A value as the text shows it: `4.92s`.
    pub fn value(&self, value: i64) -> String {
        cells::value(value, self.divide_by, &self.unit, &self.output_unit)
    }

    /// Writes the text of `pprof -tree`.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        legend::write(&self.header, to)?;
        writeln!(to, "{SEPARATOR}\n{LEGEND}")?;
        let mut columns = Columns::default();
        for row in &self.rows {
            writeln!(to, "{SEPARATOR}")?;
            self.write_calls(row, &row.callers, to)?;
            let columns = columns.next(row.flat, row.cum, self.total, |value| self.value(value));
            writeln!(to, "{columns}                | {}", row.name)?;
            self.write_calls(row, &row.callees, to)?;
        }
        if !self.rows.is_empty() {
            writeln!(to, "{SEPARATOR}")?;
        }
        Ok(())
    }

    fn write_calls(&self, row: &Row, calls: &[Call], to: &mut dyn Write) -> io::Result<()> {
        for call in calls {
            let (value, share) = (self.value(call.weight), percentage(call.weight, row.cum));
            let inline = if call.inline { " (inline)" } else { "" };
            writeln!(to, "{value:>50} {share} |   {}{inline}", call.name)?;
        }
        Ok(())
    }
}

/// Names of nodes, each once: a node is in the rows of all that it calls.
#[derive(Default)]
struct Names(HashMap<NodeId, Arc<str>>);

impl Names {
    fn of(&mut self, trimmed: &Trimmed<'_>, node: NodeId) -> Arc<str> {
        let name = self.0.entry(node).or_insert_with(|| trimmed.graph.name(node).into());
        Arc::clone(name)
    }
}

fn row(trimmed: &Trimmed<'_>, node: NodeId, names: &mut Names) -> Row {
    let graph = &trimmed.graph;
    let mut calls = |positions: &[u32], other: fn(&Edge) -> NodeId| {
        let call = |edge: &Edge| Call {
            name: names.of(trimmed, other(edge)),
            weight: edge.weight,
            inline: edge.is_inline,
            residual: edge.is_residual,
        };
        graph.sorted_edges(positions).iter().map(call).collect()
    };
    let value = graph.value(node);
    Row {
        flat: value.flat(),
        cum: value.cum(),
        callers: calls(trimmed.adjacency.incoming(node), |edge| edge.from),
        callees: calls(trimmed.adjacency.outgoing(node), |edge| edge.to),
        name: names.of(trimmed, node),
    }
}

fn shared_text<S: serde::Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

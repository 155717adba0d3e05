//! Flat and cumulative values by function, trimmed and printed exactly as `go tool pprof -top` does.
//!
//! The rules are those of google/pprof's `internal/report` and `internal/graph`: nodes below 0.5 %
//! of the total are dropped, a recursive function is counted once in a sample's cum, what a dropped
//! leaf used is in nobody's flat, and `(inline)` is said of functions all of whose calls were inlined.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::graph::{Stacks, Work, base_name};
use super::measurement::{label, percentage, scale};
use super::proto::{Profile, ValueType};
use crate::budget::{Budget, Exhausted};
use crate::report::screen::reason;
use crate::text::utc;

/// Nodes whose cum is below this share of the total are dropped.
const NODE_FRACTION: f64 = 0.005;
/// Calls whose weight is below this share of the total do not count for `(inline)`.
const EDGE_FRACTION: f64 = 0.001;

/// What is counted and how much of it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Sample type by name; empty takes the profile's default, or its last.
    pub sample_type: &'a str,
    /// Rows shown, all when 0.
    pub rows: usize,
}

/// A row: a function and what it used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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

/// How much of a function was inlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Inlined {
    /// Every call that was seen.
    Always,
    /// Some calls.
    Partly,
}

/// The table with its header.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// The unit all values are printed in.
    #[serde(skip)]
    output_unit: String,
    /// `File:` to `Duration:`.
    #[serde(skip)]
    header: Vec<String>,
}

/// Counts a profile.
pub fn top(profile: &Profile, options: Options<'_>) -> Top {
    // Without a limit: of a profile of one's own.
    within(&Budget::new(u64::MAX), profile, options)
}

/// Counts a profile, as far as the budget allows: half a sum would be a false one, so else there are no rows.
pub fn within(budget: &Budget, profile: &Profile, options: Options<'_>) -> Top {
    let mut work = Work::new(budget);
    let charged = budget.charged();
    let counted = count(&mut work, profile, options);
    budget.release(budget.charged().saturating_sub(charged));
    counted.unwrap_or_else(|why| {
        let (_, value_type, unit) = value_type(profile, options.sample_type);
        let mut top = Top {
            sample_type: profile.text(value_type.r#type).to_owned(),
            unit: unit.to_owned(),
            total: 0,
            dropped: 0,
            nodes: 0,
            rows: Vec::new(),
            left_out: Some(reason(why)),
            output_unit: unit.to_owned(),
            header: Vec::new(),
        };
        top.header = header(profile, &top);
        top
    })
}

fn value_type<'p>(profile: &'p Profile, asked: &str) -> (usize, ValueType, &'p str) {
    let value_index = sample_index(profile, asked);
    let value_type = profile.sample_type.get(value_index).copied().unwrap_or_default();
    (value_index, value_type, profile.text(value_type.unit))
}

fn count(work: &mut Work, profile: &Profile, options: Options<'_>) -> Result<Top, Exhausted> {
    let (value_index, value_type, unit) = value_type(profile, options.sample_type);
    let unit = unit.to_owned();
    let stacks = Stacks::new(profile, value_index);
    let total =
        stacks.samples.iter().map(|(_, value)| value.saturating_abs()).fold(0i64, i64::saturating_add);

    let mut graph = stacks.graph(work, None)?;
    let graph_total = graph.total();
    let cutoff = fraction(graph_total, NODE_FRACTION);
    let mut dropped = 0;
    if cutoff > 0 {
        let kept = graph.with_cum_from(cutoff);
        if kept.len() != graph.nodes.len() {
            dropped = graph.nodes.len() - kept.len();
            graph = stacks.graph(work, Some(&kept))?;
        }
    }
    let nodes = graph.nodes.len();
    let mut order = graph.order(&stacks.names);
    if options.rows > 0 && options.rows < order.len() {
        let kept: HashSet<usize> = order[..options.rows].iter().copied().collect();
        graph = stacks.graph(work, Some(&kept))?;
        order = graph.order(&stacks.names);
    }
    graph.drop_calls_below(fraction(graph_total, EDGE_FRACTION));

    let output_unit = graph.output_unit(total, &unit);
    let rows = order
        .into_iter()
        .map(|node| Row {
            function: stacks.names[node].clone(),
            flat: graph.nodes[&node].flat,
            cum: graph.nodes[&node].cum,
            inlined: graph.inlined(node),
        })
        .collect();
    let mut top = Top {
        sample_type: profile.text(value_type.r#type).to_owned(),
        unit,
        total,
        dropped,
        nodes,
        rows,
        left_out: None,
        output_unit,
        header: Vec::new(),
    };
    top.header = header(profile, &top);
    Ok(top)
}

impl Top {
    /// The text `go tool pprof -top` prints, times in UTC.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.header {
            // A string takes every write, here and below.
            let _ = writeln!(text, "{line}");
        }
        if let Some(why) = &self.left_out {
            let _ = writeln!(text, "The functions are left out: {why}");
            return text;
        }
        let shown = self.rows.iter().fold(0, |sum: i64, row| sum.saturating_add(row.flat));
        let (share, total) = (percentage(shown, self.total), self.format(self.total));
        let _ = writeln!(
            text,
            "Showing nodes accounting for {}, {} of {total} total",
            self.format(shown),
            share.trim()
        );
        if self.total != 0 {
            if self.dropped > 0 {
                let cutoff = self.format(fraction(self.total, NODE_FRACTION));
                let nodes = if self.dropped > 1 { "nodes" } else { "node" };
                let _ = writeln!(text, "Dropped {} {nodes} (cum <= {cutoff})", self.dropped);
            }
            if !self.rows.is_empty() && self.rows.len() < self.nodes {
                let _ = writeln!(text, "Showing top {} nodes out of {}", self.rows.len(), self.nodes);
            }
        }
        let _ = writeln!(text, "{:>10} {:>5}% {:>5}% {:>10} {:>5}%", "flat", "flat", "sum", "cum", "cum");
        let mut sum = 0i64;
        for row in &self.rows {
            sum = sum.saturating_add(row.flat);
            let inlined = match row.inlined {
                Some(Inlined::Always) => " (inline)",
                Some(Inlined::Partly) => " (partial-inline)",
                None => "",
            };
            let _ = writeln!(
                text,
                "{:>10} {} {} {:>10} {}  {}{inlined}",
                self.format(row.flat),
                percentage(row.flat, self.total),
                percentage(sum, self.total),
                self.format(row.cum),
                percentage(row.cum, self.total),
                row.function,
            );
        }
        text
    }

    fn format(&self, value: i64) -> String {
        label(value, &self.unit, &self.output_unit)
    }
}

fn header(profile: &Profile, top: &Top) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(program) = profile.mapping.first() {
        let (file, build_id) = (profile.text(program.filename), profile.text(program.build_id));
        if !file.is_empty() {
            lines.push(format!("File: {}", base_name(file)));
        }
        if !build_id.is_empty() {
            lines.push(format!("Build ID: {build_id}"));
        }
    }
    let comments = profile.comment.iter().map(|comment| profile.text(*comment));
    lines.extend(comments.filter(|comment| !comment.starts_with('#')).map(str::to_owned));
    if !top.sample_type.is_empty() {
        lines.push(format!("Type: {}", top.sample_type));
    }
    if profile.doc_url != 0 {
        lines.push(format!("Doc: {}", profile.text(profile.doc_url)));
    }
    if let Ok(time @ 1..) = u64::try_from(profile.time_nanos) {
        lines.push(format!("Time: {}", utc(time)));
    }
    if profile.duration_nanos != 0 {
        let duration = label(profile.duration_nanos, "nanoseconds", "auto");
        let (total_ns, unit) = scale(top.total, &top.unit, "nanoseconds");
        let ratio = if unit == "ns" && total_ns != 0.0 {
            format!("({})", percentage(total_ns as i64, profile.duration_nanos))
        } else {
            String::new()
        };
        lines.push(format!("Duration: {duration}, Total samples = {} {ratio}", top.format(top.total)));
    }
    lines
}

fn sample_index(profile: &Profile, asked: &str) -> usize {
    let named = |name: &str| {
        let mut types = profile.sample_type.iter();
        types.position(|found| !name.is_empty() && profile.text(found.r#type) == name)
    };
    named(asked)
        .or_else(|| named(profile.text(profile.default_sample_type)))
        .unwrap_or(profile.sample_type.len().saturating_sub(1))
}

fn fraction(total: i64, fraction: f64) -> i64 {
    ((total as f64 * fraction) as i64).saturating_abs()
}

#[cfg(test)]
mod tests;

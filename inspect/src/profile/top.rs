//! Flat and cumulative values by function, trimmed and printed exactly as `go tool pprof -top` does.
//!
//! The rules are those of google/pprof's `internal/report` and `internal/graph`: nodes below 0.5 %
//! of the total are dropped, a recursive function is counted once in a sample's cum, what a dropped
//! leaf used is in nobody's flat, and `(inline)` is said of functions all of whose calls were inlined.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::measurement::{label, percentage, scale};
use super::proto::Profile;
use crate::report::text::utc;

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
    /// The unit all values are printed in.
    #[serde(skip)]
    output_unit: String,
    /// `File:` to `Duration:`.
    #[serde(skip)]
    header: Vec<String>,
}

/// Counts a profile.
pub fn top(profile: &Profile, options: Options<'_>) -> Top {
    let value_index = sample_index(profile, options.sample_type);
    let value_type = profile.sample_type.get(value_index).copied().unwrap_or_default();
    let unit = profile.text(value_type.unit).to_owned();
    let stacks = Stacks::new(profile, value_index);
    let total =
        stacks.samples.iter().map(|(_, value)| value.saturating_abs()).fold(0i64, i64::saturating_add);

    let mut graph = stacks.graph(None);
    let graph_total = graph.total();
    let cutoff = fraction(graph_total, NODE_FRACTION);
    let mut dropped = 0;
    if cutoff > 0 {
        let kept = graph.with_cum_from(cutoff);
        if kept.len() != graph.nodes.len() {
            dropped = graph.nodes.len() - kept.len();
            graph = stacks.graph(Some(&kept));
        }
    }
    let nodes = graph.nodes.len();
    let mut order = graph.order(&stacks.names);
    if options.rows > 0 && options.rows < order.len() {
        let kept: HashSet<usize> = order[..options.rows].iter().copied().collect();
        graph = stacks.graph(Some(&kept));
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
        output_unit,
        header: Vec::new(),
    };
    top.header = header(profile, &top);
    top
}

impl Top {
    /// The text `go tool pprof -top` prints, times in UTC.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.header {
            // A string takes every write, here and below.
            let _ = writeln!(text, "{line}");
        }
        let shown = self.rows.iter().map(|row| row.flat).sum();
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

fn base_name(path: &str) -> &str {
    crate::symbols::file_name(path.trim_end_matches('/'))
}

/// The samples as stacks of nodes, one node a function.
struct Stacks {
    /// Name of each node.
    names: Vec<String>,
    /// Nodes at each location, innermost first.
    locations: HashMap<u64, Vec<usize>>,
    /// Locations of each sample, leaf first, and its value.
    samples: Vec<(Vec<u64>, i64)>,
}

impl Stacks {
    fn new(profile: &Profile, value_index: usize) -> Stacks {
        let functions: HashMap<u64, &str> =
            profile.function.iter().map(|function| (function.id, profile.text(function.name))).collect();
        let files: HashMap<u64, &str> =
            profile.mapping.iter().map(|mapping| (mapping.id, profile.text(mapping.filename))).collect();
        // Functions of one name are one node; code without names is one node an object file.
        let mut keyed: HashMap<(String, String), usize> = HashMap::new();
        let mut locations = HashMap::new();
        let mut names: Vec<String> = Vec::new();
        for location in &profile.location {
            let file = files.get(&location.mapping_id).copied().unwrap_or("");
            let mut found: Vec<&str> = location
                .line
                .iter()
                .map(|line| functions.get(&line.function_id).copied().unwrap_or(""))
                .collect();
            if found.is_empty() {
                found.push("");
            }
            let nodes = found
                .into_iter()
                .map(|function| {
                    let key = if function.is_empty() {
                        (String::new(), file.to_owned())
                    } else {
                        (function.to_owned(), String::new())
                    };
                    *keyed.entry(key).or_insert_with(|| {
                        names.push(match (function, file) {
                            ("", "") => "<unknown>".to_owned(),
                            ("", file) => format!("[{}]", base_name(file)),
                            (function, _) => function.to_owned(),
                        });
                        names.len() - 1
                    })
                })
                .collect();
            locations.insert(location.id, nodes);
        }
        let samples = profile
            .sample
            .iter()
            .map(|sample| (sample.location_id.clone(), sample.value.get(value_index).copied().unwrap_or(0)))
            .collect();
        Stacks { names, locations, samples }
    }

    /// Adds all samples up, over the nodes in `kept` (all when `None`).
    fn graph(&self, kept: Option<&HashSet<usize>>) -> Graph {
        let mut graph = Graph::default();
        let mut seen = HashSet::new();
        let mut seen_calls = HashSet::new();
        for (locations, value) in &self.samples {
            if *value == 0 {
                continue;
            }
            seen.clear();
            seen_calls.clear();
            let mut caller: Option<usize> = None;
            // Whether nodes that are not kept lie between `caller` and here.
            let mut gap = false;
            for location in locations.iter().rev() {
                let nodes = self.locations.get(location).map_or(&[][..], Vec::as_slice);
                for (depth, node) in nodes.iter().enumerate().rev() {
                    if kept.is_some_and(|kept| !kept.contains(node)) {
                        gap = true;
                        continue;
                    }
                    if seen.insert(*node) {
                        graph.node(*node).cum += value;
                    }
                    if let Some(caller) = caller
                        && caller != *node
                        && seen_calls.insert((caller, *node))
                    {
                        let is_inlined = depth != nodes.len() - 1;
                        graph.node(*node).add_call(caller, *value, is_inlined);
                    }
                    caller = Some(*node);
                    gap = false;
                }
            }
            if let Some(leaf) = caller
                && !gap
            {
                graph.node(leaf).flat += value;
            }
        }
        graph.nodes.retain(|_, node| node.flat != 0 || node.cum != 0);
        graph
    }
}

/// Nodes with their values and the calls to them.
#[derive(Default)]
struct Graph {
    nodes: HashMap<usize, Node>,
}

#[derive(Default)]
struct Node {
    flat: i64,
    cum: i64,
    /// By caller: weight, and whether each call was inlined.
    calls: HashMap<usize, (i64, bool)>,
}

impl Node {
    fn add_call(&mut self, caller: usize, weight: i64, is_inlined: bool) {
        let call = self.calls.entry(caller).or_insert((0, true));
        call.0 += weight;
        call.1 &= is_inlined;
    }
}

impl Graph {
    fn node(&mut self, node: usize) -> &mut Node {
        self.nodes.entry(node).or_default()
    }

    fn total(&self) -> i64 {
        self.nodes.values().map(|node| node.flat).sum()
    }

    fn with_cum_from(&self, cutoff: i64) -> HashSet<usize> {
        self.nodes.iter().filter(|(_, node)| node.cum.abs() >= cutoff).map(|(node, _)| *node).collect()
    }

    /// By falling flat value, then by name.
    fn order(&self, names: &[String]) -> Vec<usize> {
        let mut order: Vec<usize> = self.nodes.keys().copied().collect();
        order.sort_by_key(|node| {
            let found = &self.nodes[node];
            (Reverse(found.flat.abs()), &names[*node], Reverse(found.cum.abs()), *node)
        });
        order
    }

    fn drop_calls_below(&mut self, cutoff: i64) {
        for node in self.nodes.values_mut() {
            node.calls.retain(|_, (weight, _)| weight.abs() >= cutoff);
        }
    }

    fn inlined(&self, node: usize) -> Option<Inlined> {
        let calls = &self.nodes[&node].calls;
        match (calls.values().any(|(_, inlined)| *inlined), calls.values().any(|(_, inlined)| !inlined)) {
            (true, true) => Some(Inlined::Partly),
            (true, false) => Some(Inlined::Always),
            (false, _) => None,
        }
    }

    /// One unit for the whole table: that of the smallest value, unless the total is in another
    /// unit and more than a hundred times as large; then that of a hundred times the smallest.
    fn output_unit(&self, total: i64, unit: &str) -> String {
        let smallest = self
            .nodes
            .values()
            .map(|node| if node.flat == 0 { node.cum.abs() } else { node.flat.abs() })
            .filter(|value| *value > 0)
            .min()
            .unwrap_or(total);
        if self.nodes.is_empty() {
            return "minimum".to_owned();
        }
        let mut chosen = scale(smallest, unit, "minimum").1;
        if chosen != scale(total, unit, "minimum").1 && smallest.saturating_mul(100) < total {
            chosen = scale(smallest.saturating_mul(100), unit, "minimum").1;
        }
        if chosen.is_empty() { unit.to_owned() } else { chosen }
    }
}

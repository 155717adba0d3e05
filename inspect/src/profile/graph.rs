//! Samples added up by function: google/pprof's graph, as far as a table needs it.
//!
//! A recursive function is counted once in a sample's cum; what a node that is not kept used itself
//! is in nobody's flat.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::measurement::scale;
use super::proto::Profile;
use super::top::Inlined;
use crate::budget::{Budget, Exhausted};

/// The samples as stacks of nodes, one node a function.
pub(super) struct Stacks {
    /// Name of each node.
    pub(super) names: Vec<String>,
    /// Nodes at each location, innermost first.
    locations: HashMap<u64, Vec<usize>>,
    /// Locations of each sample, leaf first, and its value.
    pub(super) samples: Vec<(Vec<u64>, i64)>,
}

impl Stacks {
    pub(super) fn new(profile: &Profile, value_index: usize) -> Stacks {
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
    ///
    /// # Errors
    /// When there is no time, or memory, for it.
    pub(super) fn graph(&self, work: &mut Work, kept: Option<&HashSet<usize>>) -> Result<Graph, Exhausted> {
        let mut graph = Graph::default();
        work.calls = self.samples.iter().map(|(locations, _)| locations.len()).sum();
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
                work.done(nodes.len())?;
                for (depth, node) in nodes.iter().enumerate().rev() {
                    if kept.is_some_and(|kept| !kept.contains(node)) {
                        gap = true;
                        continue;
                    }
                    if seen.insert(*node) {
                        let cum = &mut graph.node(*node).cum;
                        *cum = cum.saturating_add(*value);
                    }
                    if let Some(caller) = caller
                        && caller != *node
                        && seen_calls.insert((caller, *node))
                    {
                        let is_inlined = depth != nodes.len() - 1;
                        work.kept(usize::from(graph.node(*node).add_call(caller, *value, is_inlined)))?;
                    }
                    caller = Some(*node);
                    gap = false;
                }
            }
            if let Some(leaf) = caller
                && !gap
            {
                let flat = &mut graph.node(leaf).flat;
                *flat = flat.saturating_add(*value);
            }
        }
        graph.nodes.retain(|_, node| node.flat != 0 || node.cum != 0);
        Ok(graph)
    }
}

/// What counting takes. A location may stand for hundreds of inlined functions, and be in every sample.
pub(super) struct Work {
    budget: Budget,
    /// Functions of samples that were looked at, and how many of them are counted however late it is.
    steps: usize,
    pub(super) late_steps: usize,
    /// Calls that may still come before they are charged.
    calls: usize,
}

/// What is counted however late it is, and between two looks at the clock, in functions of samples: some seconds'
/// work, and some milliseconds'.
const COUNTED_LATE: usize = 1 << 24;
const COUNTED_AT_A_TIME: usize = 1 << 16;
/// What a call between two functions costs in bytes, and so many are charged at a time. As many as there are frames
/// are paid for with the profile.
const CALL_BYTES: u64 = 64;
const CALLS_AT_A_TIME: usize = 1 << 16;

impl Work {
    pub(super) fn new(budget: &Budget) -> Work {
        Work { budget: budget.clone(), steps: 0, late_steps: COUNTED_LATE, calls: 0 }
    }

    /// So many functions of a sample were looked at.
    fn done(&mut self, functions: usize) -> Result<(), Exhausted> {
        let before = self.steps / COUNTED_AT_A_TIME;
        self.steps += functions;
        if self.steps > self.late_steps && self.steps / COUNTED_AT_A_TIME > before {
            self.budget.check_time()?;
        }
        Ok(())
    }

    /// So many calls are new.
    fn kept(&mut self, calls: usize) -> Result<(), Exhausted> {
        if self.calls < calls {
            self.budget.charge(CALL_BYTES * CALLS_AT_A_TIME as u64)?;
            self.calls += CALLS_AT_A_TIME;
        }
        self.calls -= calls;
        Ok(())
    }
}

/// Nodes with their values and the calls to them.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: HashMap<usize, Node>,
}

#[derive(Default)]
pub(super) struct Node {
    pub(super) flat: i64,
    pub(super) cum: i64,
    /// By caller: weight, and whether each call was inlined.
    calls: HashMap<usize, (i64, bool)>,
}

impl Node {
    /// Counts a call; whether it is the first of `caller`.
    fn add_call(&mut self, caller: usize, weight: i64, is_inlined: bool) -> bool {
        let known = self.calls.len();
        let call = self.calls.entry(caller).or_insert((0, true));
        call.0 = call.0.saturating_add(weight);
        call.1 &= is_inlined;
        self.calls.len() > known
    }
}

impl Graph {
    fn node(&mut self, node: usize) -> &mut Node {
        self.nodes.entry(node).or_default()
    }

    pub(super) fn total(&self) -> i64 {
        self.nodes.values().fold(0, |sum, node| sum.saturating_add(node.flat))
    }

    pub(super) fn with_cum_from(&self, cutoff: i64) -> HashSet<usize> {
        self.nodes
            .iter()
            .filter(|(_, node)| node.cum.saturating_abs() >= cutoff)
            .map(|(node, _)| *node)
            .collect()
    }

    /// By falling flat value, then by name.
    pub(super) fn order(&self, names: &[String]) -> Vec<usize> {
        let mut order: Vec<usize> = self.nodes.keys().copied().collect();
        order.sort_by_key(|node| {
            let found = &self.nodes[node];
            (Reverse(found.flat.saturating_abs()), &names[*node], Reverse(found.cum.saturating_abs()), *node)
        });
        order
    }

    pub(super) fn drop_calls_below(&mut self, cutoff: i64) {
        for node in self.nodes.values_mut() {
            node.calls.retain(|_, (weight, _)| weight.saturating_abs() >= cutoff);
        }
    }

    pub(super) fn inlined(&self, node: usize) -> Option<Inlined> {
        let calls = &self.nodes[&node].calls;
        match (calls.values().any(|(_, inlined)| *inlined), calls.values().any(|(_, inlined)| !inlined)) {
            (true, true) => Some(Inlined::Partly),
            (true, false) => Some(Inlined::Always),
            (false, _) => None,
        }
    }

    /// One unit for the whole table: that of the smallest value, unless the total is in another
    /// unit and more than a hundred times as large; then that of a hundred times the smallest.
    pub(super) fn output_unit(&self, total: i64, unit: &str) -> String {
        let smallest = self
            .nodes
            .values()
            .map(|node| if node.flat == 0 { node.cum.saturating_abs() } else { node.flat.saturating_abs() })
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

pub(super) fn base_name(path: &str) -> &str {
    crate::symbols::file_name(path.trim_end_matches('/'))
}

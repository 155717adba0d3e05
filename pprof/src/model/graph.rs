//! Functions with their values and the calls between them: the graph of google/pprof, as far as a table needs it.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::measurement::scale;

/// Nodes with their values and the calls to them.
#[derive(Debug, Default)]
pub struct Graph {
    pub(super) nodes: HashMap<usize, Node>,
}

/// A function: its values and its callers.
#[derive(Debug, Default)]
pub struct Node {
    /// Used by the function itself.
    pub flat: i64,
    /// Used by the function and everything it called.
    pub cum: i64,
    /// By caller: weight, and whether each call was inlined.
    calls: HashMap<usize, (i64, bool)>,
}

impl Node {
    /// Counts a call. Returns whether it is the first from `caller`.
    pub(super) fn add_call(&mut self, caller: usize, weight: i64, is_inlined: bool) -> bool {
        let known = self.calls.len();
        let call = self.calls.entry(caller).or_insert((0, true));
        call.0 = call.0.saturating_add(weight);
        call.1 &= is_inlined;
        self.calls.len() > known
    }
}

impl Graph {
    pub(super) fn node(&mut self, node: usize) -> &mut Node {
        self.nodes.entry(node).or_default()
    }

    /// The nodes by number, unordered.
    pub fn nodes(&self) -> &HashMap<usize, Node> {
        &self.nodes
    }

    /// Sum of all flat values.
    pub fn total(&self) -> i64 {
        self.nodes.values().fold(0, |sum, node| sum.saturating_add(node.flat))
    }

    /// The nodes with an absolute cum of at least `cutoff`.
    pub fn with_cum_from(&self, cutoff: i64) -> HashSet<usize> {
        self.nodes
            .iter()
            .filter(|(_, node)| node.cum.saturating_abs() >= cutoff)
            .map(|(node, _)| *node)
            .collect()
    }

    /// The nodes by descending flat value, or cum, then by name. `names` are those of the stacks of the graph.
    pub fn order(&self, names: &[String], by_cum: bool) -> Vec<usize> {
        let mut order: Vec<usize> = self.nodes.keys().copied().collect();
        order.sort_by_key(|node| {
            let found = &self.nodes[node];
            let (flat, cum) = (found.flat.saturating_abs(), found.cum.saturating_abs());
            let (first, second) = if by_cum { (cum, flat) } else { (flat, cum) };
            (Reverse(first), &names[*node], Reverse(second), *node)
        });
        order
    }

    /// Removes the calls with a weight below `cutoff`.
    pub fn drop_calls_below(&mut self, cutoff: i64) {
        for node in self.nodes.values_mut() {
            node.calls.retain(|_, (weight, _)| weight.saturating_abs() >= cutoff);
        }
    }

    /// Whether all or some calls to a node were inlined; `None` if none were.
    pub fn inlined(&self, node: usize) -> Option<Inlined> {
        let calls = &self.nodes[&node].calls;
        match (calls.values().any(|(_, inlined)| *inlined), calls.values().any(|(_, inlined)| !inlined)) {
            (true, true) => Some(Inlined::Partly),
            (true, false) => Some(Inlined::Always),
            (false, _) => None,
        }
    }

    /// One unit for the whole table: the unit of the smallest value. If the total is in another unit and more than a
    /// hundred times as large: the unit of a hundred times the smallest value.
    pub fn output_unit(&self, total: i64, unit: &str) -> String {
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

/// How much of a function was inlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inlined {
    /// All calls.
    Always,
    /// Some calls.
    Partly,
}

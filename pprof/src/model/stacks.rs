//! Samples as stacks of functions, and their sums.
//!
//! A recursive function is counted once in the cum of a sample. The own value of a node that is not kept is not in
//! any flat value.

use std::collections::{HashMap, HashSet};

use super::graph::Graph;
use super::limits::{Limits, Work};
use crate::paths::file_name;
use crate::proto::Profile;

/// The samples of a profile as stacks of nodes.
///
/// Functions with the same name are one node; code without names is one node per object file.
#[derive(Debug)]
pub struct Stacks {
    /// Name of each node.
    names: Vec<String>,
    /// Nodes at each location, innermost first.
    locations: HashMap<u64, Vec<usize>>,
    /// Locations of each sample, leaf first, and its value.
    samples: Vec<(Vec<u64>, i64)>,
}

impl Stacks {
    /// The stacks of a profile, with the value at `value_index` of each sample; see
    /// [`value_index`](crate::model::value_index).
    pub fn new(profile: &Profile, value_index: usize) -> Stacks {
        let functions: HashMap<u64, &str> =
            profile.function.iter().map(|function| (function.id, profile.text(function.name))).collect();
        let files: HashMap<u64, &str> =
            profile.mapping.iter().map(|mapping| (mapping.id, profile.text(mapping.filename))).collect();
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
                            ("", file) => format!("[{}]", file_name(file)),
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

    /// The names of the nodes, by their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The values of all samples, each without its sign.
    pub fn total(&self) -> i64 {
        self.samples.iter().map(|(_, value)| value.saturating_abs()).fold(0i64, i64::saturating_add)
    }

    /// Sums up all samples over the nodes in `kept` (all if `None`).
    ///
    /// # Errors
    /// The error of the limits of `work`.
    pub fn graph<L: Limits>(
        &self,
        work: &mut Work<'_, L>,
        kept: Option<&HashSet<usize>>,
    ) -> Result<Graph, L::Error> {
        let mut graph = Graph::default();
        work.paid_calls = self.samples.iter().map(|(locations, _)| locations.len()).sum();
        let mut seen = HashSet::new();
        let mut seen_calls = HashSet::new();
        for (locations, value) in &self.samples {
            if *value == 0 {
                continue;
            }
            seen.clear();
            seen_calls.clear();
            let mut caller: Option<usize> = None;
            // Whether there are omitted nodes between `caller` and this node.
            let mut gap = false;
            for location in locations.iter().rev() {
                let nodes = self.locations.get(location).map_or(&[][..], Vec::as_slice);
                work.add_steps(nodes.len())?;
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
                        work.add_calls(usize::from(graph.node(*node).add_call(caller, *value, is_inlined)))?;
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

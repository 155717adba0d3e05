//! The part of a graph that a report shows: small nodes, tags and calls are dropped, and the most important of the
//! rest are selected.

use crate::measurement::share;
use crate::refine::Refined;
use crate::settings::Sort;

use super::order::Order;
use super::{Adjacency, Calls, Graph, GraphError, NodeId, Options, Weights, Work, redundant, sums, tree};

/// Tags of a node that a picture shows.
const MOST_TAGS: usize = 4;

/// How a report shows a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// As a picture: nodes are selected by how much they say, and calls that other paths show are removed.
    pub is_picture: bool,
    /// What the graph has.
    pub options: Options,
}

/// The part of a graph that a report shows.
#[derive(Debug)]
pub struct Trimmed<'p> {
    /// The graph: `edges` are those that are left, `nodes` are all.
    pub graph: Graph<'p>,
    /// The nodes to show, in order.
    pub shown: Vec<NodeId>,
    /// Which calls go to and from each node.
    pub adjacency: Adjacency,
    /// How many nodes there were before the most important were selected.
    pub before_selection: usize,
    /// How many nodes were dropped since their value is small.
    pub dropped_nodes: usize,
    /// How many calls to nodes that are shown were dropped since their value is small.
    pub dropped_edges: usize,
}

impl<'p> Trimmed<'p> {
    /// The part of the graph of `refined` that its settings ask for.
    ///
    /// # Errors
    /// If it was stopped, or does not fit the memory.
    pub fn of(refined: &'p Refined, trim: Trim, work: &mut Work<'_>) -> Result<Trimmed<'p>, GraphError> {
        let settings = &refined.settings;
        let options = trim.options;
        // The calls of the whole graph are needed only if no node is dropped, or to move those of a tree.
        let first = Options { calls: if options.is_tree { options.calls } else { Calls::None }, ..options };
        let mut graph = Graph::of(refined, first, work)?;
        let mut shown = graph.with_value(settings.drop_negative);
        let total = shown.iter().fold(0i64, |sum, node| sum.wrapping_add(graph.value(*node).flat));
        let node_cutoff = share(total, settings.nodefraction);
        let edge_cutoff = share(total, settings.edgefraction);

        let mut kept = None;
        let mut dropped_nodes = 0;
        if node_cutoff > 0 {
            let large: Vec<NodeId> = shown
                .iter()
                .copied()
                .filter(|node| graph.value(*node).cum.wrapping_abs() >= node_cutoff)
                .collect();
            if large.len() != shown.len() {
                dropped_nodes = shown.len() - large.len();
                kept = Some(select(&mut graph, options.is_tree, &shown, &large));
                shown = large;
            }
        }
        let before_selection = shown.len();

        let order = match settings.sort {
            _ if trim.is_picture => Order::Entropy,
            Sort::Cum => Order::Cum,
            Sort::Flat => Order::Flat,
        };
        let find_calls = |graph: &mut Graph<'p>, kept: &Option<Vec<bool>>, work: &mut Work<'_>| {
            if !options.is_tree && options.calls != Calls::None {
                let weights = Weights::by_stack(refined, work)?;
                graph.edges = sums::edges(&graph.frames, &weights, kept.as_deref(), options.calls, work)?;
            }
            Ok::<Adjacency, GraphError>(graph.adjacency())
        };
        let mut adjacency = Adjacency::default();
        if trim.is_picture {
            adjacency = find_calls(&mut graph, &kept, work)?;
        }
        graph.sort(&mut shown, order, &adjacency);
        for node in &shown {
            if let Some(tags) = graph.tags.get_mut(*node as usize) {
                tags.trim(node_cutoff);
            }
        }
        if settings.nodecount > 0 {
            // Those are not in the count of dropped calls, unless other nodes are selected.
            drop_light(&mut graph, &shown, edge_cutoff);
            let most = usize::try_from(settings.nodecount).unwrap_or(usize::MAX);
            let most = if trim.is_picture { with_tags(&graph, &shown, most) } else { most };
            if most < shown.len() {
                let selected = shown[..most].to_vec();
                kept = Some(select(&mut graph, options.is_tree, &shown, &selected));
                shown = selected;
                if trim.is_picture {
                    adjacency = find_calls(&mut graph, &kept, work)?;
                    graph.sort(&mut shown, order, &adjacency);
                }
            }
        }
        if !trim.is_picture {
            find_calls(&mut graph, &kept, work)?;
        }
        let dropped_edges = drop_light(&mut graph, &shown, edge_cutoff);
        if trim.is_picture {
            redundant::remove(&mut graph, &shown, work)?;
        }
        let adjacency = graph.adjacency();
        Ok(Trimmed { graph, shown, adjacency, before_selection, dropped_nodes, dropped_edges })
    }

    /// The sum of the flat values of the nodes that are shown.
    pub fn shown_total(&self) -> i64 {
        self.shown.iter().fold(0i64, |sum, node| sum.wrapping_add(self.graph.value(*node).flat()))
    }
}

/// By node: whether it is in `selected`. The nodes of a tree that were shown and are not selected are removed from it.
fn select(graph: &mut Graph<'_>, is_tree: bool, shown: &[NodeId], selected: &[NodeId]) -> Vec<bool> {
    let mut kept = vec![false; graph.nodes.len()];
    for node in selected {
        kept[*node as usize] = true;
    }
    if is_tree {
        let mut is_removed = vec![false; graph.nodes.len()];
        for node in shown {
            is_removed[*node as usize] = !kept[*node as usize];
        }
        tree::trim(graph, &is_removed);
    }
    kept
}

/// Removes calls to nodes that are shown with less than `least`. Returns how many.
fn drop_light(graph: &mut Graph<'_>, shown: &[NodeId], least: i64) -> usize {
    let mut is_shown = vec![false; graph.nodes.len()];
    for node in shown {
        is_shown[*node as usize] = true;
    }
    let before = graph.edges.len();
    graph.edges.retain(|edge| !is_shown[edge.to as usize] || edge.weight.wrapping_abs() >= least);
    before - graph.edges.len()
}

/// How many of the nodes fit `most` if their tags count as nodes.
fn with_tags(graph: &Graph<'_>, shown: &[NodeId], most: usize) -> usize {
    let mut count = 0usize;
    for (at, node) in shown.iter().enumerate() {
        let tags = graph.tags.get(*node as usize).map_or(0, |tags| tags.count());
        count = count.saturating_add(tags.min(MOST_TAGS) + 1);
        if count >= most {
            return at + 1;
        }
    }
    most
}

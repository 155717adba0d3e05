//! A graph in which each path to a function is a node.

use std::collections::HashMap;

use crate::refine::Refined;

use super::seeded::Seeded;
use super::tags::{Collector, unit_of_numbers};
use super::{Calls, Edge, Frames, Graph, GraphError, Node, NodeId, Options, Weights, Work};

/// The caller of a root.
const ROOT: u32 = u32::MAX;

/// Builds the tree. Each node has at most one call to it, which has its weight.
pub(super) fn of<'p>(
    refined: &Refined,
    frames: Frames<'p>,
    weights: &Weights,
    options: Options,
    work: &mut Work<'_>,
) -> Result<Graph<'p>, GraphError> {
    let mut paths =
        Paths { known: HashMap::with_hasher(Seeded::new()), nodes: Vec::new(), callers: Vec::new() };
    for weight in &weights.0 {
        let mut caller = ROOT;
        for location in frames.profile.stacks.get(weight.stack).iter().rev() {
            let at = frames.of(*location);
            work.add_frames(at.len())?;
            for (depth, info) in at.iter().enumerate().rev() {
                let is_inline = depth != at.len() - 1;
                let node = paths.node(caller, *info, work)?;
                paths.nodes[node as usize].value.add_cum(weight.value, weight.divisor);
                paths.callers[node as usize].1 &= is_inline;
                caller = node;
            }
        }
        if let Some(leaf) = paths.nodes.get_mut(caller as usize) {
            leaf.value.add_flat(weight.value, weight.divisor);
        }
    }
    let mut tags = Vec::new();
    if options.has_tags {
        let mut collector = Collector::new(refined, paths.nodes.len(), work)?;
        if collector.has_any() {
            for weight in &Weights::by_stack_and_labels(refined, work)?.0 {
                let mut caller = ROOT;
                for location in frames.profile.stacks.get(weight.stack).iter().rev() {
                    for info in frames.of(*location).iter().rev() {
                        work.add_frames(1)?;
                        caller = paths.node(caller, *info, work)?;
                        collector.add(caller, weight, false, work)?;
                    }
                }
                if caller != ROOT {
                    collector.add(caller, weight, true, work)?;
                }
            }
            tags = collector.finish(unit_of_numbers(refined), work)?;
        }
    }
    let edges = if options.calls == Calls::None { Vec::new() } else { paths.edges() };
    Ok(Graph { frames, nodes: paths.nodes, edges, tags })
}

/// The nodes while they are counted. A caller has a smaller number than what it calls.
struct Paths {
    known: HashMap<u64, NodeId, Seeded>,
    nodes: Vec<Node>,
    /// By node: its caller, and whether all these calls are inlined.
    callers: Vec<(NodeId, bool)>,
}

impl Paths {
    fn node(&mut self, caller: NodeId, info: u32, work: &mut Work<'_>) -> Result<NodeId, GraphError> {
        let next = self.nodes.len() as u32;
        let node = *self.known.entry(u64::from(caller) << 32 | u64::from(info)).or_insert(next);
        if node == next {
            work.add_part()?;
            self.nodes.push(Node { info, ..Node::default() });
            self.callers.push((caller, true));
        }
        Ok(node)
    }

    fn edges(&self) -> Vec<Edge> {
        let edge = |(to, (node, (from, is_inline))): (NodeId, (&Node, &(NodeId, bool)))| Edge {
            from: *from,
            to,
            weight: node.value.cum,
            divisor: node.value.cum_divisor,
            is_residual: false,
            is_inline: *is_inline,
        };
        (0..).zip(self.nodes.iter().zip(&self.callers)).map(edge).filter(|edge| edge.from != ROOT).collect()
    }
}

/// Removes the nodes of a tree that are not in `kept`: what they call becomes a call of their nearest caller that is
/// left, or a root.
pub(super) fn trim(graph: &mut Graph<'_>, is_removed: &[bool]) {
    let mut calls: Vec<Option<Edge>> = vec![None; graph.nodes.len()];
    for edge in graph.edges.drain(..) {
        calls[edge.to as usize] = Some(edge);
    }
    for node in 0..calls.len() {
        let Some(call) = calls[node] else { continue };
        if is_removed.get(call.from as usize).copied().unwrap_or(false) {
            calls[node] = calls[call.from as usize].map(|above| Edge {
                from: above.from,
                is_residual: true,
                is_inline: call.is_inline && above.is_inline,
                ..call
            });
        }
    }
    let left =
        calls.into_iter().enumerate().filter(|(node, _)| !is_removed.get(*node).copied().unwrap_or(false));
    graph.edges = left.filter_map(|(_, call)| call).collect();
}

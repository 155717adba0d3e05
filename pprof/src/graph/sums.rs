//! Sums of a graph in which a function is one node: values, calls and tags.

use std::collections::HashMap;

use crate::refine::Refined;

use super::seeded::Seeded;
use super::tags::{Collector, NodeTags, unit_of_numbers};
use super::{Calls, Edge, Frames, GraphError, Node, NodeId, Weights, Work};

/// No stack and no node.
const NONE: u32 = u32::MAX;

/// The values of all nodes: node and info have the same number. A node that is in a stack several times counts once.
pub(super) fn nodes(
    frames: &Frames<'_>,
    weights: &Weights,
    work: &mut Work<'_>,
) -> Result<Vec<Node>, GraphError> {
    let mut nodes: Vec<Node> =
        (0..frames.infos.len()).map(|info| Node { info: info as u32, ..Node::default() }).collect();
    let mut seen = vec![NONE; nodes.len()];
    for (turn, weight) in (0..).zip(&weights.0) {
        let mut leaf = None;
        for location in frames.profile.stacks.get(weight.stack) {
            let at = frames.of(*location);
            work.add_frames(at.len())?;
            leaf = leaf.or(at.first());
            for node in at {
                let node = *node as usize;
                if seen[node] != turn {
                    seen[node] = turn;
                    nodes[node].value.add_cum(weight.value, weight.divisor);
                }
            }
        }
        if let Some(leaf) = leaf {
            nodes[*leaf as usize].value.add_flat(weight.value, weight.divisor);
        }
    }
    Ok(nodes)
}

/// The calls between the nodes in `kept` (all if `None`). A call that is in a stack several times counts once.
pub(super) fn edges(
    frames: &Frames<'_>,
    weights: &Weights,
    kept: Option<&[bool]>,
    calls: Calls,
    work: &mut Work<'_>,
) -> Result<Vec<Edge>, GraphError> {
    let wanted = match calls {
        Calls::None => return Ok(Vec::new()),
        Calls::IntoInlined => Some(frames.inlined()),
        Calls::All => None,
    };
    if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&true)) {
        return Ok(Vec::new());
    }
    work.forget_parts();
    let mut found = Edges::new(frames.infos.len());
    for (turn, weight) in (0..).zip(&weights.0) {
        let mut caller = NONE;
        let mut is_residual = false;
        for location in frames.profile.stacks.get(weight.stack).iter().rev() {
            let at = frames.of(*location);
            work.add_frames(at.len())?;
            for (depth, node) in at.iter().enumerate().rev() {
                if kept.is_some_and(|kept| !kept[*node as usize]) {
                    is_residual = true;
                    continue;
                }
                let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted[*node as usize]);
                if caller != NONE && caller != *node && is_wanted {
                    let is_inline = depth != at.len() - 1;
                    found.add(caller, *node, turn, (weight.value, weight.divisor), work, |edge| {
                        edge.is_residual |= is_residual;
                        edge.is_inline &= is_inline;
                    })?;
                }
                caller = *node;
                is_residual = false;
            }
        }
    }
    Ok(found.edges)
}

/// The tags of all nodes.
pub(super) fn tags(
    refined: &Refined,
    frames: &Frames<'_>,
    work: &mut Work<'_>,
) -> Result<Vec<NodeTags>, GraphError> {
    let mut collector = Collector::new(refined, frames.infos.len(), work)?;
    if !collector.has_any() {
        return Ok(Vec::new());
    }
    let mut seen = vec![NONE; frames.infos.len()];
    for (turn, weight) in (0..).zip(&Weights::by_stack_and_labels(refined, work)?.0) {
        let mut leaf = None;
        for location in frames.profile.stacks.get(weight.stack) {
            let at = frames.of(*location);
            work.add_frames(at.len())?;
            leaf = leaf.or(at.first());
            for node in at {
                if seen[*node as usize] != turn {
                    seen[*node as usize] = turn;
                    collector.add(*node, weight, false, work)?;
                }
            }
        }
        if let Some(leaf) = leaf {
            collector.add(*leaf, weight, true, work)?;
        }
    }
    collector.finish(unit_of_numbers(refined), work)
}

/// Calls while they are counted.
struct Edges {
    edges: Vec<Edge>,
    /// By edge: the stack that counted it last.
    counted: Vec<u32>,
    /// By callee: its caller and edge of the last time, which is most often that of the next time.
    last: Vec<(NodeId, u32)>,
    known: HashMap<u64, u32, Seeded>,
}

impl Edges {
    fn new(nodes: usize) -> Edges {
        let known = HashMap::with_hasher(Seeded::new());
        Edges { edges: Vec::new(), counted: Vec::new(), last: vec![(NONE, 0); nodes], known }
    }

    /// Counts a call of stack `turn`, unless this stack has counted it.
    fn add(
        &mut self,
        from: NodeId,
        to: NodeId,
        turn: u32,
        (value, divisor): (i64, i64),
        work: &mut Work<'_>,
        mark: impl FnOnce(&mut Edge),
    ) -> Result<(), GraphError> {
        let last = &mut self.last[to as usize];
        let edge = if last.0 == from {
            last.1
        } else {
            let next = self.edges.len() as u32;
            let edge = *self.known.entry(u64::from(from) << 32 | u64::from(to)).or_insert(next);
            if edge == next {
                work.add_part()?;
                self.edges.push(Edge {
                    from,
                    to,
                    weight: 0,
                    divisor: 0,
                    is_residual: false,
                    is_inline: true,
                });
                self.counted.push(NONE);
            }
            *last = (from, edge);
            edge
        };
        let counted = &mut self.counted[edge as usize];
        if *counted != turn {
            *counted = turn;
            let edge = &mut self.edges[edge as usize];
            edge.weight = edge.weight.wrapping_add(value);
            edge.divisor = edge.divisor.wrapping_add(divisor);
            mark(edge);
        }
        Ok(())
    }
}

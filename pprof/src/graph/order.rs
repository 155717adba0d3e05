//! The orders of nodes and calls in reports, with all that decides between equals.

use std::cmp::{Ordering, Reverse};

use crate::measurement::truncated;

use super::{Adjacency, Edge, Graph, NodeId};

/// The order of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By flat value, then name, then cum.
    Flat,
    /// By cum, then name, then flat value.
    Cum,
    /// By how much a node says in a picture, then name.
    Entropy,
}

impl Graph<'_> {
    /// Sorts nodes, the first of a report first.
    pub(super) fn sort(&self, nodes: &mut [NodeId], order: Order, adjacency: &Adjacency) {
        let size = |value: i64| Reverse(value.wrapping_abs());
        nodes.sort_unstable();
        let score = |node: NodeId| match order {
            Order::Flat => self.value(node).flat,
            Order::Cum => self.value(node).cum,
            Order::Entropy => self.entropy_score(node, adjacency),
        };
        let mut scored: Vec<(Reverse<i64>, NodeId)> =
            nodes.iter().map(|node| (size(score(*node)), *node)).collect();
        scored.sort_by_key(|(score, _)| *score);
        for (place, (_, node)) in nodes.iter_mut().zip(&scored) {
            *place = *node;
        }
        // Only nodes with the same score need their names.
        let mut rest = nodes;
        for equal in scored.chunk_by(|left, right| left.0 == right.0) {
            let (these, others) = rest.split_at_mut(equal.len());
            if these.len() > 1 {
                self.sort_by_name(these, order);
            }
            rest = others;
        }
    }

    fn sort_by_name(&self, nodes: &mut [NodeId], order: Order) {
        let size = |value: i64| Reverse(value.wrapping_abs());
        let mut named: Vec<(String, NodeId)> = nodes.iter().map(|node| (self.name(*node), *node)).collect();
        named.sort_by(|(left_name, left), (right_name, right)| {
            let (one, other) = (self.info(*left), self.info(*right));
            // Names begin with the address, if there is one.
            let by_name = if one.address != 0 && other.address != 0 && one.address != other.address {
                one.address.cmp(&other.address)
            } else {
                left_name.cmp(right_name)
            };
            let by_value = || {
                let (one, other) = (self.value(*left), self.value(*right));
                match order {
                    Order::Flat => size(one.cum).cmp(&size(other.cum)),
                    Order::Cum | Order::Entropy => size(one.flat).cmp(&size(other.flat)),
                }
            };
            // The tool leaves nodes of one name that differ in what names do not show in any order: here it is theirs in
            // the profile. It must be an order of all: sorting panics at one that is not.
            let info = |node: NodeId| self.nodes.get(node as usize).map_or(0, |node| node.info);
            by_name.then_with(|| info(*left).cmp(&info(*right))).then_with(by_value)
        });
        for (place, (_, node)) in nodes.iter_mut().zip(named) {
            *place = node;
        }
    }

    /// The order of calls: the heaviest first, then by the names of caller and callee. `names` are by node.
    pub fn compare_edges(&self, left: &Edge, right: &Edge) -> Ordering {
        // Weights that differ only in their sign, as in differences, are equal: sorting panics if names decided only
        // between equal weights.
        let by_weight = right.weight.wrapping_abs().cmp(&left.weight.wrapping_abs());
        let by = |one: NodeId, other: NodeId| {
            if one == other { Ordering::Equal } else { self.name(one).cmp(&self.name(other)) }
        };
        by_weight.then_with(|| by(left.from, right.from)).then_with(|| by(left.to, right.to))
    }

    /// The calls at `positions`, sorted.
    pub fn sorted_edges(&self, positions: &[u32]) -> Vec<Edge> {
        let mut edges: Vec<Edge> =
            positions.iter().filter_map(|at| self.edges.get(*at as usize)).copied().collect();
        edges.sort_by(|left, right| self.compare_edges(left, right));
        edges
    }

    /// How much it says in a picture that a node is there: the more, the less its calls are one chain.
    fn entropy_score(&self, node: NodeId, adjacency: &Adjacency) -> i64 {
        let value = self.value(node);
        let score_of = |edges: &[u32], own| {
            if edges.is_empty() { 1.0 } else { self.entropy(edges, own) }
        };
        let score = score_of(adjacency.incoming(node), 0) + score_of(adjacency.outgoing(node), value.flat);
        truncated(score * value.cum as f64).wrapping_add(value.flat)
    }

    /// The entropy of the weights of calls, and of a node's own value if that is positive.
    fn entropy(&self, edges: &[u32], own: i64) -> f64 {
        let weight = |at: &u32| self.edges.get(*at as usize).map_or(0, |edge| edge.weight);
        let positive = edges.iter().map(weight).filter(|weight| *weight > 0);
        let total = positive.fold(own, i64::wrapping_add);
        if total == 0 {
            return 0.0;
        }
        let part = |weight: i64| {
            let part = weight.wrapping_abs() as f64 / total as f64;
            -part * part.log2()
        };
        let of_edges: f64 = edges.iter().map(|at| part(weight(at))).sum();
        if own > 0 { of_edges + part(own) } else { of_edges }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Calls, Options, Work};
    use super::*;
    use crate::profile::sketch::sketch;
    use crate::refine::Refined;
    use crate::{Format, Settings, Stop};

    #[test]
    fn calls_of_opposite_weights_are_ordered_by_name() {
        // In differences. If they were equal to each other only, sorting could panic.
        let profile = sketch(&["main;a 1,5", "main;b 1,-5", "main;c 1,5", "main;d 1,-5"]);
        let refined =
            Refined::of(&profile, &Settings::default(), Format::Tree, Stop::never()).expect("it is whole");
        let options = Options { object_names: false, is_tree: false, calls: Calls::All, has_tags: false };
        let graph = Graph::of(&refined, options, &mut Work::new(Stop::never())).expect("it fits");
        let mut positions: Vec<u32> = (0..4).collect();
        for _ in 0..4 {
            positions.rotate_left(1);
            let names: Vec<String> =
                graph.sorted_edges(&positions).iter().map(|edge| graph.name(edge.to)).collect();
            assert_eq!(names, ["a", "b", "c", "d"]);
        }
    }
}

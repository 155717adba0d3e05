//! Which edges are to run downward: all but those that close a cycle.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::picture::Link;

/// An edge for ranks: from above to below. Edges of a node to itself, and those of nodes that are not there, are not
/// among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrow {
    /// The position of its edge in the input.
    pub link: usize,
    /// The node above.
    pub above: usize,
    /// The node below.
    pub below: usize,
    /// The edge runs from below to above.
    pub is_turned: bool,
    /// As in the input, at least 1.
    pub weight: u64,
}

/// All edges so that they have no cycle, by the method of Eades, Lin and Smyth, "A fast and effective heuristic for the
/// feedback arc set problem" (1993), with weights: nodes that nothing calls come first, nodes that call nothing last;
/// if there is neither, the one that calls most more than it is called. Edges against this order are turned.
pub(super) fn downward(nodes: usize, links: &[Link]) -> Vec<Arrow> {
    let is_edge = |link: &Link| link.from != link.to && link.from < nodes && link.to < nodes;
    let mut left = Left::new(nodes);
    for link in links.iter().filter(|link| is_edge(link)) {
        left.out[link.from].push((link.to, link.weight.max(1)));
        left.into[link.to].push((link.from, link.weight.max(1)));
    }
    let places = left.order();
    let arrow = |(number, link): (usize, &Link)| {
        let is_turned = places[link.from] > places[link.to];
        let (above, below) = if is_turned { (link.to, link.from) } else { (link.from, link.to) };
        Arrow { link: number, above, below, is_turned, weight: link.weight.max(1) }
    };
    links.iter().enumerate().filter(|(_, link)| is_edge(link)).map(arrow).collect()
}

/// The nodes that are not ordered yet.
struct Left {
    /// By node: callees and weights.
    out: Vec<Vec<(usize, u64)>>,
    /// By node: callers and weights.
    into: Vec<Vec<(usize, u64)>>,
    /// By node: how many calls to and from nodes that are left there are.
    counts: Vec<(usize, usize)>,
    /// By node: how much more it calls than it is called.
    surplus: Vec<i128>,
    is_left: Vec<bool>,
    /// Those that are left, by surplus, then by position.
    by_surplus: BTreeSet<(i128, Reverse<usize>)>,
    /// Nodes that call nothing that is left, and nodes that nothing calls; some are no longer left.
    last: Vec<usize>,
    first: Vec<usize>,
}

impl Left {
    fn new(nodes: usize) -> Left {
        Left {
            out: vec![Vec::new(); nodes],
            into: vec![Vec::new(); nodes],
            counts: vec![(0, 0); nodes],
            surplus: vec![0; nodes],
            is_left: vec![true; nodes],
            by_surplus: BTreeSet::new(),
            last: Vec::new(),
            first: Vec::new(),
        }
    }

    /// By node: its place in the order.
    fn order(mut self) -> Vec<usize> {
        let nodes = self.out.len();
        let sum = |edges: &[(usize, u64)]| edges.iter().map(|(_, weight)| i128::from(*weight)).sum::<i128>();
        for node in 0..nodes {
            self.counts[node] = (self.into[node].len(), self.out[node].len());
            self.surplus[node] = sum(&self.out[node]) - sum(&self.into[node]);
            self.by_surplus.insert((self.surplus[node], Reverse(node)));
            if self.counts[node].1 == 0 {
                self.last.push(node);
            } else if self.counts[node].0 == 0 {
                self.first.push(node);
            }
        }
        let mut places = vec![0; nodes];
        let (mut begin, mut end) = (0, nodes);
        loop {
            if let Some(node) = self.last.pop() {
                if self.remove(node) {
                    end -= 1;
                    places[node] = end;
                }
                continue;
            }
            let largest = self.by_surplus.last().map(|(_, Reverse(node))| *node);
            let Some(node) = self.first.pop().or(largest) else { return places };
            if self.remove(node) {
                places[node] = begin;
                begin += 1;
            }
        }
    }

    /// Takes a node out; `false` if it was out.
    fn remove(&mut self, node: usize) -> bool {
        if !std::mem::replace(&mut self.is_left[node], false) {
            return false;
        }
        self.by_surplus.remove(&(self.surplus[node], Reverse(node)));
        for (callee, weight) in std::mem::take(&mut self.out[node]) {
            if self.is_left[callee] {
                self.add_surplus(callee, i128::from(weight));
                self.counts[callee].0 -= 1;
                if self.counts[callee].0 == 0 {
                    self.first.push(callee);
                }
            }
        }
        for (caller, weight) in std::mem::take(&mut self.into[node]) {
            if self.is_left[caller] {
                self.add_surplus(caller, -i128::from(weight));
                self.counts[caller].1 -= 1;
                if self.counts[caller].1 == 0 {
                    self.last.push(caller);
                }
            }
        }
        true
    }

    fn add_surplus(&mut self, node: usize, of: i128) {
        self.by_surplus.remove(&(self.surplus[node], Reverse(node)));
        self.surplus[node] += of;
        self.by_surplus.insert((self.surplus[node], Reverse(node)));
    }
}

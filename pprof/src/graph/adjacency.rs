//! Which calls go to and from each node.

use super::Edge;

/// Positions in the edges of a graph, by node.
#[derive(Debug, Default)]
pub struct Adjacency {
    incoming: Grouped,
    outgoing: Grouped,
}

impl Adjacency {
    /// The calls of `nodes` nodes, each list in the order of `edges`.
    pub(super) fn new(nodes: usize, edges: &[Edge]) -> Adjacency {
        Adjacency {
            incoming: Grouped::new(nodes, edges.iter().map(|edge| edge.to)),
            outgoing: Grouped::new(nodes, edges.iter().map(|edge| edge.from)),
        }
    }

    /// The calls to a node.
    pub fn incoming(&self, node: u32) -> &[u32] {
        self.incoming.of(node)
    }

    /// The calls of a node.
    pub fn outgoing(&self, node: u32) -> &[u32] {
        self.outgoing.of(node)
    }
}

/// Positions by node, one node's after the other's.
#[derive(Debug, Default)]
struct Grouped {
    positions: Vec<u32>,
    ends: Vec<usize>,
}

impl Grouped {
    fn new(nodes: usize, of: impl Iterator<Item = u32> + Clone) -> Grouped {
        let mut ends = vec![0; nodes];
        for node in of.clone() {
            ends[node as usize] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            let start = end;
            end += *count;
            // Where the next position of the node is put; its end when all are there.
            *count = start;
        }
        let mut positions = vec![0; end];
        for (position, node) in (0..).zip(of) {
            let next = &mut ends[node as usize];
            positions[*next] = position;
            *next += 1;
        }
        Grouped { positions, ends }
    }

    fn of(&self, node: u32) -> &[u32] {
        let at = node as usize;
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.positions.get(start..end).unwrap_or_default()
    }
}

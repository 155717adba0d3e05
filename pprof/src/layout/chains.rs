//! The graph with virtual nodes: every edge becomes a chain from rank to rank, and its label a node of the chain.

use super::cycles::Arrow;
use super::picture::{Link, MAX_VIRTUAL, Size};

/// Room of an edge without a label on each side.
const EDGE: f64 = 3.0;
/// Space between an edge and its label.
pub(super) const LABEL_GAP: f64 = 3.0;
/// Width of the loop of a node that calls itself.
pub(super) const LOOP: f64 = 22.0;

/// Nodes by rank. The first are those of the input, the others are virtual.
pub(super) struct Chains {
    /// By node: how far it reaches to the left and to the right of its line.
    pub extents: Vec<(f64, f64)>,
    /// How many nodes are of the input.
    pub real: usize,
    /// By node: the nodes that it is connected with in the rank below, and the weight of each segment.
    pub down: Vec<Vec<(u32, u32)>>,
    /// By node: the same in the rank above.
    pub up: Vec<Vec<(u32, u32)>>,
    /// By rank: its nodes from left to right.
    pub ranks: Vec<Vec<u32>>,
    /// By rank: its height.
    pub heights: Vec<f64>,
    /// By node: its rank.
    pub rank_of: Vec<u32>,
    /// By arrow: its virtual nodes from above to below; empty for a straight line.
    pub virtual_nodes: Vec<Vec<u32>>,
    /// By arrow: which of its virtual nodes has the label.
    pub labels: Vec<Option<u32>>,
}

/// Builds them. Ranks are doubled if an edge has a label: labels are between the ranks of nodes.
pub(super) fn build(nodes: &[Size], links: &[Link], arrows: &[Arrow], ranks: &[usize]) -> Chains {
    let factor = if links.iter().any(|link| link.label.width > 0.0) { 2 } else { 1 };
    let last = ranks.iter().copied().max().unwrap_or(0) * factor;
    let mut chains = Chains {
        extents: nodes.iter().map(|size| (size.width / 2.0, size.width / 2.0)).collect(),
        real: nodes.len(),
        down: vec![Vec::new(); nodes.len()],
        up: vec![Vec::new(); nodes.len()],
        ranks: vec![Vec::new(); last + 1],
        heights: vec![0.0; last + 1],
        rank_of: ranks.iter().map(|rank| (rank * factor) as u32).collect(),
        virtual_nodes: vec![Vec::new(); arrows.len()],
        labels: vec![None; arrows.len()],
    };
    for (node, size) in nodes.iter().enumerate() {
        let height = &mut chains.heights[ranks[node] * factor];
        *height = height.max(size.height);
    }
    // Loops need room on the right.
    for link in links.iter().filter(|link| link.from == link.to && link.from < nodes.len()) {
        let room = LOOP + link.label.width + LABEL_GAP;
        let extent = &mut chains.extents[link.from];
        extent.1 = extent.1.max(nodes[link.from].width / 2.0 + room);
    }
    // Short edges get their virtual nodes first, so that only long ones are straight when there are too many.
    let length = |arrow: &Arrow| (ranks[arrow.below] - ranks[arrow.above]) * factor;
    let mut by_length: Vec<usize> = (0..arrows.len()).collect();
    by_length.sort_by_key(|number| length(&arrows[*number]));
    let mut room = MAX_VIRTUAL;
    let mut is_chain = vec![false; arrows.len()];
    for number in by_length {
        let needed = length(&arrows[number]) - 1;
        is_chain[number] = needed <= room;
        room = room.saturating_sub(needed);
    }
    for (number, arrow) in arrows.iter().enumerate() {
        if !is_chain[number] {
            continue;
        }
        let (first, end) = (ranks[arrow.above] * factor, ranks[arrow.below] * factor);
        let label = links[arrow.link].label;
        // Between ranks of nodes, in the middle of the edge.
        let label_rank = (label.width > 0.0 && factor == 2).then(|| first + 1 + (end - first - 1) / 4 * 2);
        let mut before = arrow.above as u32;
        for rank in first + 1..end {
            let node = chains.extents.len() as u32;
            let is_label = label_rank == Some(rank);
            chains.extents.push(if is_label { (EDGE, LABEL_GAP + label.width) } else { (EDGE, EDGE) });
            if is_label {
                chains.labels[number] = Some(node);
                chains.heights[rank] = chains.heights[rank].max(label.height);
            }
            chains.down.push(Vec::new());
            chains.up.push(Vec::new());
            chains.rank_of.push(rank as u32);
            chains.virtual_nodes[number].push(node);
            chains.connect(before, node, arrow.weight);
            before = node;
        }
        chains.connect(before, arrow.below as u32, arrow.weight);
    }
    chains.first_order();
    chains
}

impl Chains {
    /// Whether the node is not of the input.
    pub(super) fn is_virtual(&self, node: u32) -> bool {
        node as usize >= self.real
    }

    fn connect(&mut self, above: u32, below: u32, weight: u64) {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.down[above as usize].push((below, weight));
        self.up[below as usize].push((above, weight));
    }

    /// Puts nodes into their ranks in the order in which a walk from above meets them, so that subtrees stay together.
    fn first_order(&mut self) {
        let mut is_met = vec![false; self.extents.len()];
        let mut met: Vec<u32> = Vec::new();
        let roots = (0..self.real).filter(|node| self.up[*node].is_empty()).chain(0..self.real);
        for root in roots {
            let mut waiting = vec![root as u32];
            while let Some(node) = waiting.pop() {
                if std::mem::replace(&mut is_met[node as usize], true) {
                    continue;
                }
                met.push(node);
                waiting.extend(self.down[node as usize].iter().rev().map(|(below, _)| *below));
            }
        }
        for node in met {
            self.ranks[self.rank_of[node as usize] as usize].push(node);
        }
    }
}

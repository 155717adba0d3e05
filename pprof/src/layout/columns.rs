//! The horizontal place of each node, by Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001):
//! four placements, each of which aligns nodes with the median of their neighbours above or below (or with the one that
//! weighs more than the others), from the left or from the right; a node's place is the median of the four.
//!
//! Blocks of aligned nodes are compacted by longest paths over the graph of blocks, which keeps the space between
//! neighbours in every placement; so their medians keep it, too.

use super::chains::Chains;
use super::picture::BESIDE;
use crate::stop::{Stop, Stopped};

/// Space between two edges.
const EDGES: f64 = 5.0;

/// By node, virtual ones included: the x of its line. The smallest left border is 0.
///
/// # Errors
/// [`Stopped`].
pub(super) fn of(chains: &Chains, stop: Stop<'_>) -> Result<Vec<f64>, Stopped> {
    let mut positions = vec![0u32; chains.extents.len()];
    for rank in &chains.ranks {
        for (position, node) in rank.iter().enumerate() {
            positions[*node as usize] = position as u32;
        }
    }
    let above: Vec<Vec<u32>> = sorted(&chains.up, &positions);
    let below: Vec<Vec<u32>> = sorted(&chains.down, &positions);
    let crossed = Crossed::find(chains, &above, &positions);
    let mut placements: Vec<Vec<f64>> = Vec::with_capacity(4);
    for is_down in [true, false] {
        for is_left in [true, false] {
            stop.check()?;
            let view = View { chains, positions: &positions, crossed: &crossed, is_down, is_left };
            let roots = view.align(if is_down { &above } else { &below });
            placements.push(view.compact(&roots));
        }
    }
    let sides = |xs: &[f64]| {
        let extents = xs.iter().zip(&chains.extents);
        extents.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (x, (left, right))| {
            (low.min(x - left), high.max(x + right))
        })
    };
    // All four are moved to the borders of the narrowest: those from the left to its left, the others to its right.
    let borders: Vec<(f64, f64)> = placements.iter().map(|xs| sides(xs)).collect();
    let narrowest = borders.iter().copied().min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    let (low, high) = narrowest.unwrap_or((0.0, 0.0));
    let shifts: Vec<f64> = borders
        .iter()
        .enumerate()
        .map(|(at, (left, right))| if at % 2 == 0 { low - left } else { high - right })
        .collect();
    let median = |node: usize| {
        let mut xs: Vec<f64> = placements.iter().zip(&shifts).map(|(xs, shift)| xs[node] + shift).collect();
        xs.sort_by(f64::total_cmp);
        (xs[1] + xs[2]) / 2.0
    };
    let mut xs: Vec<f64> = (0..chains.extents.len()).map(median).collect();
    let (low, _) = sides(&xs);
    for x in &mut xs {
        *x -= low;
    }
    Ok(xs)
}

/// Neighbours in the order of their positions.
fn sorted(edges: &[Vec<(u32, u32)>], positions: &[u32]) -> Vec<Vec<u32>> {
    let sorted = |edges: &Vec<(u32, u32)>| {
        let mut nodes: Vec<u32> = edges.iter().map(|(node, _)| *node).collect();
        nodes.sort_unstable_by_key(|node| positions[*node as usize]);
        nodes
    };
    edges.iter().map(sorted).collect()
}

/// Segments that cross one between two virtual nodes: long edges stay straight, so these are not aligned.
struct Crossed(std::collections::HashSet<(u32, u32)>);

impl Crossed {
    fn find(chains: &Chains, above: &[Vec<u32>], positions: &[u32]) -> Crossed {
        let mut crossed = std::collections::HashSet::new();
        for pair in chains.ranks.windows(2) {
            let [upper, lower] = pair else { continue };
            let mut low = 0u32;
            let mut begin = 0;
            for (at, node) in lower.iter().enumerate() {
                let inner = if chains.is_virtual(*node) {
                    above[*node as usize].iter().copied().find(|above| chains.is_virtual(*above))
                } else {
                    None
                };
                if inner.is_none() && at + 1 != lower.len() {
                    continue;
                }
                let high = inner.map_or(upper.len() as u32, |above| positions[above as usize]);
                for node in &lower[begin..=at] {
                    for from in &above[*node as usize] {
                        let position = positions[*from as usize];
                        let is_inner = chains.is_virtual(*from) && chains.is_virtual(*node);
                        if (position < low || position > high) && !is_inner {
                            crossed.insert((*from, *node));
                        }
                    }
                }
                begin = at + 1;
                low = high;
            }
        }
        Crossed(crossed)
    }

    fn has(&self, a: u32, b: u32) -> bool {
        self.0.contains(&(a, b)) || self.0.contains(&(b, a))
    }
}

/// One of the four directions.
struct View<'a> {
    chains: &'a Chains,
    positions: &'a [u32],
    crossed: &'a Crossed,
    is_down: bool,
    is_left: bool,
}

impl View<'_> {
    /// By node: the node whose block it is in.
    fn align(&self, neighbours: &[Vec<u32>]) -> Vec<u32> {
        let nodes = self.chains.extents.len();
        let mut roots: Vec<u32> = (0..nodes as u32).collect();
        let mut is_continued = vec![false; nodes];
        let count = self.chains.ranks.len();
        for step in 0..count {
            let rank = &self.chains.ranks[if self.is_down { step } else { count - 1 - step }];
            // From the left: the position that the next neighbour must be behind; from the right: before.
            let mut border: i64 = if self.is_left { -1 } else { i64::MAX };
            for at in 0..rank.len() {
                let node = rank[if self.is_left { at } else { rank.len() - 1 - at }];
                let around = &neighbours[node as usize];
                if around.is_empty() {
                    continue;
                }
                let (low, high) = (around[(around.len() - 1) / 2], around[around.len() / 2]);
                let medians = if self.is_left { [low, high] } else { [high, low] };
                for other in self.heaviest(node).into_iter().chain(medians) {
                    let position = i64::from(self.positions[other as usize]);
                    let is_free = if self.is_left { position > border } else { position < border };
                    if is_free && !is_continued[other as usize] && !self.crossed.has(other, node) {
                        roots[node as usize] = roots[other as usize];
                        is_continued[other as usize] = true;
                        border = position;
                        break;
                    }
                }
            }
        }
        roots
    }

    /// The neighbour whose edge is heavier than all others together: hot paths are straight.
    fn heaviest(&self, node: u32) -> Option<u32> {
        let edges = if self.is_down { &self.chains.up } else { &self.chains.down };
        let edges = &edges[node as usize];
        let all: u64 = edges.iter().map(|(_, weight)| u64::from(*weight)).sum();
        edges.iter().find(|(_, weight)| u64::from(*weight) * 2 > all).map(|(other, _)| *other)
    }

    /// By node: the x of its block, as far to the left (to the right) as the space between neighbours allows.
    fn compact(&self, roots: &[u32]) -> Vec<f64> {
        let nodes = roots.len();
        // An edge from each block to the one beside it, in the direction of placement.
        let mut next: Vec<Vec<(u32, f64)>> = vec![Vec::new(); nodes];
        let mut before = vec![0u32; nodes];
        for rank in &self.chains.ranks {
            for pair in rank.windows(2) {
                let [left, right] = pair else { continue };
                let space = self.space(*left, *right);
                let (a, b) = (roots[*left as usize], roots[*right as usize]);
                let (from, to) = if self.is_left { (a, b) } else { (b, a) };
                next[from as usize].push((to, space));
                before[to as usize] += 1;
            }
        }
        let mut sorted: Vec<u32> = (0..nodes as u32)
            .filter(|node| roots[*node as usize] == *node && before[*node as usize] == 0)
            .collect();
        let mut place = vec![0.0f64; nodes];
        let mut at = 0;
        while let Some(block) = sorted.get(at).copied() {
            at += 1;
            for (to, space) in &next[block as usize] {
                place[*to as usize] = place[*to as usize].max(place[block as usize] + space);
                before[*to as usize] -= 1;
                if before[*to as usize] == 0 {
                    sorted.push(*to);
                }
            }
        }
        // Second pass: blocks that only push others come as near to them as they can, so that no tree stays at the
        // border while what it calls is far away.
        for block in sorted.iter().rev() {
            let of_block = &next[*block as usize];
            let nearest =
                of_block.iter().map(|(to, space)| place[*to as usize] - space).fold(f64::INFINITY, f64::min);
            if nearest.is_finite() {
                place[*block as usize] = place[*block as usize].max(nearest);
            }
        }
        let sign = if self.is_left { 1.0 } else { -1.0 };
        roots.iter().map(|root| sign * place[*root as usize]).collect()
    }

    /// Between the lines of two neighbours.
    fn space(&self, left: u32, right: u32) -> f64 {
        let is_edge = self.chains.is_virtual(left) && self.chains.is_virtual(right);
        let between = if is_edge { EDGES } else { BESIDE };
        self.chains.extents[left as usize].1 + between + self.chains.extents[right as usize].0
    }
}

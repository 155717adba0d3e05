//! The order of nodes in each rank, so that few edges cross: sweeps by weighted means of neighbours, then exchanges of
//! neighbours. The best order that was seen is kept.

use super::chains::Chains;
use crate::stop::{Stop, Stopped};

/// How many sweeps graphs of this many nodes, virtual ones included, get.
fn sweeps(nodes: usize) -> usize {
    match nodes {
        0..=2_000 => 24,
        2_001..=20_000 => 8,
        _ => 3,
    }
}

/// Exchanges of neighbours are only for graphs with at most this many nodes.
const EXCHANGED: usize = 4_000;

/// Sweeps without an improvement after which it ends.
const PATIENCE: usize = 6;

/// Reorders `chains.ranks`.
///
/// # Errors
/// [`Stopped`].
pub(super) fn reduce_crossings(chains: &mut Chains, stop: Stop<'_>) -> Result<(), Stopped> {
    let nodes = chains.extents.len();
    let mut positions = vec![0u32; nodes];
    let mut best = chains.ranks.clone();
    number(chains, &mut positions);
    let mut fewest = crossings(chains, &positions, stop)?;
    let mut without = 0;
    for sweep in 0..sweeps(nodes) {
        if fewest == 0 {
            break;
        }
        let is_down = sweep % 2 == 0;
        let count = chains.ranks.len();
        for step in 1..count {
            if step % 64 == 0 {
                stop.check()?;
            }
            let rank = if is_down { step } else { count - 1 - step };
            by_means(chains, rank, is_down, &mut positions);
        }
        if nodes <= EXCHANGED {
            exchange(chains, &mut positions, stop)?;
        }
        let found = crossings(chains, &positions, stop)?;
        if found < fewest {
            (fewest, without) = (found, 0);
            best.clone_from(&chains.ranks);
        } else {
            without += 1;
            if without == PATIENCE {
                break;
            }
        }
    }
    chains.ranks = best;
    Ok(())
}

/// Sets the position of each node in its rank.
fn number(chains: &Chains, positions: &mut [u32]) {
    for rank in &chains.ranks {
        for (position, node) in rank.iter().enumerate() {
            positions[*node as usize] = position as u32;
        }
    }
}

/// Sorts a rank by the mean position of neighbours in the rank before it. Nodes without any keep their place.
fn by_means(chains: &mut Chains, rank: usize, is_down: bool, positions: &mut [u32]) {
    let mut order = std::mem::take(&mut chains.ranks[rank]);
    let neighbours = if is_down { &chains.up } else { &chains.down };
    let mean = |node: u32| {
        let (sum, weights) =
            neighbours[node as usize].iter().fold((0.0, 0.0), |(sum, weights), (other, weight)| {
                // Its square root: a heavy edge does not decide alone.
                let weight = f64::from(*weight).sqrt();
                (sum + f64::from(positions[*other as usize]) * weight, weights + weight)
            });
        (weights > 0.0).then(|| sum / weights)
    };
    let means: Vec<Option<f64>> = order.iter().map(|node| mean(*node)).collect();
    let mut moved: Vec<(f64, u32)> =
        order.iter().zip(&means).filter_map(|(node, mean)| mean.map(|mean| (mean, *node))).collect();
    moved.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut moved = moved.into_iter().map(|(_, node)| node);
    for (place, mean) in order.iter_mut().zip(&means) {
        if mean.is_some() {
            *place = moved.next().unwrap_or(*place);
        }
    }
    for (position, node) in order.iter().enumerate() {
        positions[*node as usize] = position as u32;
    }
    chains.ranks[rank] = order;
}

/// Exchanges neighbours in a rank while that makes fewer crossings, in at most four passes.
fn exchange(chains: &mut Chains, positions: &mut [u32], stop: Stop<'_>) -> Result<(), Stopped> {
    for _ in 0..4 {
        stop.check()?;
        let mut is_better = false;
        for rank in 0..chains.ranks.len() {
            for at in 1..chains.ranks[rank].len() {
                let (left, right) = (chains.ranks[rank][at - 1], chains.ranks[rank][at]);
                let (now, then) = between(chains, left, right, positions);
                if then < now {
                    chains.ranks[rank].swap(at - 1, at);
                    positions.swap(left as usize, right as usize);
                    is_better = true;
                }
            }
        }
        if !is_better {
            break;
        }
    }
    Ok(())
}

/// Crossings of the edges of two neighbours: as they are, and exchanged. Nodes with many edges are not compared.
fn between(chains: &Chains, left: u32, right: u32, positions: &[u32]) -> (u64, u64) {
    let (mut now, mut then) = (0u64, 0u64);
    for edges in [&chains.up, &chains.down] {
        let (of_left, of_right) = (&edges[left as usize], &edges[right as usize]);
        if of_left.len().saturating_mul(of_right.len()) > 4_096 {
            return (0, 0);
        }
        for (a, _) in of_left {
            for (b, _) in of_right {
                let (a, b) = (positions[*a as usize], positions[*b as usize]);
                now += u64::from(a > b);
                then += u64::from(a < b);
            }
        }
    }
    (now, then)
}

/// How often edges cross: by rank, with a tree of partial sums over the positions of the rank below.
fn crossings(chains: &Chains, positions: &[u32], stop: Stop<'_>) -> Result<u64, Stopped> {
    let mut crossings = 0u64;
    let mut ends: Vec<u32> = Vec::new();
    for (number, rank) in chains.ranks.iter().enumerate() {
        if number % 64 == 0 {
            stop.check()?;
        }
        let below = chains.ranks.get(number + 1).map_or(0, Vec::len);
        let mut tree = vec![0u64; below + 1];
        let mut seen = 0u64;
        for node in rank {
            ends.clear();
            ends.extend(chains.down[*node as usize].iter().map(|(below, _)| positions[*below as usize]));
            ends.sort_unstable();
            for end in &ends {
                // Of those that began to the left, the ones that do not end to the left of this one's end or at it.
                let mut at = *end as usize + 1;
                let mut before = 0;
                while at > 0 {
                    before += tree[at];
                    at &= at - 1;
                }
                crossings += seen - before;
            }
            for end in &ends {
                let mut at = *end as usize + 1;
                while at < tree.len() {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                seen += 1;
            }
        }
    }
    Ok(crossings)
}

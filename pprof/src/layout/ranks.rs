//! The rank of each node: below all that point to it, as near to its neighbours as that allows.

use super::cycles::Arrow;
use crate::stop::{Stop, Stopped};

/// How often nodes are moved to shorten edges.
const ROUNDS: usize = 8;

/// By node: its rank, from 0 at the top. Every arrow goes down by at least one.
///
/// # Errors
/// [`Stopped`].
pub(super) fn of(nodes: usize, arrows: &[Arrow], stop: Stop<'_>) -> Result<Vec<usize>, Stopped> {
    let mut down: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut up: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (number, arrow) in arrows.iter().enumerate() {
        down[arrow.above].push(number);
        up[arrow.below].push(number);
    }
    // From above to below, each node after all that point to it.
    let mut left: Vec<usize> = up.iter().map(Vec::len).collect();
    let mut sorted: Vec<usize> = (0..nodes).filter(|node| left[*node] == 0).collect();
    let mut ranks = vec![0usize; nodes];
    let mut at = 0;
    while let Some(node) = sorted.get(at).copied() {
        at += 1;
        for number in &down[node] {
            let below = arrows[*number].below;
            ranks[below] = ranks[below].max(ranks[node] + 1);
            left[below] -= 1;
            if left[below] == 0 {
                sorted.push(below);
            }
        }
    }
    for round in 0..ROUNDS {
        stop.check()?;
        let mut is_moved = false;
        for step in 0..sorted.len() {
            let node = if round % 2 == 0 { sorted[sorted.len() - 1 - step] } else { sorted[step] };
            let weight =
                |edges: &[usize]| edges.iter().map(|number| u128::from(arrows[*number].weight)).sum::<u128>();
            let highest = up[node].iter().map(|number| ranks[arrows[*number].above] + 1).max();
            let lowest = down[node].iter().map(|number| ranks[arrows[*number].below] - 1).min();
            let rank = match (highest, lowest) {
                (Some(highest), Some(lowest)) if weight(&down[node]) > weight(&up[node]) => {
                    lowest.max(highest)
                }
                (Some(highest), _) => highest,
                // Nothing calls it: just above what it calls.
                (None, Some(lowest)) => lowest,
                (None, None) => 0,
            };
            is_moved |= ranks[node] != rank;
            ranks[node] = rank;
        }
        if !is_moved {
            break;
        }
    }
    let top = ranks.iter().copied().min().unwrap_or(0);
    Ok(ranks.into_iter().map(|rank| rank - top).collect())
}

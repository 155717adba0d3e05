//! Calls over nodes that are left out are removed from pictures where another path shows that the callee is reached.

use super::{Adjacency, Graph, GraphError, NodeId, Work};

/// Removes them, the lightest first. `shown` are the nodes in the order of the report.
pub(super) fn remove(graph: &mut Graph<'_>, shown: &[NodeId], work: &mut Work<'_>) -> Result<(), GraphError> {
    let adjacency = graph.adjacency();
    let mut is_removed = vec![false; graph.edges.len()];
    let mut seen = vec![u32::MAX; graph.nodes.len()];
    let mut turn = 0;
    for node in shown.iter().rev() {
        let mut incoming = adjacency.incoming(*node).to_vec();
        incoming.sort_by(|left, right| {
            let (left, right) = (&graph.edges[*left as usize], &graph.edges[*right as usize]);
            graph.compare_edges(left, right)
        });
        for edge in incoming.into_iter().rev() {
            if !graph.edges[edge as usize].is_residual {
                // What is heavier than a direct call stays.
                break;
            }
            turn += 1;
            if is_redundant(graph, &adjacency, edge, &is_removed, (&mut seen, turn), work)? {
                is_removed[edge as usize] = true;
            }
        }
    }
    let mut removed = is_removed.iter();
    graph.edges.retain(|_| !removed.next().copied().unwrap_or(false));
    Ok(())
}

/// Whether the callee is reached from the caller without this call.
fn is_redundant(
    graph: &Graph<'_>,
    adjacency: &Adjacency,
    edge: u32,
    is_removed: &[bool],
    (seen, turn): (&mut [u32], u32),
    work: &mut Work<'_>,
) -> Result<bool, GraphError> {
    let (from, to) = (graph.edges[edge as usize].from, graph.edges[edge as usize].to);
    let mut queue = vec![to];
    seen[to as usize] = turn;
    while let Some(node) = queue.pop() {
        work.add_frames(1 + adjacency.incoming(node).len())?;
        for other in adjacency.incoming(node) {
            let caller = graph.edges[*other as usize].from;
            if *other == edge || is_removed[*other as usize] || seen[caller as usize] == turn {
                continue;
            }
            if caller == from {
                return Ok(true);
            }
            seen[caller as usize] = turn;
            queue.push(caller);
        }
    }
    Ok(false)
}

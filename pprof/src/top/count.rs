//! From samples to rows: which functions exist and which of them are dropped.

use std::collections::HashSet;

use super::table::{EDGE_FRACTION, NODE_FRACTION, Options, Row, Top, fraction};
use crate::model::{Limits, Node, Stacks, Unlimited, Work, value_index};
use crate::proto::Profile;

/// Counts a trusted profile, without limits.
pub fn top(profile: &Profile, options: Options<'_>) -> Top {
    let Ok(top) = within(&mut Unlimited, profile, options);
    top
}

/// Counts a profile within limits. The result is complete or an error, because partial sums would be wrong.
///
/// # Errors
/// The error of the limits; [`Top::left_out`] makes a table that shows it.
pub fn within<L: Limits>(limits: &mut L, profile: &Profile, options: Options<'_>) -> Result<Top, L::Error> {
    let mut work = Work::new(limits);
    let stacks = Stacks::new(profile, value_index(profile, options.sample_type));
    let total = stacks.total();

    let mut graph = stacks.graph(&mut work, None)?;
    let graph_total = graph.total();
    let cutoff = fraction(graph_total, NODE_FRACTION);
    let mut dropped = 0;
    if cutoff > 0 {
        let kept = graph.with_cum_from(cutoff);
        if kept.len() != graph.nodes().len() {
            dropped = graph.nodes().len() - kept.len();
            graph = stacks.graph(&mut work, Some(&kept))?;
        }
    }
    let nodes = graph.nodes().len();
    let mut order = graph.order(stacks.names(), options.by_cum);
    if options.rows > 0 && options.rows < order.len() {
        let kept: HashSet<usize> = order[..options.rows].iter().copied().collect();
        graph = stacks.graph(&mut work, Some(&kept))?;
        order = graph.order(stacks.names(), options.by_cum);
    }
    graph.drop_calls_below(fraction(graph_total, EDGE_FRACTION));

    let row = |node| {
        let Node { flat, cum, .. } = graph.nodes()[&node];
        Row { function: stacks.names()[node].clone(), flat, cum, inlined: graph.inlined(node) }
    };
    let empty = Top::empty(profile, options);
    let output_unit = graph.output_unit(total, &empty.unit);
    let rows = order.into_iter().map(row).collect();
    Ok(Top { total, dropped, nodes, rows, output_unit, ..empty }.with_header(profile))
}

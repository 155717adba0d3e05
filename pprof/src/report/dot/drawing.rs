//! What a drawing of a call graph has: texts, sizes and colours of its nodes and calls.

use super::{Nodelet, color, nodelets, short_name};
use crate::error::ReportError;
use crate::format::Format;
use crate::graph::{Calls, Edge, Graph, NodeId, NodeTags, Options, Trim, Trimmed, Work};
use crate::measurement::percentage;
use crate::paths::file_name;
use crate::refine::Refined;
use crate::report::{cells, legend, unit};

/// The most calls of a picture that we draw.
const MOST_DRAWN_EDGES: usize = 20_000;

/// A call graph to be drawn. Values are in [`Drawing::unit`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Drawing {
    /// The program; may be empty.
    pub title: String,
    /// The lines of the legend.
    pub legend: Vec<String>,
    /// The unit of the values, as in the file: `nanoseconds`.
    pub unit: String,
    /// The unit in which the drawing shows values.
    pub output_unit: String,
    /// What values are divided by where they are shown.
    pub divide_by: f64,
    /// What 100 % is.
    pub total: i64,
    /// The nodes, the most important first. A node's id is its position + 1.
    pub nodes: Vec<DrawnNode>,
    /// The calls, the heaviest first.
    pub edges: Vec<DrawnEdge>,
}

/// A node of a drawing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DrawnNode {
    /// As other reports show it.
    pub name: String,
    /// The name in lines, shortened: address, parts of the path of the function, file and line, as far as they are
    /// there.
    pub lines: Vec<String>,
    /// The value of the node itself.
    pub flat: i64,
    /// The value of the node and what it calls.
    pub cum: i64,
    /// From 8 to 24, by the flat value.
    pub font_size: u32,
    /// The colour of its border: `#rrggbb`.
    pub color: String,
    /// The colour of its background.
    pub fill: String,
    /// Boxes below it, by text labels.
    pub nodelets: Vec<Nodelet>,
    /// Boxes below it, by number.
    pub number_nodelets: Vec<Nodelet>,
}

/// Calls of a drawing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DrawnEdge {
    /// The id of the caller; 0 if it is not drawn.
    pub from: usize,
    /// The id of the callee; 0 if it is not drawn.
    pub to: usize,
    /// The name of the caller, as other reports show it.
    pub from_name: String,
    /// The name of the callee.
    pub to_name: String,
    /// The value.
    pub weight: i64,
    /// Its share of the total, from 1 to 101: how short the line is to be.
    pub shortness: i64,
    /// From 1 to 6: how wide the line is.
    pub width: i64,
    /// The colour of the line: `#rrggbb`.
    pub color: String,
    /// Whether all these calls are inlined.
    pub is_inline: bool,
    /// Whether nodes between the two were left out: a dotted line.
    pub is_residual: bool,
}

impl Drawing {
    /// Draws a profile that was refined.
    ///
    /// # Errors
    /// If it was stopped, or does not fit the memory.
    pub fn from_refined(refined: &Refined, work: &mut Work<'_>) -> Result<Drawing, ReportError> {
        let is_tree = refined.settings.call_tree;
        let options = Options { object_names: false, is_tree, calls: Calls::All, has_tags: true };
        let trimmed = Trimmed::of(refined, Trim { is_picture: true, options }, work)?;
        let graph = &trimmed.graph;
        let values = trimmed.shown.iter().map(|node| graph.value(*node));
        let output_unit = unit::output_unit(refined, &trimmed);
        let part = legend::Part { dropped_edges: trimmed.dropped_edges, ..legend::Part::of(&trimmed) };
        let largest = values.map(|value| value.flat().wrapping_abs() as f64).fold(0.0, f64::max);
        let mut ids = vec![0; graph.nodes.len()];
        for (id, node) in (1..).zip(&trimmed.shown) {
            ids[*node as usize] = id;
        }
        let mut edges = Vec::new();
        for node in &trimmed.shown {
            edges.extend(
                trimmed
                    .adjacency
                    .outgoing(*node)
                    .iter()
                    .filter_map(|at| graph.edges.get(*at as usize).copied()),
            );
        }
        edges.sort_by(|left, right| graph.compare_edges(left, right));
        if refined.format == Format::Svg {
            edges.truncate(MOST_DRAWN_EDGES);
        }
        let profile = &refined.profile;
        let program = profile.mappings.first().map_or("", |mapping| profile.text(mapping.file));
        Ok(Drawing {
            title: if program.is_empty() { String::new() } else { file_name(program).to_owned() },
            legend: legend::lines(refined, &output_unit, &part, true),
            unit: refined.unit.clone(),
            output_unit,
            divide_by: refined.settings.divide_by,
            total: refined.total,
            nodes: trimmed.shown.iter().map(|node| drawn(&trimmed, *node, largest, refined.total)).collect(),
            edges: edges.into_iter().map(|edge| drawn_edge(&trimmed, &edge, &ids, refined.total)).collect(),
        })
    }

    /// A value as the drawing shows it: `4.92s`.
    pub fn value(&self, value: i64) -> String {
        cells::value(value, self.divide_by, &self.unit, &self.output_unit)
    }

    /// The share of a value in the total: `98.17%`.
    pub fn share(&self, value: i64) -> String {
        percentage(value, self.total).trim().to_owned()
    }
}

fn share(value: i64, total: i64) -> f64 {
    value as f64 / total.wrapping_abs() as f64
}

fn drawn(trimmed: &Trimmed<'_>, node: NodeId, largest: f64, total: i64) -> DrawnNode {
    let graph = &trimmed.graph;
    let value = graph.value(node);
    let (flat, cum) = (value.flat(), value.cum());
    let size = flat.wrapping_abs() as f64;
    let growth = if largest != 0.0 && flat != 0 && size <= largest {
        (16.0 * (size / largest).sqrt()).ceil()
    } else {
        0.0
    };
    // For leaves, also what was left out below them.
    let by_flat = !trimmed.adjacency.outgoing(node).is_empty();
    let no_tags = NodeTags::default();
    let tags = graph.tags.get(node as usize).unwrap_or(&no_tags);
    let (nodelets, number_nodelets) = nodelets::of(tags, by_flat);
    DrawnNode {
        name: graph.name(node),
        lines: lines(&trimmed.graph, node),
        flat,
        cum,
        font_size: 8 + growth as u32,
        color: color(share(cum, total), false),
        fill: color(share(cum, total), true),
        nodelets,
        number_nodelets,
    }
}

/// The name of a node in lines.
fn lines(graph: &Graph<'_>, node: NodeId) -> Vec<String> {
    let (info, frames) = (graph.info(node), &graph.frames);
    // Go has this for type parameters: the dots do not separate packages.
    let name = short_name(frames.name(info)).replace("[...]", "[…]");
    let file = frames.file(info);
    let file = if file.is_empty() { file } else { file_name(file) };
    let function_at = usize::from(info.address != 0);
    let parts = frames.components(info, &name, file).into_iter().enumerate();
    let split = |(at, part): (usize, String)| {
        if at == function_at && !name.is_empty() {
            part.replace("::", ".").split('.').map(str::to_owned).collect()
        } else {
            vec![part]
        }
    };
    parts.flat_map(split).collect()
}

fn drawn_edge(trimmed: &Trimmed<'_>, edge: &Edge, ids: &[usize], total: i64) -> DrawnEdge {
    let weight = edge.value();
    let part = |of: i64| {
        let part = weight.wrapping_mul(of).checked_div(total).unwrap_or(0);
        1 + part.wrapping_abs().min(of)
    };
    DrawnEdge {
        from: ids[edge.from as usize],
        to: ids[edge.to as usize],
        from_name: trimmed.graph.name(edge.from),
        to_name: trimmed.graph.name(edge.to),
        weight,
        shortness: part(100),
        width: part(5),
        color: color(share(weight, total), false),
        is_inline: edge.is_inline,
        is_residual: edge.is_residual,
    }
}

//! A picture of a drawing.

use super::lines;
use super::model::{Edge, Node, Picture};
use crate::report::dot::{Drawing, DrawnEdge, DrawnNode, Nodelet, short_name};
use crate::stop::{Stop, Stopped};

/// How short edges to nodelets are, as a weight.
const NEAR: u64 = 1000;

impl Picture {
    /// Places the nodes and edges of a drawing.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn of(drawing: &Drawing, stop: Stop<'_>) -> Result<Picture, Stopped> {
        let mut nodes: Vec<Node> = drawing.nodes.iter().map(|drawn| node(drawing, drawn)).collect();
        let mut edges: Vec<Edge> = drawing.edges.iter().filter_map(|drawn| edge(drawing, drawn)).collect();
        for (at, drawn) in drawing.nodes.iter().enumerate() {
            let mut hanging: Vec<(usize, &Nodelet)> =
                drawn.nodelets.iter().chain(&drawn.number_nodelets).map(|nodelet| (at, nodelet)).collect();
            // Nodelets have nodelets, but these have none.
            while let Some((above, nodelet)) = hanging.pop() {
                hanging.extend(nodelet.below.iter().map(|below| (nodes.len(), below)));
                edges.push(Edge {
                    from: above,
                    to: nodes.len(),
                    label: vec![drawing.value(nodelet.weight)],
                    weight: NEAR,
                    score: 0.0,
                    is_residual: nodelet.is_dotted,
                });
                nodes.push(tag(drawing, nodelet));
            }
        }
        let title = if drawing.title.is_empty() { "Call graph" } else { &drawing.title };
        let legend = drawing.legend.iter().flat_map(|line| line.split('\n')).map(str::to_owned).collect();
        Picture::arrange(title, legend, nodes, edges, stop)
    }
}

fn score(value: i64, total: i64) -> f64 {
    if total == 0 { 0.0 } else { value as f64 / (total as f64).abs() }
}

fn node(drawing: &Drawing, drawn: &DrawnNode) -> Node {
    let with_share = |value: i64| format!("{} ({})", drawing.value(value), drawing.share(value));
    let mut values = vec![if drawn.flat == 0 { "0".to_owned() } else { with_share(drawn.flat) }];
    if drawn.cum != drawn.flat {
        let cum = format!("of {}", with_share(drawn.cum));
        if drawn.flat == 0 {
            values[0] = format!("0 {cum}");
        } else {
            values.push(cum);
        }
    }
    Node {
        name: drawn.name.clone(),
        lines: box_lines(&drawn.name),
        values,
        font_size: font_size(drawn.font_size),
        score: score(drawn.cum, drawing.total),
        is_tag: false,
        link: String::new(),
    }
}

/// From 10 to 24 for sizes from 8: smaller letters than 10 cannot be read.
fn font_size(of: u32) -> f64 {
    10.0 + f64::from(of.saturating_sub(8)) * 14.0 / 16.0
}

fn edge(drawing: &Drawing, drawn: &DrawnEdge) -> Option<Edge> {
    let mut label = vec![drawing.value(drawn.weight)];
    if drawn.is_inline {
        label.push("(inline)".to_owned());
    }
    Some(Edge {
        from: drawn.from.checked_sub(1)?,
        to: drawn.to.checked_sub(1)?,
        label,
        weight: 1 + (score(drawn.weight, drawing.total).abs().min(1.0) * 999.0) as u64,
        score: score(drawn.weight, drawing.total),
        is_residual: drawn.is_residual,
    })
}

fn tag(drawing: &Drawing, nodelet: &Nodelet) -> Node {
    Node {
        // The names of sets of labels have `\n` between labels, as two characters.
        lines: nodelet.name.split("\\n").flat_map(lines::of_text).collect(),
        is_tag: true,
        font_size: font_size(8),
        name: format!("{}: {}", nodelet.name.replace("\\n", ", "), drawing.value(nodelet.weight)),
        ..Node::named("")
    }
}

/// The lines of a box: an address, the function, the file and line, as far as they are in the name.
fn box_lines(name: &str) -> Vec<String> {
    let is_address = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (address, rest) = match name.split_once(' ') {
        Some((first, rest)) if is_address(first) => (Some(first), rest),
        _ => (None, name),
    };
    let is_file = |word: &str| word.contains(['/', '.']) && !word.contains(['<', '>', '(', ')', '{', '}']);
    let (function, file) = match rest.rsplit_once(' ') {
        Some((function, file)) if is_file(file) => (function, Some(file)),
        _ => (rest, None),
    };
    let function = if function.contains("::") { function.to_owned() } else { short_name(function) };
    let mut shown: Vec<String> = address.map(str::to_owned).into_iter().collect();
    shown.extend(lines::of(&function));
    shown.extend(file.map(|file| file.rsplit('/').next().unwrap_or(file).to_owned()));
    shown
}

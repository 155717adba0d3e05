//! Boxes and edges, their sizes by their text, and their places.

use super::{lines, width};
use crate::layout::{Layout, Link, Size, place};
use crate::stop::{Stop, Stopped};

/// Space between a border and text, as a share of the font size.
const PADDING: f64 = 0.6;
/// From line to line, as a share of the font size.
pub(super) const LINE: f64 = 1.18;
/// Font size of labels of edges.
pub(super) const EDGE_FONT: f64 = 12.0;

/// A box.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The whole name.
    pub name: String,
    /// The name as lines.
    pub lines: Vec<String>,
    /// The lines below it: values.
    pub values: Vec<String>,
    /// Of its letters.
    pub font_size: f64,
    /// Its share of the total with what it calls, from -1 to 1: its colour.
    pub score: f64,
    /// It is a label of samples, not a function.
    pub is_tag: bool,
    /// In a page: the address that it leads to; empty if there is none.
    pub link: String,
}

impl Node {
    /// One without values, of the smallest size.
    pub fn named(name: &str) -> Node {
        Node {
            name: name.to_owned(),
            lines: lines::of(name),
            values: Vec::new(),
            font_size: 8.0,
            score: 0.0,
            is_tag: false,
            link: String::new(),
        }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        let texts = self.lines.iter().chain(&self.values);
        let widest = texts.map(|line| width::of(line, self.font_size)).fold(0.0, f64::max);
        let count = (self.lines.len() + self.values.len()) as f64;
        Size {
            width: widest + 2.0 * PADDING * self.font_size + 6.0,
            height: count * LINE * self.font_size + PADDING * self.font_size + 4.0,
        }
    }
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edge {
    /// The position of the box where it begins.
    pub from: usize,
    /// The position of the box where it ends.
    pub to: usize,
    /// The lines of its label.
    pub label: Vec<String>,
    /// Heavier ones are shorter and straighter.
    pub weight: u64,
    /// Its share of the total, from -1 to 1.
    pub score: f64,
    /// Boxes between the two are left out.
    pub is_residual: bool,
}

impl Edge {
    /// The size of its label.
    fn label_size(&self) -> Size {
        let widest = self.label.iter().map(|line| width::of(line, EDGE_FONT)).fold(0.0, f64::max);
        let height = self.label.len() as f64 * LINE * EDGE_FONT;
        if self.label.is_empty() { Size::default() } else { Size { width: widest + 2.0, height } }
    }

    /// The width of its line, from 1 to 6.
    pub fn line_width(&self) -> f64 {
        1.0 + (self.score.abs() * 5.0).floor().clamp(0.0, 5.0)
    }
}

/// Boxes and edges in their places.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Picture {
    /// What it shows: the title of the file.
    pub title: String,
    /// What it shows, for screen readers.
    pub about: String,
    /// Lines of the legend.
    pub legend: Vec<String>,
    /// The boxes, the most important first.
    pub nodes: Vec<Node>,
    /// The edges.
    pub edges: Vec<Edge>,
    /// Where they are.
    pub layout: Layout,
}

impl Picture {
    /// Places boxes and edges.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn arrange(
        title: &str,
        legend: Vec<String>,
        nodes: Vec<Node>,
        edges: Vec<Edge>,
        stop: Stop<'_>,
    ) -> Result<Picture, Stopped> {
        let sizes: Vec<Size> = nodes.iter().map(Node::size).collect();
        let link = |edge: &Edge| Link {
            from: edge.from,
            to: edge.to,
            weight: edge.weight,
            label: edge.label_size(),
        };
        let links: Vec<Link> = edges.iter().map(link).collect();
        let layout = place(&sizes, &links, stop)?;
        let about = format!("Call graph: {} functions, {} calls", nodes.len(), edges.len());
        Ok(Picture { title: title.to_owned(), about, legend, nodes, edges, layout })
    }
}

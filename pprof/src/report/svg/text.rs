//! A picture as SVG.

use std::fmt::Write as _;

use super::escape::{escaped, push};
use super::model::{EDGE_FONT, LINE};
use super::{Edge, Node, Picture, heat, width};
use crate::layout::{Point, Route};
use crate::report::dot::color;

/// Fonts whose widths boxes are made for.
const FONTS: &str = "Helvetica, Arial, &quot;Liberation Sans&quot;, sans-serif";
const LEGEND_FONT: f64 = 14.0;

/// Where the SVG is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A file of its own, with the legend.
    File,
    /// An element of an HTML page, which shows the legend itself: boxes are links, with `data-name` and
    /// `data-values`, edges have `data-from` and `data-to`.
    Page,
}

impl Picture {
    /// The SVG document or element.
    pub fn svg(&self, of: Use) -> String {
        let mut to = String::new();
        // Writing to a string does not fail.
        let _ = self.write(of, &mut to);
        to
    }

    fn write(&self, of: Use, to: &mut String) -> std::fmt::Result {
        let legend = if of == Use::File { self.legend_size() } else { (0.0, 0.0) };
        let width = self.layout.size.width.max(legend.0 + 16.0);
        let height = self.layout.size.height + legend.1;
        let about = escaped(&self.about);
        match of {
            Use::File => {
                writeln!(to, r#"<?xml version="1.0" encoding="UTF-8" standalone="no"?>"#)?;
                writeln!(
                    to,
                    r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.1} {height:.1}" role="img" aria-labelledby="title about" font-family="{FONTS}">"#
                )?;
                let (title, legend) = (escaped(&self.title), escaped(&self.legend.join("; ")));
                writeln!(to, r#"<title id="title">{title}</title>"#)?;
                writeln!(to, r#"<desc id="about">{about}. {legend}</desc>"#)?;
                writeln!(to, r##"<rect class="paper" width="100%" height="100%" fill="#ffffff"/>"##)?;
                self.write_legend(to)?;
            }
            Use::Page => writeln!(
                to,
                r#"<svg xmlns="http://www.w3.org/2000/svg" id="graph" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.1} {height:.1}" role="group" aria-label="{about}" font-family="{FONTS}">"#
            )?,
        }
        writeln!(to, r#"<g id="picture" transform="translate(0 {:.1})">"#, legend.1)?;
        // In a page, callers and callees of a box are beside the picture as text.
        let hidden = if of == Use::Page { r#" aria-hidden="true""# } else { "" };
        writeln!(to, r#"<g id="edges" fill="none"{hidden}>"#)?;
        for (number, (edge, route)) in self.edges.iter().zip(&self.layout.routes).enumerate() {
            self.write_edge(number, edge, route, to)?;
        }
        writeln!(to, "</g>\n<g id=\"nodes\" text-anchor=\"middle\">")?;
        for (number, (node, middle)) in self.nodes.iter().zip(&self.layout.nodes).enumerate() {
            write_node(number, node, *middle, of, to)?;
        }
        writeln!(to, "</g>\n</g>\n</svg>")
    }

    fn legend_size(&self) -> (f64, f64) {
        if self.legend.is_empty() {
            return (0.0, 0.0);
        }
        let widest = self.legend.iter().map(|line| width::of(line, LEGEND_FONT)).fold(0.0, f64::max);
        (widest + 24.0, self.legend.len() as f64 * LEGEND_FONT * LINE + 30.0)
    }

    fn write_legend(&self, to: &mut String) -> std::fmt::Result {
        let (width, height) = self.legend_size();
        if height == 0.0 {
            return Ok(());
        }
        writeln!(to, r#"<g id="legend" font-size="{LEGEND_FONT}">"#)?;
        writeln!(
            to,
            r##"<rect x="8" y="8" width="{width:.1}" height="{:.1}" fill="#f8f8f8" stroke="#000000"/>"##,
            height - 18.0
        )?;
        for (at, line) in self.legend.iter().enumerate() {
            let y = 8.0 + 4.0 + (at as f64 + 0.8) * LEGEND_FONT * LINE;
            write!(to, r#"<text xml:space="preserve" x="18" y="{y:.1}">"#)?;
            push(to, line);
            writeln!(to, "</text>")?;
        }
        writeln!(to, "</g>")
    }

    fn write_edge(&self, number: usize, edge: &Edge, route: &Route, to: &mut String) -> std::fmt::Result {
        let (Some(end), true) = (route.points.last(), route.points.len() >= 4) else { return Ok(()) };
        let (line, width) = (color(edge.score, false), edge.line_width());
        let upward = if route.is_upward { " upward" } else { "" };
        writeln!(
            to,
            r#"<g id="edge{number}" class="edge heat-{}{upward}" data-from="{}" data-to="{}">"#,
            heat(edge.score),
            edge.from,
            edge.to
        )?;
        to.push_str("<title>");
        push(to, self.nodes.get(edge.from).map_or("", |of| &of.name));
        to.push_str(if edge.is_residual { " ... " } else { " -&gt; " });
        push(to, self.nodes.get(edge.to).map_or("", |of| &of.name));
        to.push_str(" (");
        push(to, &edge.label.join(" "));
        to.push_str(")</title>\n");
        let (head, tip, left, right) = arrow(&route.points, *end, width);
        let dashes = if edge.is_residual { r#" stroke-dasharray="3 5""# } else { "" };
        write!(to, r#"<path class="line" stroke="{}" stroke-width="{width}"{dashes} d=""#, line)?;
        let last = route.points.len() - 1;
        for (at, point) in route.points.iter().enumerate() {
            let point = if at == last { head } else { *point };
            let command = match at {
                0 => "M",
                _ if at % 3 == 1 => "C",
                _ => " ",
            };
            write!(to, "{command}{:.1},{:.1}", point.x, point.y)?;
        }
        writeln!(to, r#""/>"#)?;
        writeln!(
            to,
            r#"<polygon class="head" fill="{}" points="{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}"/>"#,
            line, tip.x, tip.y, left.x, left.y, right.x, right.y
        )?;
        for (at, line) in edge.label.iter().enumerate() {
            let y = route.label.y + (at as f64 + 0.8) * EDGE_FONT * LINE;
            write!(
                to,
                r##"<text class="label" x="{:.1}" y="{y:.1}" font-size="{EDGE_FONT}" fill="#000000" stroke="#ffffff" stroke-width="3" paint-order="stroke">"##,
                route.label.x
            )?;
            push(to, line);
            writeln!(to, "</text>")?;
        }
        writeln!(to, "</g>")
    }
}

/// Where the line ends and the corners of the arrow's head: the head ends at the border of the box.
fn arrow(points: &[Point], tip: Point, width: f64) -> (Point, Point, Point, Point) {
    let from = points.iter().rev().find(|point| (point.x - tip.x).hypot(point.y - tip.y) > 1.0);
    let from = from.copied().unwrap_or(Point { x: tip.x, y: tip.y - 1.0 });
    let length = (tip.x - from.x).hypot(tip.y - from.y).max(0.001);
    let (dx, dy) = ((tip.x - from.x) / length, (tip.y - from.y) / length);
    let (long, half) = ((6.0 + width).min(11.0), 2.6 + width * 0.8);
    let back = Point { x: tip.x - dx * long, y: tip.y - dy * long };
    let corner = |side: f64| Point { x: back.x - dy * half * side, y: back.y + dx * half * side };
    (back, tip, corner(1.0), corner(-1.0))
}

fn write_node(number: usize, node: &Node, middle: Point, of: Use, to: &mut String) -> std::fmt::Result {
    let (line, area) = (color(node.score, false), color(node.score, true));
    let size = node.size();
    let kind = if node.is_tag { "tag" } else { "node" };
    let about = if node.values.is_empty() {
        node.name.clone()
    } else {
        format!("{} ({})", node.name, node.values.join(" "))
    };
    let is_link = of == Use::Page && !node.link.is_empty();
    let element = if is_link { "a" } else { "g" };
    write!(to, r#"<{element} id="node{number}" class="{kind} heat-{}""#, heat(node.score))?;
    if is_link {
        write!(to, r#" href="{}" data-name="{}""#, escaped(&node.link), escaped(&node.name))?;
    }
    if of == Use::Page {
        write!(to, r#" aria-label="{}" data-values="{}""#, escaped(&about), escaped(&node.values.join(" ")))?;
    }
    writeln!(to, ">\n<title>{}</title>", escaped(&about))?;
    let (left, top) = (middle.x - size.width / 2.0, middle.y - size.height / 2.0);
    let round = if node.is_tag { r#" rx="4""# } else { "" };
    writeln!(
        to,
        r#"<rect class="box" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"{round} fill="{}" stroke="{}"/>"#,
        size.width, size.height, area, line
    )?;
    let count = (node.lines.len() + node.values.len()) as f64;
    let first = middle.y - count * LINE * node.font_size / 2.0 + 0.84 * node.font_size;
    for (at, line) in node.lines.iter().chain(&node.values).enumerate() {
        let class = if at < node.lines.len() { "name" } else { "value" };
        write!(
            to,
            r##"<text class="{class}" x="{:.1}" y="{:.1}" font-size="{}" fill="#000000">"##,
            middle.x,
            first + at as f64 * LINE * node.font_size,
            node.font_size
        )?;
        push(to, line);
        writeln!(to, "</text>")?;
    }
    writeln!(to, "</{element}>")
}

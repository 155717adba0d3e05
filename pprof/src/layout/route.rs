//! Edges as smooth curves along their virtual nodes, and the size of the picture.

use super::chains::{Chains, LABEL_GAP, LOOP};
use super::cycles::Arrow;
use super::picture::{BETWEEN, Layout, Link, MARGIN, Point, Route, Size};

/// Ranks at most this high are passed at an angle: those of labels of one or two lines.
const LOW: f64 = 40.0;

/// Everything in its place.
pub(super) fn draw(nodes: &[Size], links: &[Link], arrows: &[Arrow], chains: &Chains, xs: &[f64]) -> Layout {
    let mut bands: Vec<(f64, f64)> = Vec::with_capacity(chains.heights.len());
    let mut y = MARGIN;
    for (rank, height) in chains.heights.iter().enumerate() {
        if rank > 0 {
            y += BETWEEN;
        }
        bands.push((y, y + height));
        y += height;
    }
    let band = |node: u32| bands[chains.rank_of[node as usize] as usize];
    let x = |node: u32| xs[node as usize] + MARGIN;
    let middle = |node: usize| {
        let (top, bottom) = band(node as u32);
        Point { x: x(node as u32), y: (top + bottom) / 2.0 }
    };
    let points: Vec<Point> = (0..nodes.len()).map(middle).collect();
    let nothing = Route { points: Vec::new(), label: Point::default(), is_upward: false };
    let mut routes = vec![nothing; links.len()];
    for (number, arrow) in arrows.iter().enumerate() {
        let mut way: Vec<Point> = Vec::new();
        let (above, below) = (points[arrow.above], points[arrow.below]);
        let chain = &chains.virtual_nodes[number];
        // At the border of a box, toward where the edge goes, but not near its corners.
        let toward = |from: Point, size: Size, to: f64| {
            from.x + (to - from.x).clamp(-size.width * 0.3, size.width * 0.3)
        };
        let first = chain.first().map_or(below.x, |node| x(*node));
        let last = chain.last().map_or(above.x, |node| x(*node));
        let (size_above, size_below) = (nodes[arrow.above], nodes[arrow.below]);
        let start = Point { x: toward(above, size_above, first), y: above.y + size_above.height / 2.0 };
        let end = Point { x: toward(below, size_below, last), y: below.y - size_below.height / 2.0 };
        way.push(start);
        // Straight along higher boxes of the same rank, if the edge would cross their place.
        let floor = band(arrow.above as u32).1;
        if floor > start.y + 1.0 && (first - above.x).abs() > size_above.width / 2.0 {
            way.push(Point { y: floor, ..start });
        }
        for node in chain {
            let (top, bottom) = band(*node);
            if bottom - top > LOW {
                way.push(Point { x: x(*node), y: top });
                way.push(Point { x: x(*node), y: bottom });
            } else {
                way.push(Point { x: x(*node), y: (top + bottom) / 2.0 });
            }
        }
        let ceiling = band(arrow.below as u32).0;
        if ceiling < end.y - 1.0 && (last - below.x).abs() > size_below.width / 2.0 {
            way.push(Point { y: ceiling, ..end });
        }
        way.push(end);
        let label = match chains.labels[number] {
            Some(node) => {
                let (top, bottom) = band(node);
                let height = links[arrow.link].label.height;
                Point { x: x(node) + LABEL_GAP, y: (top + bottom - height) / 2.0 }
            }
            None => Point { x: (above.x + below.x) / 2.0 + LABEL_GAP, y: (above.y + below.y) / 2.0 },
        };
        let mut curve = smooth(&way);
        if arrow.is_turned {
            curve.reverse();
        }
        routes[arrow.link] = Route { points: curve, label, is_upward: arrow.is_turned };
    }
    for (route, link) in routes.iter_mut().zip(links) {
        if link.from == link.to && link.from < nodes.len() {
            *route = around(points[link.from], nodes[link.from], link.label);
        }
    }
    let right = xs.iter().zip(&chains.extents).map(|(x, (_, right))| x + right).fold(0.0, f64::max);
    Layout { size: Size { width: right + 2.0 * MARGIN, height: y + MARGIN }, nodes: points, routes }
}

/// The loop of a node that calls itself, on its right.
fn around(middle: Point, size: Size, label: Size) -> Route {
    let right = middle.x + size.width / 2.0;
    let at = |x: f64, share: f64| Point { x, y: middle.y + size.height * share };
    Route {
        points: vec![
            at(right, 0.2),
            at(right + LOOP * 1.2, 0.35),
            at(right + LOOP * 1.2, -0.35),
            at(right, -0.2),
        ],
        label: Point { x: right + LOOP + LABEL_GAP - 2.0, y: middle.y - label.height / 2.0 },
        is_upward: false,
    }
}

/// A smooth path through points of growing y: x as a function of y by cubic curves that never swing beyond the points
/// (Fritsch and Carlson's condition, by the harmonic mean of the slopes).
fn smooth(way: &[Point]) -> Vec<Point> {
    let slope = |a: &Point, b: &Point| if b.y > a.y { (b.x - a.x) / (b.y - a.y) } else { 0.0 };
    let slopes: Vec<f64> = way.windows(2).map(|pair| slope(&pair[0], &pair[1])).collect();
    let tangent = |at: usize| match (at.checked_sub(1).and_then(|before| slopes.get(before)), slopes.get(at))
    {
        (Some(before), Some(after)) if before * after > 0.0 => 2.0 * before * after / (before + after),
        (Some(_), Some(_)) | (None, None) => 0.0,
        // A little steeper than the line to the next point.
        (None, Some(end)) | (Some(end), None) => *end * 0.8,
    };
    let mut curve = Vec::with_capacity(way.len() * 3);
    for (at, pair) in way.windows(2).enumerate() {
        let (a, b) = (pair[0], pair[1]);
        if at == 0 {
            curve.push(a);
        }
        let third = (b.y - a.y) / 3.0;
        curve.push(Point { x: a.x + tangent(at) * third, y: a.y + third });
        curve.push(Point { x: b.x - tangent(at + 1) * third, y: b.y - third });
        curve.push(b);
    }
    curve
}

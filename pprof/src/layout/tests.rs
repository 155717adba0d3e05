//! What holds for every picture, on graphs that look random, and the time of large ones in steps.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::picture::*;
use super::*;
use crate::stop::Stop;

/// A sequence of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

fn graph(seed: u64, count: usize, edges: usize) -> (Vec<Size>, Vec<Link>) {
    let mut numbers = Numbers(seed);
    let size = |numbers: &mut Numbers| Size {
        width: 40.0 + numbers.below(120) as f64,
        height: 20.0 + numbers.below(60) as f64,
    };
    let nodes = (0..count).map(|_| size(&mut numbers)).collect();
    let links = (0..edges).map(|_| Link {
        from: numbers.below(count),
        to: numbers.below(count),
        weight: numbers.below(1000) as u64,
        label: Size { width: 30.0, height: 12.0 },
    });
    (nodes, links.collect())
}

/// Asserts what holds for every picture.
fn check(nodes: &[Size], links: &[Link], placed: &Layout) {
    assert_eq!((placed.nodes.len(), placed.routes.len()), (nodes.len(), links.len()));
    let sides = |at: usize| {
        let (point, size) = (placed.nodes[at], nodes[at]);
        let (w, h) = (size.width / 2.0, size.height / 2.0);
        (point.x - w, point.x + w, point.y - h, point.y + h)
    };
    for a in 0..nodes.len() {
        let (left, right, top, bottom) = sides(a);
        assert!(left >= 0.0 && top >= 0.0 && right <= placed.size.width && bottom <= placed.size.height);
        if nodes.len() <= 300 {
            for b in 0..a {
                let other = sides(b);
                let is_apart = right < other.0 || other.1 < left || bottom < other.2 || other.3 < top;
                assert!(is_apart, "{a} and {b} overlap");
            }
        }
    }
    for (link, route) in links.iter().zip(&placed.routes) {
        assert_eq!(route.points.len() % 3, 1);
        let inside = |point: &Point| {
            (-0.01..=placed.size.width + 0.01).contains(&point.x)
                && (-0.01..=placed.size.height + 0.01).contains(&point.y)
        };
        assert!(route.points.iter().all(inside), "{route:?} leaves {:?}", placed.size);
        if link.from != link.to {
            let (from, to) = (placed.nodes[link.from].y, placed.nodes[link.to].y);
            assert_eq!(route.is_upward, to < from, "{link:?}");
            let is_down = route.points.windows(2).all(|pair| pair[0].y <= pair[1].y + 0.001);
            let is_up = route.points.windows(2).all(|pair| pair[0].y + 0.001 >= pair[1].y);
            assert!(if route.is_upward { is_up } else { is_down });
        }
    }
}

#[test]
fn boxes_do_not_overlap_and_edges_run_down() {
    for seed in 0..60 {
        let mut numbers = Numbers(seed * 77 + 1);
        let count = 1 + numbers.below(90);
        let edges = numbers.below(count * 3);
        let (nodes, links) = graph(seed, count, edges);
        let placed = place(&nodes, &links, Stop::never()).expect("nothing stops it");
        check(&nodes, &links, &placed);
        assert_eq!(placed, place(&nodes, &links, Stop::never()).expect("as above"), "deterministic");
    }
}

#[test]
fn a_tree_is_above_its_children_and_a_graph_without_cycles_has_no_edge_upward() {
    let nodes = vec![Size { width: 50.0, height: 20.0 }; 40];
    let links: Vec<Link> = (1..40usize)
        .map(|to| Link { from: (to - 1) / 3, to, weight: 1, label: Size { width: 20.0, height: 10.0 } })
        .collect();
    let placed = place(&nodes, &links, Stop::never()).expect("nothing stops it");
    check(&nodes, &links, &placed);
    assert!(placed.routes.iter().all(|route| !route.is_upward));
    // The root is above the middle of its children, and no two edges cross: children keep the order of parents.
    let children: Vec<f64> = (1..4).map(|at| placed.nodes[at].x).collect();
    let (low, high) =
        (children.iter().copied().fold(f64::MAX, f64::min), children.iter().copied().fold(0.0, f64::max));
    assert!((low..=high).contains(&placed.nodes[0].x));
}

#[test]
fn odd_input_is_placed() {
    assert_eq!(place(&[], &[], Stop::never()).expect("nothing stops it").nodes, []);
    let nodes = [Size { width: f64::NAN, height: f64::INFINITY }, Size { width: -5.0, height: 1e300 }];
    let link = |from, to| Link { from, to, weight: u64::MAX, label: Size { width: f64::NAN, height: 1.0 } };
    let links = [link(0, 1), link(1, 0), link(0, 0), link(0, 9), link(7, 0), link(0, 1)];
    let placed = place(&nodes, &links, Stop::never()).expect("nothing stops it");
    assert!(placed.size.width.is_finite() && placed.size.height.is_finite());
    assert!(placed.routes[3].points.is_empty() && placed.routes[4].points.is_empty());
    assert!(place(&nodes, &links, Stop::when(&|| true)).is_err());
}

#[test]
fn twenty_thousand_nodes_take_bounded_steps() {
    let line = |from: usize| Link { from, to: from + 1, weight: 1, label: Size::default() };
    let deep: Vec<Link> = (0..19_999).map(line).collect();
    let long: Vec<Link> = (0..19_999).map(line).chain((1..19_999).map(|to| Link { to, ..line(0) })).collect();
    let star: Vec<Link> = (1..20_000).map(|to| Link { to, ..line(0) }).collect();
    let (nodes, random) = graph(3, 20_000, 60_000);
    for links in [deep, long, star, random] {
        let asked = AtomicUsize::new(0);
        let count = || {
            asked.fetch_add(1, Ordering::Relaxed);
            false
        };
        let placed = place(&nodes, &links, Stop::when(&count)).expect("nothing stops it");
        check(&nodes, &links, &placed);
        // It asks by rank and sweep, so often enough to stop soon, and not for every node.
        let asked = asked.load(Ordering::Relaxed);
        assert!((5..20_000).contains(&asked), "{asked}");
    }
}

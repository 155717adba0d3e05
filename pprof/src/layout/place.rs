//! All passes, one after the other.

use super::picture::{Layout, Link, Size};
use super::{chains, columns, cycles, order, ranks, route};
use crate::stop::{Stop, Stopped};

/// Above this number of nodes and edges passes are cheaper: labels of edges get no room of their own.
const LARGE: usize = 3_000;

/// Places nodes and edges. Sizes that are not finite count as 0.
///
/// # Errors
/// [`Stopped`].
pub fn place(nodes: &[Size], links: &[Link], stop: Stop<'_>) -> Result<Layout, Stopped> {
    let finite = |value: f64| if value.is_finite() { value.clamp(0.0, 100_000.0) } else { 0.0 };
    let finite = |size: &Size| Size { width: finite(size.width), height: finite(size.height) };
    let nodes: Vec<Size> = nodes.iter().map(finite).collect();
    let is_large = nodes.len() + links.len() > LARGE;
    let links: Vec<Link> = links
        .iter()
        .map(|link| Link { label: if is_large { Size::default() } else { finite(&link.label) }, ..*link })
        .collect();
    stop.check()?;
    let arrows = cycles::downward(nodes.len(), &links);
    let ranks = ranks::of(nodes.len(), &arrows, stop)?;
    let mut chains = chains::build(&nodes, &links, &arrows, &ranks);
    order::reduce_crossings(&mut chains, stop)?;
    let xs = columns::of(&chains, stop)?;
    Ok(route::draw(&nodes, &links, &arrows, &chains, &xs))
}

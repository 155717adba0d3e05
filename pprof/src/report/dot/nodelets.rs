//! Nodelets: small boxes below a node for its tags.

use crate::graph::{NodeTags, Tag, sort_tags};
use crate::measurement::{label, scale, truncated};

/// Nodelets of a node for texts, and of each of these for numbers.
const MOST_NODELETS: usize = 4;

/// A box for a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nodelet {
    /// Its number below what it hangs on; some may be missing.
    pub number: usize,
    /// What it says.
    pub name: String,
    /// The value of the samples with the tag, not yet divided by `divide_by`.
    pub weight: i64,
    /// Whether a part of the value is of what the node calls.
    pub is_dotted: bool,
    /// Boxes for numbers below it.
    pub below: Vec<Nodelet>,
}

/// The nodelets of a node: those by text labels, then those by number. `by_flat`: of the value of the node itself.
pub(super) fn of(tags: &NodeTags, by_flat: bool) -> (Vec<Nodelet>, Vec<Nodelet>) {
    let numbers_of = |texts: &str| {
        let tags = tags.numbers.iter().find(|(of, _)| of == texts);
        tags.map_or_else(Vec::new, |(_, tags)| numbers(tags, by_flat))
    };
    let mut texts = tags.texts.clone();
    sort_tags(&mut texts, by_flat);
    let nodelet = |(number, tag): (usize, Tag)| {
        let weight = if by_flat { tag.flat() } else { tag.cum() };
        let below = if weight == 0 { Vec::new() } else { numbers_of(&tag.name) };
        Nodelet { number, name: tag.name, weight, is_dotted: false, below }
    };
    let shown = texts.into_iter().take(MOST_NODELETS).enumerate().map(nodelet);
    (shown.filter(|nodelet| nodelet.weight != 0).collect(), numbers_of(""))
}

/// Nodelets for numbers, near ones together.
fn numbers(tags: &[Tag], by_flat: bool) -> Vec<Nodelet> {
    let nodelet = |(number, tag): (usize, Tag)| {
        let is_flat = by_flat || tag.flat() == tag.cum();
        let weight = if is_flat { tag.flat() } else { tag.cum() };
        Nodelet { number, name: tag.name, weight, is_dotted: !is_flat, below: Vec::new() }
    };
    let all = collapsed(tags, by_flat).into_iter().enumerate().map(nodelet);
    all.filter(|nodelet| nodelet.weight != 0).collect()
}

/// At most [`MOST_NODELETS`] tags: the others join the nearest of the largest.
fn collapsed(tags: &[Tag], by_flat: bool) -> Vec<Tag> {
    let mut tags = tags.to_vec();
    sort_tags(&mut tags, by_flat);
    if tags.len() <= MOST_NODELETS {
        return tags;
    }
    let others = tags.split_off(MOST_NODELETS);
    let mut groups: Vec<Vec<Tag>> = tags.into_iter().map(|tag| vec![tag]).collect();
    for tag in others {
        let mut nearest = (f64::INFINITY, 0);
        for (at, group) in groups.iter().enumerate() {
            let distance = group.first().map_or(f64::INFINITY, |first| distance(&tag, first));
            if distance < nearest.0 {
                nearest = (distance, at);
            }
        }
        if let Some(group) = groups.get_mut(nearest.1) {
            group.push(tag);
        }
    }
    let mut joined: Vec<Tag> = groups.iter().filter_map(|group| join(group)).collect();
    sort_tags(&mut joined, by_flat);
    joined
}

fn distance(tag: &Tag, other: &Tag) -> f64 {
    (scale(other.number, &other.unit, &tag.unit).0 - tag.number as f64).abs()
}

/// One tag for a group: `1kB..4kB`.
fn join(group: &[Tag]) -> Option<Tag> {
    let first = group.first()?;
    let (mut least, mut most) = (first, first);
    let mut value = crate::graph::Value::default();
    for tag in group {
        if truncated(scale(tag.number, &tag.unit, &least.unit).0) < least.number {
            least = tag;
        }
        if truncated(scale(tag.number, &tag.unit, &most.unit).0) > most.number {
            most = tag;
        }
        let of = &tag.value;
        value.flat = value.flat.wrapping_add(of.flat);
        value.flat_divisor = value.flat_divisor.wrapping_add(of.flat_divisor);
        value.cum = value.cum.wrapping_add(of.cum);
        value.cum_divisor = value.cum_divisor.wrapping_add(of.cum_divisor);
    }
    let name = |tag: &Tag| label(tag.number, &tag.unit, "auto");
    let name = if group.len() == 1 { name(first) } else { format!("{}..{}", name(least), name(most)) };
    // From here on it is divided.
    let value = crate::graph::Value { flat: value.flat(), cum: value.cum(), ..Default::default() };
    Some(Tag { name, value, ..Tag::default() })
}

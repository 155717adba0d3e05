//! Tags: the part of a node's value that samples with certain labels have.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::measurement::label;
use crate::profile::{BASE_KEY, Label, LabelValue, TextId, Texts};
use crate::refine::Refined;

use super::parts::{NodeId, Value, divided};
use super::{GraphError, Weight, Work};

/// The key of numbers that become tags.
const NUMBERS: &str = "bytes";
/// Bytes of a text that count as one part of the graph.
const PART_BYTES: usize = 128;

/// The part of a node's value with one set of text labels, or with one number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tag {
    /// `thread:main`, or a number with its unit.
    pub name: String,
    /// The unit of the number; empty for text labels.
    pub unit: String,
    /// The number; 0 for text labels.
    pub number: i64,
    /// The values.
    pub value: Value,
}

impl Tag {
    /// The value of the node itself.
    pub fn flat(&self) -> i64 {
        divided(self.value.flat, self.value.flat_divisor)
    }

    /// The value of the node and what it calls.
    pub fn cum(&self) -> i64 {
        divided(self.value.cum, self.value.cum_divisor)
    }
}

/// The tags of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeTags {
    /// By the text labels of the samples.
    pub texts: Vec<Tag>,
    /// Those by number; for each set of text labels they are apart, the empty one included.
    pub numbers: Vec<(String, Vec<Tag>)>,
}

impl NodeTags {
    /// Removes tags with less than `least`.
    pub(super) fn trim(&mut self, least: i64) {
        let is_enough =
            |tag: &Tag| tag.value.flat.wrapping_abs() >= least || tag.value.cum.wrapping_abs() >= least;
        self.texts.retain(is_enough);
        for (_, tags) in &mut self.numbers {
            tags.retain(is_enough);
        }
    }

    /// How many have a value of the node itself.
    pub(super) fn count(&self) -> usize {
        let numbers = self.numbers.iter().flat_map(|(_, tags)| tags);
        self.texts.iter().chain(numbers).filter(|tag| tag.value.flat != 0).count()
    }
}

/// Sorts tags by value, the largest first, then by name. `by_flat`: by the value of the node itself.
pub fn sort_tags(tags: &mut [Tag], by_flat: bool) {
    let size = |value: i64| std::cmp::Reverse(value.wrapping_abs());
    tags.sort_by(|left, right| {
        let (one, other) = (&left.value, &right.value);
        // Values that differ only in their sign are equal: sorting panics if they were only so to each other.
        let by_cum = if by_flat { Ordering::Equal } else { size(one.cum).cmp(&size(other.cum)) };
        by_cum.then_with(|| size(one.flat).cmp(&size(other.flat))).then_with(|| left.name.cmp(&right.name))
    });
}

/// The unit of the numbers that become tags.
pub(super) fn unit_of_numbers(refined: &Refined) -> &str {
    refined.label_units.get(NUMBERS).map_or("", String::as_str)
}

/// Counts the tags of nodes.
pub(super) struct Collector {
    nodes: usize,
    /// Names of sets of text labels and of numbers.
    names: Texts,
    /// By set of labels.
    sets: Vec<SetTags>,
    /// From node, text labels and number (0: none) to the position in `found`.
    known: HashMap<(NodeId, u32, u32), usize>,
    found: Vec<(NodeId, u32, bool, Tag)>,
}

/// The tags of a set of labels.
#[derive(Debug, Default)]
struct SetTags {
    /// The name of its text labels; 0 if it has none.
    texts: u32,
    /// Its numbers: name and value.
    numbers: Vec<(u32, i64)>,
}

impl Collector {
    pub(super) fn new(refined: &Refined, nodes: usize, work: &mut Work<'_>) -> Result<Collector, GraphError> {
        let profile = &refined.profile;
        let unit = unit_of_numbers(refined);
        let mut names = Texts::new();
        let mut set_tags = |labels: &[Label]| {
            work.add_frames(1 + labels.len())?;
            let (mut texts, mut numbers) = (Vec::new(), Vec::new());
            for of in labels {
                let key = profile.text(of.key);
                match of.value {
                    LabelValue::Text(text) if key != BASE_KEY => {
                        texts.push(format!("{key}:{}", profile.text(text)))
                    }
                    LabelValue::Number { value, .. } if key == NUMBERS => {
                        numbers.push((names.intern(&label(value, unit, &refined.settings.unit)).0, value));
                    }
                    _ => {}
                }
            }
            texts.sort();
            let texts = texts.join("\\n");
            for _ in 0..texts.len() / PART_BYTES {
                work.add_part()?;
            }
            Ok(SetTags { texts: names.intern(&texts).0, numbers })
        };
        let sets = profile.label_sets.iter().map(&mut set_tags).collect::<Result<_, GraphError>>()?;
        Ok(Collector { nodes, names, sets, known: HashMap::new(), found: Vec::new() })
    }

    /// Whether there is any tag.
    pub(super) fn has_any(&self) -> bool {
        self.sets.iter().any(|set| set.texts != 0 || !set.numbers.is_empty())
    }

    /// Counts a value of a node.
    pub(super) fn add(
        &mut self,
        node: NodeId,
        weight: &Weight,
        is_flat: bool,
        work: &mut Work<'_>,
    ) -> Result<(), GraphError> {
        let Some(set) = self.sets.get(weight.labels as usize) else { return Ok(()) };
        let text = (set.texts != 0).then_some((0, 0, false));
        let numbers = set.numbers.iter().map(|(name, number)| (*name, *number, true));
        for (name, number, is_number) in text.into_iter().chain(numbers) {
            let next = self.found.len();
            let at = *self.known.entry((node, set.texts, name)).or_insert(next);
            if at == next {
                work.add_part()?;
                self.found.push((node, set.texts, is_number, Tag { number, ..Tag::default() }));
                let shown = if is_number { name } else { set.texts };
                if let Some((_, _, _, tag)) = self.found.last_mut() {
                    tag.name = self.names.get(TextId(shown)).to_owned();
                }
            }
            let value = &mut self.found[at].3.value;
            if is_flat {
                value.add_flat(weight.value, weight.divisor);
            } else {
                value.add_cum(weight.value, weight.divisor);
            }
        }
        Ok(())
    }

    /// The tags of each node. `unit` is that of the numbers.
    pub(super) fn finish(self, unit: &str, work: &mut Work<'_>) -> Result<Vec<NodeTags>, GraphError> {
        let mut of_nodes = vec![NodeTags::default(); self.nodes];
        // From node and text labels to the position in its numbers.
        let mut positions: HashMap<(NodeId, u32), usize> = HashMap::new();
        for (node, texts, is_number, mut tag) in self.found {
            work.add_frames(1)?;
            let Some(of_node) = of_nodes.get_mut(node as usize) else { continue };
            if !is_number {
                of_node.texts.push(tag);
                continue;
            }
            tag.unit = unit.to_owned();
            let next = of_node.numbers.len();
            let at = *positions.entry((node, texts)).or_insert(next);
            if at == next {
                of_node.numbers.push((self.names.get(TextId(texts)).to_owned(), Vec::new()));
            }
            of_node.numbers[at].1.push(tag);
        }
        Ok(of_nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::sketch::sketch;
    use crate::{Format, Settings, Stop};

    #[test]
    fn tags_of_opposite_values_are_ordered_by_name() {
        let tag = |name: &str, cum| Tag {
            name: name.to_owned(),
            value: Value { cum, ..Value::default() },
            ..Tag::default()
        };
        let mut tags = [tag("d", -5), tag("c", 5), tag("b", -5), tag("a", 5), tag("e", 7)];
        sort_tags(&mut tags, false);
        assert_eq!(tags.map(|tag| tag.name), ["e", "a", "b", "c", "d"]);
    }

    #[test]
    fn tens_of_thousands_of_sets_of_labels_take_no_longer_each() {
        let lines: Vec<String> =
            (0..20_000).map(|at| format!("main 1,1 thread=t{at} bytes:{}:bytes", at % 3 + 1)).collect();
        let profile = sketch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let refined =
            Refined::of(&profile, &Settings::default(), Format::Dot, Stop::never()).expect("it is whole");
        let mut work = Work::new(Stop::never());
        let nodes = refined.profile.functions.len();
        let mut collector = Collector::new(&refined, nodes, &mut work).expect("it fits");
        for labels in 0..20_000 {
            let weight = Weight { stack: 0, labels, value: 1, divisor: 0 };
            collector.add(0, &weight, true, &mut work).expect("it fits");
        }
        let tags = collector.finish("bytes", &mut work).expect("it fits");
        assert_eq!((tags[0].texts.len(), tags[0].numbers.len()), (20_000, 20_000));
    }
}

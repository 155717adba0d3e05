//! A flame graph as compact JSON: columns of numbers, each text once.

use std::collections::HashMap;

use serde::Serialize;

use super::class::{Class, package};
use super::graph::Graph;
use super::stacks::{FrameId, Place, Stacks};
use super::tree::{NodeKind, Tree};
use crate::refine::Refined;

/// A flame graph for a page. In JSON it is about 20 bytes per node.
#[derive(Debug, Serialize)]
pub struct Data {
    /// What values are: `cpu`.
    pub kind: String,
    /// Their unit: `nanoseconds`.
    pub unit: String,
    /// By what values are multiplied before they are shown.
    pub scale: f64,
    /// What 100 % is.
    pub total: i64,
    /// Whether it is a comparison: then trees have `minus` and `own_minus`.
    pub diff: bool,
    /// The function in the middle, if there is one.
    pub pivot: Option<String>,
    /// Whether `below` is from the leaves.
    pub reversed: bool,
    /// How many frames are left out of the trees.
    pub left_out: usize,
    /// How many stacks lack their inner frames: the profile is too large.
    pub cut: usize,
    /// Names of classes, by their numbers.
    pub classes: Vec<&'static str>,
    /// The texts that `frames` refers to.
    pub texts: Vec<String>,
    /// The frames that the trees refer to, in columns.
    pub frames: FrameColumns,
    /// From the root, or the pivot, to the leaves.
    pub below: TreeColumns,
    /// From the pivot to its callers.
    pub above: Option<TreeColumns>,
}

/// Frames, in columns.
#[derive(Debug, Default, Serialize)]
pub struct FrameColumns {
    /// The frame as text, in [`Data::texts`].
    pub name: Vec<u32>,
    /// Its source file, in [`Data::texts`].
    pub file: Vec<u32>,
    /// Its crate or package, in [`Data::texts`].
    pub package: Vec<u32>,
    /// Its class, in [`Data::classes`].
    pub class: Vec<u8>,
}

/// A tree, in columns: parents before children, children by value.
#[derive(Debug, Serialize)]
pub struct TreeColumns {
    /// The position of the parent; that of the root is its own.
    pub parent: Vec<u32>,
    /// -1: the root. 2 × the position in [`Data::frames`], + 1 if it is inlined. -1 - N: N frames that are left out.
    pub frame: Vec<i64>,
    /// The sum of positive values.
    pub plus: Vec<u128>,
    /// The part of `plus` of stacks that end here.
    pub own_plus: Vec<u128>,
    /// The sum of negative values, without their sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minus: Option<Vec<u128>>,
    /// The part of `minus` of stacks that end here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_minus: Option<Vec<u128>>,
}

impl Data {
    /// `graph`, which is of the stacks of `refined`.
    pub fn new(graph: &Graph<'_>, refined: &Refined) -> Data {
        let is_diff = graph.stacks.is_diff();
        let mut used = Used::new(graph.stacks);
        let below = columns(&graph.below, is_diff, &mut used);
        let above = graph.above.as_ref().map(|tree| columns(tree, is_diff, &mut used));
        let divide_by = refined.settings.divide_by;
        Data {
            kind: refined.kind.clone(),
            unit: refined.unit.clone(),
            scale: if divide_by > 0.0 { 1.0 / divide_by } else { 1.0 },
            total: refined.total,
            diff: is_diff,
            pivot: graph.view.pivot.clone(),
            reversed: graph.view.is_reversed,
            left_out: graph.below.left_out + graph.above.as_ref().map_or(0, |tree| tree.left_out),
            cut: graph.stacks.cut(),
            classes: Class::ALL.iter().map(|class| class.name()).collect(),
            texts: used.texts,
            frames: used.frames,
            below,
            above,
        }
    }
}

fn columns(tree: &Tree, is_diff: bool, used: &mut Used<'_>) -> TreeColumns {
    let of_diff = |of: fn(&super::tree::Node) -> u128| is_diff.then(|| tree.nodes.iter().map(of).collect());
    TreeColumns {
        parent: tree.nodes.iter().map(|node| node.parent).collect(),
        frame: tree
            .nodes
            .iter()
            .map(|node| match node.kind {
                NodeKind::Root => -1,
                NodeKind::Frame(place) => used.place(place),
                NodeKind::LeftOut(frames) => -1 - i64::try_from(frames).unwrap_or(i64::MAX - 1),
            })
            .collect(),
        plus: tree.nodes.iter().map(|node| node.plus).collect(),
        own_plus: tree.nodes.iter().map(|node| node.self_plus).collect(),
        minus: of_diff(|node| node.minus),
        own_minus: of_diff(|node| node.self_minus),
    }
}

/// The frames of the trees, in the order of their first use.
struct Used<'a> {
    stacks: &'a Stacks<'a>,
    numbers: Vec<Option<u32>>,
    texts: Vec<String>,
    known: HashMap<String, u32>,
    frames: FrameColumns,
}

impl<'a> Used<'a> {
    fn new(stacks: &'a Stacks<'a>) -> Used<'a> {
        let mut used = Used {
            stacks,
            numbers: vec![None; stacks.frames().len()],
            texts: Vec::new(),
            known: HashMap::new(),
            frames: FrameColumns::default(),
        };
        used.text("");
        used
    }

    fn place(&mut self, place: Place) -> i64 {
        let FrameId(id) = place.frame();
        let number = self.numbers[id as usize].unwrap_or_else(|| self.add(place.frame()));
        i64::from(number) * 2 + i64::from(place.is_inlined())
    }

    fn add(&mut self, id: FrameId) -> u32 {
        let (frame, name) = (self.stacks.frame(id), self.stacks.text(id));
        let number = self.frames.name.len() as u32;
        let package = self.text(package(&name));
        let file = self.text(self.stacks.profile().text(frame.file));
        let name = self.text(&name);
        self.frames.name.push(name);
        self.frames.file.push(file);
        self.frames.package.push(package);
        self.frames.class.push(frame.class.number() as u8);
        self.numbers[id.0 as usize] = Some(number);
        number
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.known.insert(text.to_owned(), number);
        number
    }
}

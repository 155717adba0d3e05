//! A bounded tree of frames: the heaviest, and what is left out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::sorted::Sorted;
use super::stacks::{Place, STEPS, signed};
use crate::stop::{Stop, Stopped};

/// A tree of frames. Parents are before their children, and the children of a frame are in the order of their values,
/// the largest first; what is left out of them comes last. Node 0 is the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// How many frames are left out of the whole tree.
    pub left_out: usize,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The position of its parent; that of the root is its own.
    pub parent: u32,
    /// What it is.
    pub kind: NodeKind,
    /// The sum of the positive values of its stacks.
    pub plus: u128,
    /// The sum of the negative values of its stacks, without their sign.
    pub minus: u128,
    /// The part of `plus` of stacks that end here.
    pub self_plus: u128,
    /// The part of `minus` of stacks that end here.
    pub self_minus: u128,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// The root.
    Root,
    /// A frame.
    Frame(Place),
    /// The frames that are left out below its parent: how many there are.
    LeftOut(usize),
}

/// A frame that may come next: the heaviest does, of those as heavy the first one in order.
type Next = (u128, Reverse<usize>, Reverse<usize>, usize, u32);

impl Tree {
    /// The tree of the heaviest `most` frames.
    pub(super) fn new(sorted: &Sorted<'_>, most: usize, stop: Stop<'_>) -> Result<Tree, Stopped> {
        let all = 0..sorted.len();
        let mut tree = Tree { nodes: vec![node(sorted, 0, NodeKind::Root, &all, 0)], left_out: 0 };
        let mut next: BinaryHeap<Next> = BinaryHeap::new();
        let mut steps = 0;
        push_children(sorted, &mut next, &all, 0, 0);
        while tree.nodes.len() <= most {
            let Some((_, Reverse(start), Reverse(depth), end, parent)) = next.pop() else { break };
            let range = start..end;
            steps += range.len();
            if steps >= STEPS {
                stop.check()?;
                steps = 0;
            }
            let kind = NodeKind::Frame(sorted.place(&range, depth));
            let position = tree.nodes.len() as u32;
            tree.nodes.push(node(sorted, parent, kind, &range, depth + 1));
            push_children(sorted, &mut next, &range, depth + 1, position);
        }
        tree.leave_out(sorted, next);
        Ok(tree)
    }

    /// Makes one node per parent of what is left.
    fn leave_out(&mut self, sorted: &Sorted<'_>, next: BinaryHeap<Next>) {
        let mut left: Vec<(u32, Range<usize>, usize)> = next
            .into_iter()
            .map(|(_, Reverse(start), Reverse(depth), end, parent)| (parent, start..end, depth))
            .collect();
        left.sort_unstable_by_key(|(parent, range, _)| (*parent, range.start));
        for (parent, range, depth) in left {
            let (plus, minus) = sorted.sums(&range);
            let frames = sorted.frames_below(&range, depth);
            self.left_out += frames;
            match self.nodes.last_mut() {
                Some(Node { parent: of, kind: NodeKind::LeftOut(count), plus: sum, minus: less, .. })
                    if *of == parent =>
                {
                    *count += frames;
                    *sum += plus;
                    *less += minus;
                }
                _ => self.nodes.push(Node {
                    parent,
                    kind: NodeKind::LeftOut(frames),
                    plus,
                    minus,
                    self_plus: 0,
                    self_minus: 0,
                }),
            }
        }
    }
}

fn push_children(
    sorted: &Sorted<'_>,
    next: &mut BinaryHeap<Next>,
    range: &Range<usize>,
    depth: usize,
    parent: u32,
) {
    for child in sorted.children(range, depth) {
        let (plus, minus) = sorted.sums(&child);
        next.push((plus + minus, Reverse(child.start), Reverse(depth), child.end, parent));
    }
}

fn node(sorted: &Sorted<'_>, parent: u32, kind: NodeKind, range: &Range<usize>, depth: usize) -> Node {
    let (plus, minus) = sorted.sums(range);
    let (self_plus, self_minus) = sorted.sums(&sorted.ending(range, depth));
    Node { parent, kind, plus, minus, self_plus, self_minus }
}

impl Node {
    /// Its value: what it grew by, if the profile is a comparison.
    pub fn value(&self) -> i128 {
        signed(self.plus, self.minus)
    }

    /// Its own value.
    pub fn own(&self) -> i128 {
        signed(self.self_plus, self.self_minus)
    }

    /// How wide it is drawn: widths of children add up to at most that of their parent, also in a comparison.
    pub fn width(&self) -> u128 {
        self.plus + self.minus
    }
}

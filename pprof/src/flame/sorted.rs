//! Parts of stacks in order, so that each frame of a tree is a range of neighbours.

use std::cmp::Ordering;
use std::ops::Range;

use super::stacks::{Place, STEPS, Stacks, signed};
use crate::stop::{Stop, Stopped};

/// Parts that are sorted at once.
const PIECE: usize = 256;

/// A part of a stack.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The stack.
    pub(super) stack: usize,
    /// Where it is in the places of all stacks.
    pub(super) places: Range<usize>,
}

/// Parts in the order of their frames, with what neighbours have in common.
///
/// The frames of a tree of them, at depth `d`, are the maximal ranges whose parts share their first `d` frames. Nothing
/// of the tree is stored: a tree of all frames may be as large as all stacks together.
#[derive(Debug)]
pub(super) struct Sorted<'a> {
    places: &'a [Place],
    is_reversed: bool,
    parts: Vec<Range<usize>>,
    /// By part: how many of its first frames it shares with the one before it.
    shared: Vec<usize>,
    /// Sums over all parts before a position.
    plus: Vec<u128>,
    minus: Vec<u128>,
    /// How many frames of the tree are new in the parts before a position.
    frames: Vec<usize>,
}

impl<'a> Sorted<'a> {
    /// `parts` of `stacks`, read from their ends if `is_reversed`.
    pub(super) fn new(
        stacks: &'a Stacks<'_>,
        mut parts: Vec<Part>,
        is_reversed: bool,
        stop: Stop<'_>,
    ) -> Result<Sorted<'a>, Stopped> {
        stop.check()?;
        let places = stacks.places();
        let order = |a: &Part, b: &Part| {
            compare(places, &a.places, &b.places, is_reversed).then(a.stack.cmp(&b.stack))
        };
        // In pieces, so that it can be stopped. A sort of two sorted pieces is their merge.
        let mut size = PIECE;
        loop {
            for piece in parts.chunks_mut(size) {
                stop.check()?;
                piece.sort_by(order);
            }
            if size >= parts.len() {
                break;
            }
            size = size.saturating_mul(2);
        }
        let mut sorted = Sorted {
            places,
            is_reversed,
            parts: Vec::with_capacity(parts.len()),
            shared: Vec::with_capacity(parts.len()),
            plus: vec![0],
            minus: vec![0],
            frames: vec![0],
        };
        let (mut all_plus, mut all_minus, mut all_frames) = (0u128, 0u128, 0usize);
        for (at, part) in parts.into_iter().enumerate() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            let shared = sorted.parts.last().map_or(0, |before| sorted.common(before, &part.places));
            let (plus, minus) = stacks.values(part.stack);
            all_plus += plus;
            all_minus += minus;
            all_frames += part.places.len() - shared;
            sorted.shared.push(shared);
            sorted.parts.push(part.places);
            sorted.plus.push(all_plus);
            sorted.minus.push(all_minus);
            sorted.frames.push(all_frames);
        }
        Ok(sorted)
    }

    /// How many parts there are.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// How many frames a tree of all parts has.
    fn frames(&self) -> usize {
        self.frames.last().copied().unwrap_or(0)
    }

    /// The sums of the parts in a range.
    pub(super) fn sums(&self, range: &Range<usize>) -> (u128, u128) {
        let of = |sums: &[u128]| sums[range.end] - sums[range.start];
        (of(&self.plus), of(&self.minus))
    }

    /// The parts of a range that end at `depth`.
    pub(super) fn ending(&self, range: &Range<usize>, depth: usize) -> Range<usize> {
        let of_range = &self.parts[range.clone()];
        range.start..range.start + of_range.partition_point(|part| part.len() <= depth)
    }

    /// The ranges of a range whose parts share a frame at `depth`: the children of a frame in the tree.
    pub(super) fn children(&self, range: &Range<usize>, depth: usize) -> impl Iterator<Item = Range<usize>> {
        let mut start = self.ending(range, depth).end;
        let end = range.end;
        std::iter::from_fn(move || {
            if start >= end {
                return None;
            }
            let of_child = self.shared[start + 1..end].iter().take_while(|shared| **shared > depth).count();
            let child = start..start + 1 + of_child;
            start = child.end;
            Some(child)
        })
    }

    /// The frame at `depth` of the parts of a range, which share it.
    pub(super) fn place(&self, range: &Range<usize>, depth: usize) -> Place {
        let part = &self.parts[range.start];
        self.places[if self.is_reversed { part.end - 1 - depth } else { part.start + depth }]
    }

    /// How many frames of the tree the parts of a range have below `depth` frames.
    pub(super) fn frames_below(&self, range: &Range<usize>, depth: usize) -> usize {
        let others = self.frames[range.end] - self.frames[range.start + 1];
        self.parts[range.start].len() - depth + others
    }

    /// The places of a part. Not for reversed parts.
    fn part(&self, at: usize) -> &'a [Place] {
        &self.places[self.parts[at].clone()]
    }

    fn common(&self, a: &Range<usize>, b: &Range<usize>) -> usize {
        let (a, b) = (&self.places[a.clone()], &self.places[b.clone()]);
        if self.is_reversed {
            a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
        } else {
            a.iter().zip(b).take_while(|(a, b)| a == b).count()
        }
    }
}

/// All stacks in order, those with the same frames as one.
#[derive(Debug)]
pub struct Distinct<'a>(Sorted<'a>);

/// A stack of [`Distinct`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistinctStack<'a> {
    /// Its frames, root first.
    pub places: &'a [Place],
    /// How many of its first frames it shares with the stack before it.
    pub shared: usize,
    /// The sum of its positive values.
    pub plus: u128,
    /// The sum of its negative values, without their sign.
    pub minus: u128,
}

impl<'a> Distinct<'a> {
    /// The stacks of `stacks`.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn new(stacks: &'a Stacks<'_>, stop: Stop<'_>) -> Result<Distinct<'a>, Stopped> {
        let parts = (0..stacks.len()).map(|stack| Part { stack, places: stacks.range(stack) }).collect();
        Ok(Distinct(Sorted::new(stacks, parts, false, stop)?))
    }

    /// How many frames a tree of them has.
    pub fn frames(&self) -> usize {
        self.0.frames()
    }

    /// The stacks.
    pub fn iter(&self) -> impl Iterator<Item = DistinctStack<'a>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at;
            let places = (start < self.0.len()).then(|| self.0.part(start))?;
            at += 1;
            while at < self.0.len() && self.0.part(at) == places {
                at += 1;
            }
            let (plus, minus) = self.0.sums(&(start..at));
            Some(DistinctStack { places, shared: self.0.shared[start], plus, minus })
        })
    }
}

impl DistinctStack<'_> {
    /// The sum of its values.
    pub fn value(&self) -> i128 {
        signed(self.plus, self.minus)
    }
}

fn compare(places: &[Place], a: &Range<usize>, b: &Range<usize>, is_reversed: bool) -> Ordering {
    let (a, b) = (&places[a.clone()], &places[b.clone()]);
    if is_reversed { a.iter().rev().cmp(b.iter().rev()) } else { a.cmp(b) }
}

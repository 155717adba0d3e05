//! A flame graph: one or two trees of the stacks of a profile.

use super::sorted::{Part, Sorted};
use super::stacks::{FrameId, STEPS, Stacks};
use super::tree::Tree;
use crate::stop::{Stop, Stopped};

/// What a flame graph shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Only stacks with this function, by its text: its callers on one side, its callees on the other.
    pub pivot: Option<String>,
    /// From the leaves to the root, without a pivot.
    pub is_reversed: bool,
    /// The most frames in each tree.
    pub most: usize,
}

/// The most frames of a page's tree. More are not seen on any screen, and are 5 MB.
const MOST: usize = 100_000;

impl Default for View {
    fn default() -> View {
        View { pivot: None, is_reversed: false, most: MOST }
    }
}

/// A flame graph.
#[derive(Debug)]
pub struct Graph<'a> {
    /// The frames.
    pub stacks: &'a Stacks<'a>,
    /// What was asked for.
    pub view: View,
    /// From the root (or the pivot) to its callees; if reversed, from the leaves to their callers.
    pub below: Tree,
    /// From the pivot to its callers.
    pub above: Option<Tree>,
}

impl<'a> Graph<'a> {
    /// The flame graph of `stacks`. If the pivot is in a stack several times, its outermost frame counts, so that no
    /// sample counts twice. If it is nowhere, both trees have only a root, of value 0.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn new(stacks: &'a Stacks<'a>, view: View, stop: Stop<'_>) -> Result<Graph<'a>, Stopped> {
        let tree =
            |parts, is_reversed| Tree::new(&Sorted::new(stacks, parts, is_reversed, stop)?, view.most, stop);
        let Some(pivot) = &view.pivot else {
            let parts = (0..stacks.len()).map(|stack| Part { stack, places: stacks.range(stack) }).collect();
            let below = tree(parts, view.is_reversed)?;
            return Ok(Graph { stacks, view, below, above: None });
        };
        let is_pivot: Vec<bool> =
            (0..stacks.frames().len()).map(|at| stacks.text(FrameId(at as u32)) == *pivot).collect();
        let (mut callers, mut callees) = (Vec::new(), Vec::new());
        for stack in 0..stacks.len() {
            if stack % STEPS == 0 {
                stop.check()?;
            }
            let range = stacks.range(stack);
            let found = stacks.stack(stack).iter().position(|place| is_pivot[place.frame().0 as usize]);
            if let Some(found) = found {
                callers.push(Part { stack, places: range.start..range.start + found });
                callees.push(Part { stack, places: range.start + found + 1..range.end });
            }
        }
        let (below, above) = (tree(callees, false)?, tree(callers, true)?);
        Ok(Graph { stacks, view, below, above: Some(above) })
    }
}

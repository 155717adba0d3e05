//! The walk through all lists of one runtime, while tasks come and go.
//!
//! Each list is walked from its anchor in both directions, to the older and to the newer tasks, by two cursors
//! ([`super::cursor`]). All cursors advance together: one system call reads one task for each of them.

use std::collections::BTreeSet;

use rgops_capture::memory::{Range, Reader};

use super::cursor::{Cursor, Direction, NoNode};
use super::found::FoundTasks;
use super::vtables::Vtables;
use crate::runtimes::anchors::Start;

/// The walks through all lists of one runtime.
#[derive(Debug)]
pub(crate) struct Walk<'s> {
    start: &'s Start,
    cursors: Vec<Cursor>,
    /// Consecutive steps without progress.
    idle_steps: u32,
    visited: usize,
    most: usize,
    /// Ids of the anchors that were visited.
    visited_anchors: BTreeSet<u64>,
    ranges: Vec<Range>,
    bytes: Vec<u8>,
    readable: Vec<bool>,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The walk has not ended.
    More,
    /// The walk has not ended, but the lists change too fast: wait a moment before the next step.
    Stalled,
    /// All cursors have ended.
    Done,
}

impl<'s> Walk<'s> {
    /// A walk that finds at most `most` tasks.
    pub(crate) fn new(start: &'s Start, most: usize) -> Walk<'s> {
        let both = |(shard, header): (usize, &u64)| {
            [Direction::Newer, Direction::Older].map(|direction| Cursor::new(shard, *header, direction))
        };
        let cursors = start.headers.iter().enumerate().flat_map(both).collect();
        let (ranges, bytes, readable) = (Vec::new(), Vec::new(), Vec::new());
        Walk {
            start,
            cursors,
            idle_steps: 0,
            visited: 0,
            most,
            visited_anchors: BTreeSet::new(),
            ranges,
            bytes,
            readable,
        }
    }

    /// Number of tasks read so far.
    pub(crate) fn visited(&self) -> usize {
        self.visited
    }

    /// Advances every cursor that has not ended.
    pub(crate) fn step(&mut self, memory: &mut Reader, vtables: &mut Vtables) -> Step {
        let layout = &self.start.layout;
        self.ranges.clear();
        for cursor in &self.cursors {
            if let Some(header) = cursor.next_header() {
                self.ranges.extend(cursor.ranges(header, layout));
            }
        }
        if self.ranges.is_empty() {
            return Step::Done;
        }
        memory.gather(&self.ranges, &mut self.bytes, &mut self.readable);
        let (mut at, mut place, mut has_progress) = (0, 0, false);
        for cursor in &mut self.cursors {
            let Some(header) = cursor.next_header() else { continue };
            let length = self.ranges[at].length + self.ranges[at + 1].length;
            let bytes = &self.bytes[place..][..length];
            let readable = self.readable[at] && self.readable[at + 1];
            at += 2;
            place += length;
            let node = match readable {
                true => cursor.parse(header, bytes, layout, memory, vtables),
                false => Err(NoNode::Invalid),
            };
            self.visited += 1;
            has_progress |= cursor.advance(node, self.start, vtables);
            if let Some(last) = cursor.path.last().filter(|last| self.start.ours.contains(&last.id)) {
                self.visited_anchors.insert(last.id);
            }
        }
        let found = self.cursors.iter().map(|cursor| cursor.path.len()).sum::<usize>();
        if found > self.most + self.cursors.len() {
            self.cursors.iter_mut().for_each(Cursor::give_up);
        }
        self.idle_steps = if has_progress { 0 } else { self.idle_steps + 1 };
        if self.idle_steps > 16 { Step::Stalled } else { Step::More }
    }

    /// The tasks found, without the anchors, and the number of lists that could not be walked to both ends.
    pub(crate) fn finish(self) -> (FoundTasks, usize) {
        let (mut all, mut incomplete) = (FoundTasks::default(), vec![false; self.start.shards]);
        // A list is incomplete if one of its anchors was not visited. The list of a LocalSet has two anchors, and
        // the walk starts at only one of them.
        for id in &self.start.ours {
            incomplete[*id as usize & (self.start.shards - 1)] |= !self.visited_anchors.contains(id);
        }
        for cursor in self.cursors {
            incomplete[cursor.shard] |= !cursor.is_complete();
            // The first task of a path is the anchor, or one of the program that both cursors begin at.
            let skipped = usize::from(!cursor.keeps_first(self.start));
            for found in cursor.path.iter().skip(skipped) {
                if !self.start.ours.contains(&found.id) {
                    all.push(*found);
                }
            }
        }
        (all, incomplete.into_iter().filter(|list| *list).count())
    }
}

//! A cursor walks from one anchor through its list, in one direction, while tasks come and go.
//!
//! One copy of a task has its beginning (state, vtable, id) and the two pointers of the list, at the offsets of the
//! previous task. If the vtable has other offsets, the task is read again with these.
//!
//! A task counts if all of this is true: its address is aligned, the offsets in its vtable are plausible, its id
//! belongs to this list, and it points back at the previous task of the path. Otherwise one of the two was unlinked
//! meanwhile: the cursor goes back to the last task that is still linked, and continues from there. (Tokio clears
//! both pointers of a task when it unlinks it: `LinkedList::remove` in `util/linked_list.rs`.) The end of a list is
//! accepted only if its last task, read again, is still linked and not complete: Tokio marks a task complete before
//! it unlinks it.

use rgops_capture::memory::{Range, Reader};

use super::found::{Found, FoundTasks};
use super::state::COMPLETE;
use super::vtables::{Vtable, Vtables};
use crate::runtimes::anchors::Start;
use crate::runtimes::layout::{CELL_ALIGNMENT, Layout, VTABLE};

/// How often a cursor may go back, plus once more for every fourth task.
const BACKTRACK_BUDGET: usize = 256;

/// The vtable of the first task, until it was read.
const UNREAD: u32 = u32::MAX;

/// A walk through one list in one direction.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) shard: usize,
    direction: Direction,
    /// The tasks from the anchor, which is the first, to the current one.
    pub(super) path: FoundTasks,
    next: Next,
    /// Offset of the trailer, as in the previous task.
    trailer: u64,
    /// Offset of the id, as in the previous task.
    id: u64,
    /// How often these two offsets were wrong for the next task.
    wrong_offsets: u32,
    backtracks: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Newer,
    Older,
}

/// What a cursor does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Reads the task after the last one of the path.
    Visit(u64),
    /// Reads the last task of the path again, to check that it is still linked.
    Check,
    /// Nothing; the value states whether the end of the list was reached.
    Ended(bool),
}

/// A task as it was read.
pub(super) struct Node {
    header: u64,
    id: u64,
    state: u64,
    vtable: Vtable,
    forward: u64,
    back: u64,
}

/// Why there is no [`Node`].
pub(super) enum NoNode {
    /// Its vtable has these offsets of id and trailer, so it must be read again with them.
    OtherOffsets(u64, u64),
    Invalid,
}

impl Cursor {
    /// A cursor at the anchor with this header; it has already ended if the list has no anchor.
    pub(super) fn new(shard: usize, header: u64, direction: Direction) -> Cursor {
        let mut path = FoundTasks::default();
        path.push(Found { header, id: 0, state: 0, vtable: UNREAD });
        let next = if header == 0 { Next::Ended(false) } else { Next::Check };
        Cursor { shard, direction, path, next, trailer: 0, id: 40, wrong_offsets: 0, backtracks: 0 }
    }

    /// Whether it reached the end of the list.
    pub(super) fn is_complete(&self) -> bool {
        self.next == Next::Ended(true)
    }

    /// Whether the first task of the path is one of the program that counts and was read.
    pub(super) fn keeps_first(&self, start: &Start) -> bool {
        let was_read = self.path.iter().next().is_some_and(|first| first.vtable != UNREAD);
        start.is_at_task && self.direction == Direction::Newer && was_read
    }

    /// The header of the task to read next; `None` if the cursor has ended.
    pub(super) fn next_header(&self) -> Option<u64> {
        match self.next {
            Next::Visit(header) => Some(header),
            Next::Check => Some(self.path.last()?.header),
            Next::Ended(_) => None,
        }
    }

    /// The ranges to read: the beginning of the task up to its id, and the pointers of the list.
    pub(super) fn ranges(&self, header: u64, layout: &Layout) -> [Range; 2] {
        let pointers = layout.newer.min(layout.older);
        let length = layout.newer.abs_diff(layout.older) as usize + 8;
        [
            Range::new(header, self.id.max(VTABLE) as usize + 8),
            Range::new(header.wrapping_add(self.trailer + pointers), length),
        ]
    }

    /// Parses the bytes of these ranges.
    pub(super) fn parse(
        &self,
        header: u64,
        bytes: &[u8],
        layout: &Layout,
        memory: &mut Reader,
        vtables: &Vtables,
    ) -> Result<Node, NoNode> {
        let word = |at: u64| {
            let bytes = bytes.get(at as usize..)?.first_chunk()?;
            Some(u64::from_ne_bytes(*bytes))
        };
        let word = |at| word(at).ok_or(NoNode::Invalid);
        let vtable = vtables.at(word(VTABLE)?, layout, memory).ok_or(NoNode::Invalid)?;
        if (vtable.id, vtable.trailer) != (self.id, self.trailer) {
            return Err(NoNode::OtherOffsets(vtable.id, vtable.trailer));
        }
        let pointers = self.id.max(VTABLE) + 8 - layout.newer.min(layout.older);
        let (newer, older) = (word(pointers + layout.newer)?, word(pointers + layout.older)?);
        let (forward, back) = match self.direction {
            Direction::Newer => (newer, older),
            Direction::Older => (older, newer),
        };
        Ok(Node { header, id: word(self.id)?, state: word(0)?, vtable, forward, back })
    }

    /// Handles the result of a read; returns whether the walk made progress.
    pub(super) fn advance(
        &mut self,
        node: Result<Node, NoNode>,
        start: &Start,
        vtables: &mut Vtables,
    ) -> bool {
        let node = match node {
            Ok(node) => Some(node),
            // Read again with the new offsets; the next task probably has the same type.
            Err(NoNode::OtherOffsets(id, trailer)) if self.wrong_offsets < 3 => {
                (self.id, self.trailer) = (id, trailer);
                self.wrong_offsets += 1;
                return true;
            }
            Err(NoNode::OtherOffsets(..) | NoNode::Invalid) => None,
        };
        self.wrong_offsets = 0;
        match self.next {
            Next::Visit(_) => self.visit(node, start, vtables),
            Next::Check => self.check(node, start, vtables),
            Next::Ended(_) => false,
        }
    }

    /// Adds the task to the path if it belongs there.
    fn visit(&mut self, node: Option<Node>, start: &Start, vtables: &mut Vtables) -> bool {
        let from = self.path.last().map_or(0, |from| from.header);
        let belongs = |node: &Node| {
            node.back == from
                && node.id != 0
                && node.id as usize & (start.shards - 1) == self.shard
                && node.forward.is_multiple_of(CELL_ALIGNMENT)
        };
        let Some(node) = node.filter(belongs) else {
            self.backtrack();
            return false;
        };
        if self.direction == Direction::Newer && node.id >= start.end_id {
            self.next = Next::Ended(true);
            return true;
        }
        let Some(vtable) = vtables.keep(node.vtable) else {
            self.next = Next::Ended(false);
            return false;
        };
        self.path.push(Found { header: node.header, id: node.id, state: node.state, vtable });
        self.next = if node.forward == 0 { Next::Check } else { Next::Visit(node.forward) };
        true
    }

    /// Checks the last task of the path, which was read again.
    fn check(&mut self, node: Option<Node>, start: &Start, vtables: &mut Vtables) -> bool {
        let before = self.path.last_but_one();
        let Some(last) = self.path.last_mut() else {
            self.next = Next::Ended(false);
            return false;
        };
        // Only the address of the first task of the path is known, and no task leads to it.
        let is_linked = node.filter(|node| match before {
            Some(before) => node.back == before.header && node.id == last.id,
            None => node.state & COMPLETE == 0,
        });
        let Some(node) = is_linked else {
            if before.is_none() {
                self.next = Next::Ended(false);
                return false;
            }
            self.path.pop();
            self.backtrack();
            return false;
        };
        last.state = node.state;
        last.id = node.id;
        if start.is_at_task && before.is_none() {
            let Some(vtable) = vtables.keep(node.vtable) else {
                self.next = Next::Ended(false);
                return false;
            };
            last.vtable = vtable;
        }
        match node.forward {
            0 if node.state & COMPLETE == 0 => {
                self.next = Next::Ended(true);
                true
            }
            0 => {
                self.backtrack();
                false
            }
            forward if forward.is_multiple_of(CELL_ALIGNMENT) => {
                self.next = Next::Visit(forward);
                false
            }
            _ => {
                self.backtrack();
                false
            }
        }
    }

    /// Goes back to the last task of the path, or ends if that happened too often.
    fn backtrack(&mut self) {
        self.backtracks += 1;
        let budget = BACKTRACK_BUDGET + self.path.len() / 4;
        self.next = if self.backtracks > budget { Next::Ended(false) } else { Next::Check };
    }

    /// Ends before the end of the list, unless that was already reached.
    pub(super) fn give_up(&mut self) {
        if !self.is_complete() {
            self.next = Next::Ended(false);
        }
    }
}

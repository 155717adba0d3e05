//! The walk through the lists of one runtime, while tasks come and go.
//!
//! Each list is walked from our anchor in it both ways, to the older tasks and to the newer ones. All
//! walks go on at once, a step of each in one system call. Of a task one copy takes the beginning
//! (state, vtable, id) and the list's two pointers, at the distance the last task had; where the
//! vtable says otherwise, they are read in a second step.
//!
//! A task counts when all of this holds: its address is aligned, its vtable's offsets can be, its id
//! belongs to this list, and it points back at the task we came from. Otherwise one of the two was
//! unlinked meanwhile: the walk goes back to the last task that is still linked (Tokio clears both
//! pointers of a task it unlinks, `LinkedList::remove` in `util/linked_list.rs`) and on from there. An
//! end is believed when the task in front of it, read again, is still linked and not complete: Tokio
//! marks a task complete before it unlinks it.

use std::collections::{BTreeSet, HashMap};

use rgops_capture::memory::{Range, Reader};

use super::state::COMPLETE;
use crate::runtimes::anchors::Start;
use crate::runtimes::layout::{CELL_ALIGNMENT, Layout, VTABLE};

/// Tasks of one answer at most: about 32 MB while it is made. More are counted as not listed.
pub(crate) const MOST_TASKS: usize = 1 << 20;

/// Types of futures of one answer at most; a program has as many as it has `spawn`s.
const MOST_VTABLES: usize = 1 << 16;

/// Times a walk may go back, and once more for every fourth task.
const PATIENCE: usize = 256;

/// A task that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) header: u64,
    pub(crate) id: u64,
    pub(crate) state: u64,
    /// Place in [`Vtables::list`].
    pub(crate) vtable: u32,
}

/// What a vtable tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vtable {
    pub(crate) avma: u64,
    pub(crate) poll: u64,
    pub(crate) id: u64,
    pub(crate) trailer: u64,
}

/// The vtables of all tasks found so far.
#[derive(Debug, Default)]
pub(crate) struct Vtables {
    pub(crate) list: Vec<Vtable>,
    places: HashMap<u64, u32>,
}

/// Tasks, in pieces below 64 KiB: glibc gives larger ones back to the system one by one, and thereby
/// changes how it treats those of the program (mallopt(3), `M_MMAP_THRESHOLD`).
#[derive(Debug, Default)]
pub(crate) struct Pile(Vec<Vec<Found>>);

/// The walks through all lists of one runtime.
#[derive(Debug)]
pub(crate) struct Walk<'s> {
    start: &'s Start,
    cursors: Vec<Cursor>,
    /// Steps that found nothing new, one after the other.
    idle_steps: u32,
    visited: usize,
    most: usize,
    /// Those of our own tasks that were met.
    met: BTreeSet<u64>,
    ranges: Vec<Range>,
    bytes: Vec<u8>,
    readable: Vec<bool>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more.
    More,
    /// There is more, but the lists change under our hands: better to wait a moment.
    Stalled,
    /// All walks have ended.
    Done,
}

#[derive(Debug)]
struct Cursor {
    shard: usize,
    direction: Direction,
    /// The way from the anchor, which is its first task.
    path: Pile,
    aim: Aim,
    /// From the header to the trailer of the last task.
    trailer: u64,
    id: u64,
    /// Wrong guesses of these two, one after the other.
    guesses: u32,
    went_back: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Newer,
    Older,
}

/// What the next step of a walk reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// The task behind the last one of the path.
    Visit(u64),
    /// The last one of the path, again: is it still linked?
    Check,
    Ended(bool),
}

/// A task as it was read.
struct Node {
    header: u64,
    id: u64,
    state: u64,
    vtable: Vtable,
    forward: u64,
    back: u64,
}

/// Why there is no [`Node`].
enum NoNode {
    /// It lies otherwise than was guessed: read once more with these offsets of id and trailer.
    Otherwise(u64, u64),
    Wrong,
}

impl<'s> Walk<'s> {
    /// A walk that finds `most` tasks at most.
    pub(crate) fn new(start: &'s Start, most: usize) -> Walk<'s> {
        let cursor = |(shard, header): (usize, &u64), direction| {
            let mut path = Pile::default();
            path.push(Found { header: *header, id: 0, state: 0, vtable: u32::MAX });
            let aim = if *header == 0 { Aim::Ended(false) } else { Aim::Check };
            Cursor { shard, direction, path, aim, trailer: 0, id: 40, guesses: 0, went_back: 0 }
        };
        let both = |list| [cursor(list, Direction::Newer), cursor(list, Direction::Older)];
        let cursors = start.headers.iter().enumerate().flat_map(both).collect();
        let (ranges, bytes, readable) = (Vec::new(), Vec::new(), Vec::new());
        Walk {
            start,
            cursors,
            idle_steps: 0,
            visited: 0,
            most,
            met: BTreeSet::new(),
            ranges,
            bytes,
            readable,
        }
    }

    /// Tasks looked at so far.
    pub(crate) fn visited(&self) -> usize {
        self.visited
    }

    /// Takes the next step of every walk that has not ended.
    pub(crate) fn step(&mut self, memory: &mut Reader, vtables: &mut Vtables) -> Step {
        let layout = &self.start.layout;
        self.ranges.clear();
        for cursor in &self.cursors {
            if let Some(header) = cursor.reads() {
                self.ranges.extend(cursor.ranges(header, layout));
            }
        }
        if self.ranges.is_empty() {
            return Step::Done;
        }
        memory.gather(&self.ranges, &mut self.bytes, &mut self.readable);
        let (mut at, mut place, mut moved) = (0, 0, false);
        for cursor in &mut self.cursors {
            let Some(header) = cursor.reads() else { continue };
            let length = self.ranges[at].length + self.ranges[at + 1].length;
            let bytes = &self.bytes[place..][..length];
            let readable = self.readable[at] && self.readable[at + 1];
            at += 2;
            place += length;
            let node = match readable {
                true => cursor.parse(header, bytes, layout, memory, vtables),
                false => Err(NoNode::Wrong),
            };
            self.visited += 1;
            moved |= cursor.go_on(node, self.start, vtables);
            if let Some(last) = cursor.path.last().filter(|last| self.start.ours.contains(&last.id)) {
                self.met.insert(last.id);
            }
        }
        let found = self.cursors.iter().map(|cursor| cursor.path.len()).sum::<usize>();
        if found > self.most + self.cursors.len() {
            self.cursors.iter_mut().for_each(Cursor::give_up);
        }
        self.idle_steps = if moved { 0 } else { self.idle_steps + 1 };
        if self.idle_steps > 16 { Step::Stalled } else { Step::More }
    }

    /// The tasks found, ours left out, and the lists that could not be walked to both ends.
    pub(crate) fn finish(self) -> (Pile, usize) {
        let (mut all, mut incomplete) = (Pile::default(), vec![false; self.start.shards]);
        // Each of ours must have been met; of a LocalSet they are neighbours we did not start from.
        for id in &self.start.ours {
            incomplete[*id as usize & (self.start.shards - 1)] |= !self.met.contains(id);
        }
        for cursor in self.cursors {
            incomplete[cursor.shard] |= cursor.aim != Aim::Ended(true);
            // The anchor itself is the first.
            for found in cursor.path.iter().skip(1) {
                if !self.start.ours.contains(&found.id) {
                    all.push(*found);
                }
            }
        }
        (all, incomplete.into_iter().filter(|list| *list).count())
    }
}

impl Cursor {
    fn reads(&self) -> Option<u64> {
        match self.aim {
            Aim::Visit(header) => Some(header),
            Aim::Check => Some(self.path.last()?.header),
            Aim::Ended(_) => None,
        }
    }

    /// Its beginning up to the id, and the list's pointers.
    fn ranges(&self, header: u64, layout: &Layout) -> [Range; 2] {
        let pointers = layout.newer.min(layout.older);
        let length = layout.newer.abs_diff(layout.older) as usize + 8;
        [
            Range::new(header, self.id.max(VTABLE) as usize + 8),
            Range::new(header.wrapping_add(self.trailer + pointers), length),
        ]
    }

    fn parse(
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
        let word = |at| word(at).ok_or(NoNode::Wrong);
        let vtable = vtables.of(word(VTABLE)?, layout, memory).ok_or(NoNode::Wrong)?;
        if (vtable.id, vtable.trailer) != (self.id, self.trailer) {
            return Err(NoNode::Otherwise(vtable.id, vtable.trailer));
        }
        let pointers = self.id.max(VTABLE) + 8 - layout.newer.min(layout.older);
        let (newer, older) = (word(pointers + layout.newer)?, word(pointers + layout.older)?);
        let (forward, back) = match self.direction {
            Direction::Newer => (newer, older),
            Direction::Older => (older, newer),
        };
        Ok(Node { header, id: word(self.id)?, state: word(0)?, vtable, forward, back })
    }

    /// Takes what was read for what it is; whether that brought the walk on.
    fn go_on(&mut self, node: Result<Node, NoNode>, start: &Start, vtables: &mut Vtables) -> bool {
        let node = match node {
            Ok(node) => Some(node),
            // The same aim again; the next task is probably of this type, too.
            Err(NoNode::Otherwise(id, trailer)) if self.guesses < 3 => {
                (self.id, self.trailer) = (id, trailer);
                self.guesses += 1;
                return true;
            }
            Err(NoNode::Otherwise(..) | NoNode::Wrong) => None,
        };
        self.guesses = 0;
        match self.aim {
            Aim::Visit(_) => self.visit(node, start, vtables),
            Aim::Check => self.check(node),
            Aim::Ended(_) => false,
        }
    }

    fn visit(&mut self, node: Option<Node>, start: &Start, vtables: &mut Vtables) -> bool {
        let from = self.path.last().map_or(0, |from| from.header);
        let belongs = |node: &Node| {
            node.back == from
                && node.id != 0
                && node.id as usize & (start.shards - 1) == self.shard
                && node.forward.is_multiple_of(CELL_ALIGNMENT)
        };
        let Some(node) = node.filter(belongs) else {
            self.go_back(Aim::Check);
            return false;
        };
        if self.direction == Direction::Newer && node.id >= start.end_id {
            self.aim = Aim::Ended(true);
            return true;
        }
        let Some(vtable) = vtables.keep(node.vtable) else {
            self.aim = Aim::Ended(false);
            return false;
        };
        self.path.push(Found { header: node.header, id: node.id, state: node.state, vtable });
        self.aim = if node.forward == 0 { Aim::Check } else { Aim::Visit(node.forward) };
        true
    }

    /// The last task of the path, read again.
    fn check(&mut self, node: Option<Node>) -> bool {
        let before = self.path.last_but_one();
        let Some(last) = self.path.last_mut() else {
            self.aim = Aim::Ended(false);
            return false;
        };
        // Of the anchor nothing was known but its address, and nothing leads to it.
        let is_linked = node.filter(|node| match before {
            Some(before) => node.back == before.header && node.id == last.id,
            None => node.state & COMPLETE == 0,
        });
        let Some(node) = is_linked else {
            if before.is_none() {
                self.aim = Aim::Ended(false);
                return false;
            }
            self.path.pop();
            self.go_back(Aim::Check);
            return false;
        };
        last.state = node.state;
        last.id = node.id;
        match node.forward {
            0 if node.state & COMPLETE == 0 => {
                self.aim = Aim::Ended(true);
                true
            }
            0 => {
                self.go_back(Aim::Check);
                false
            }
            forward if forward.is_multiple_of(CELL_ALIGNMENT) => {
                self.aim = Aim::Visit(forward);
                false
            }
            _ => {
                self.go_back(Aim::Check);
                false
            }
        }
    }

    fn go_back(&mut self, aim: Aim) {
        self.went_back += 1;
        let patience = PATIENCE + self.path.len() / 4;
        self.aim = if self.went_back > patience { Aim::Ended(false) } else { aim };
    }

    fn give_up(&mut self) {
        if self.aim != Aim::Ended(true) {
            self.aim = Aim::Ended(false);
        }
    }
}

impl Vtables {
    /// The vtable at `avma`; `None` when there can be none.
    fn of(&self, avma: u64, layout: &Layout, memory: &mut Reader) -> Option<Vtable> {
        if let Some(place) = self.places.get(&avma) {
            return self.list.get(*place as usize).copied();
        }
        if avma == 0 || !avma.is_multiple_of(8) {
            return None;
        }
        let words = memory.words(avma, layout.vtable_words())?;
        let (id, trailer) = layout.offsets(&words)?;
        // The first function (`Vtable` in `runtime/task/raw.rs`).
        Some(Vtable { avma, poll: *words.first()?, id, trailer })
    }

    /// Its place; `None` when there are too many.
    fn keep(&mut self, vtable: Vtable) -> Option<u32> {
        if let Some(place) = self.places.get(&vtable.avma) {
            return Some(*place);
        }
        if self.list.len() >= MOST_VTABLES {
            return None;
        }
        let place = self.list.len() as u32;
        self.list.push(vtable);
        self.places.insert(vtable.avma, place);
        Some(place)
    }
}

impl Pile {
    const MOST_IN_PIECE: usize = 2000;

    pub(crate) fn push(&mut self, found: Found) {
        match self.0.last_mut().filter(|piece| piece.len() < Pile::MOST_IN_PIECE) {
            Some(piece) => {
                if piece.len() == piece.capacity() {
                    piece.reserve_exact(piece.len().max(8).min(Pile::MOST_IN_PIECE - piece.len()));
                }
                piece.push(found);
            }
            None => self.0.push(vec![found]),
        }
    }

    fn pop(&mut self) {
        if let Some(piece) = self.0.last_mut() {
            piece.pop();
            if piece.is_empty() {
                self.0.pop();
            }
        }
    }

    fn last(&self) -> Option<&Found> {
        self.0.last()?.last()
    }

    fn last_mut(&mut self) -> Option<&mut Found> {
        self.0.last_mut()?.last_mut()
    }

    fn last_but_one(&self) -> Option<Found> {
        self.iter_back().nth(1).copied()
    }

    fn iter_back(&self) -> impl Iterator<Item = &Found> {
        self.0.iter().rev().flat_map(|piece| piece.iter().rev())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Found> {
        self.0.iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        match self.0.split_last() {
            Some((last, full)) => full.len() * Pile::MOST_IN_PIECE + last.len(),
            None => 0,
        }
    }
}

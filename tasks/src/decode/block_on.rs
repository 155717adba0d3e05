//! The future of `block_on`. It is in no list: Tokio pins it on the stack of the thread that waits, or in a box that the
//! stack refers to. The name of the function says its type, but no debug information says where it is. So each place
//! on the stack is looked at, and the future is shown only where no two places can be it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge, Exhausted};
use rgops_protocol::reply::tasks::TaskVtable;
use rgops_protocol::request::MAX_RANGE_BYTES;

use crate::decode::decoder::Decoder;
use crate::decode::decoding::{Decoding, Place, Step};
use crate::decode::goal::Goal;
use crate::decode::memory::{NoBytes, Snapshot};
use crate::decode::possible::Possible;
use crate::decode::roles::{Role, is_pin};
use crate::model::{AsyncStack, State, Task};
use crate::types::{Shape, TypeId, TypeSource};

/// Why a future is not known whose type is not.
pub const NOT_DESCRIBED: &str = "the debug information does not describe its future";

/// Why a future is not known whose type has no states that tell where it is.
const NOT_ASYNC: &str = "its future is behind dyn, or is no async function or block";
/// Why a future is not known whose memory, or what it waits for, changed.
pub const CHANGED: &str = "it changed while it was read: run the command again";

/// Maximum wrappers around the future that is shown, and levels of types whose alignment is read.
const MAX_WRAPPERS: usize = 8;
/// Maximum places of one thread that are decoded.
const MAX_PLACES: usize = 1024;
/// Maximum descriptions of functions that are looked at.
const MAX_TYPES: usize = 64;
/// Memory of a place, besides its bytes.
const PLACE_BYTES: u64 = 1024;

/// A thread that waits in `block_on`.
#[derive(Debug, Clone, Copy)]
pub struct BlockedThread<'a> {
    /// Its kernel thread id.
    pub tid: u32,
    /// The functions `block_on` it is in, innermost first: an address of each, and the linker's name.
    pub functions: &'a [(u64, Arc<str>)],
    /// Its stack: the first address, and the bytes to the end of the part where the future may be.
    pub stack: (u64, &'a [u8]),
    /// Where that part begins. Before it may only be a pointer to the future.
    pub own: usize,
}

impl<'s> Decoder<'s> {
    /// Starts without tasks, for [`Decoder::add_block_on`]. `listed` has the headers of the tasks that are shown.
    pub fn of_block_ons(
        budget: &Budget,
        source: &'s dyn TypeSource,
        vtables: Vec<TaskVtable>,
        listed: impl IntoIterator<Item = u64>,
    ) -> Decoder<'s> {
        let mut decoder = Decoder::new(budget, source, vtables, Vec::new());
        decoder.headers.extend(listed);
        decoder
    }

    /// Adds the places where the future of a thread may be.
    ///
    /// # Errors
    /// Why it cannot be found.
    pub fn add_block_on(&mut self, thread: BlockedThread<'_>) -> Result<(), &'static str> {
        self.content.begin_walk();
        let (future, is_behind_pointer) = self.coroutine(thread.functions)?;
        let found = self.content.get(self.source, future).ok_or("its type is too large")?;
        if found.size == 0 || found.size > u64::from(MAX_RANGE_BYTES) {
            return Err("it is larger than the read limit");
        }
        let ((start, all), own) = (thread.stack, thread.own.min(thread.stack.1.len()));
        let (start, bytes) = (start.saturating_add(own as u64), &all[own..]);
        let charge =
            Charge::new(&self.budget, bytes.len() as u64).map_err(|_| "the memory limit was reached")?;
        let stack = Snapshot::new(start, bytes.to_vec());
        let mut places = self.places_on(&stack, (start, bytes), future, found.size);
        if is_behind_pointer {
            places.extend(pointers(all));
        }
        drop(charge);
        if places.len() > MAX_PLACES {
            return Err("too many places of its stack may be it");
        }
        for avma in places {
            let within = avma.checked_sub(start).and_then(|at| {
                bytes.get(usize::try_from(at).ok()?..)?.get(..usize::try_from(found.size).ok()?)
            });
            let place = Place { future, avma, size: found.size, is_checked: false, is_another: false };
            let decoding = self.place(thread.tid, place, within.map(<[u8]>::to_vec));
            self.tasks.push(decoding.map_err(|_| "the memory limit was reached")?);
        }
        Ok(())
    }

    /// The coroutine that the innermost of these functions polls, and whether it may be behind a pointer.
    fn coroutine(&mut self, functions: &[(u64, Arc<str>)]) -> Result<(TypeId, bool), &'static str> {
        let source = self.source;
        let types = functions.iter().flat_map(|(avma, name)| source.block_on_types(*avma, name));
        let types: Vec<TypeId> = types.take(MAX_TYPES).collect();
        let described = types.iter().find_map(|id| self.unwrapped(*id));
        described.ok_or(if types.is_empty() { NOT_DESCRIBED } else { NOT_ASYNC })
    }

    fn unwrapped(&mut self, mut id: TypeId) -> Option<(TypeId, bool)> {
        let mut is_behind_pointer = false;
        for _ in 0..MAX_WRAPPERS {
            let found = self.content.get(self.source, id)?;
            match (self.content.role(id, &found), &found.shape) {
                (Role::Coroutine, Shape::Enum { discriminant: Some(_), .. }) => {
                    return Some((id, is_behind_pointer));
                }
                (Role::Owner, Shape::Pointer { target: Some(target) }) => {
                    (id, is_behind_pointer) = (*target, true);
                }
                (_, Shape::Struct { members, .. }) if is_pin(&found) => id = members.first()?.type_id,
                (Role::Plain, Shape::Struct { members, is_union: false }) => {
                    let leading = self.content.members_with(self.source, id, Goal::Future);
                    let [only] = *leading else { return None };
                    id = members.get(only as usize)?.type_id;
                }
                _ => return None,
            }
        }
        None
    }

    /// The addresses on a stack at which a coroutine that waits can be.
    fn places_on(
        &mut self,
        snapshot: &Snapshot,
        (start, bytes): (u64, &[u8]),
        future: TypeId,
        size: u64,
    ) -> BTreeSet<u64> {
        let mut possible = Possible { source: self.source, content: &mut self.content, snapshot };
        let alignment = possible.alignment(future, MAX_WRAPPERS).clamp(1, 4096);
        let first = start.next_multiple_of(alignment);
        let last = (start + bytes.len() as u64).saturating_sub(size);
        let mut places = BTreeSet::new();
        for avma in (first..=last).step_by(alignment as usize) {
            // More places are too many.
            if places.len() > MAX_PLACES || possible.content.is_exhausted() {
                break;
            }
            match possible.is_suspended(future, avma) {
                Ok(false) => {}
                // All bytes of it are known: a type that reads others is damaged.
                Ok(true) | Err(NoBytes::NotYet | NoBytes::Never) => {
                    places.insert(avma);
                }
            }
        }
        places
    }

    fn place(&self, tid: u32, place: Place, bytes: Option<Vec<u8>>) -> Result<Decoding, Exhausted> {
        let length = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let snapshot_charge = Charge::new(&self.budget, PLACE_BYTES + length)?;
        Ok(Decoding {
            task: Task {
                runtime: usize::MAX,
                id: 0,
                header_avma: place.avma,
                state: State::Idle,
                is_cancelled: false,
                references: 0,
                tid: Some(tid),
                future: None,
                poll_avma: 0,
                stack: AsyncStack::Unknown("not decoded".into()),
                holds: Vec::new(),
                set_aside: Vec::new(),
                due_ns: None,
                goes_on: false,
            },
            vtable: u32::MAX,
            snapshot: bytes.map(|bytes| Snapshot::new(place.avma, bytes)).unwrap_or_default(),
            snapshot_charge,
            stack_charge: Charge::none(&self.budget),
            step: Step::Walk,
            retries: 0,
            block_on: Some(place),
        })
    }

    /// The futures of the threads added by [`Decoder::add_block_on`], by thread id, each as a task without an id; or
    /// why one is not known.
    pub fn finish_block_ons(mut self) -> HashMap<u32, Result<Task, &'static str>> {
        let mut futures: HashMap<u32, Result<Task, &'static str>> = HashMap::new();
        let is_whole = self.exhausted.is_none();
        for decoding in std::mem::take(&mut self.tasks) {
            let (Some(tid), Some(place)) = (decoding.task.tid, decoding.block_on) else { continue };
            let is_read = matches!(decoding.step, Step::Done) && is_whole;
            decoding.stack_charge.leave();
            let found = match (&decoding.task.stack, is_read) {
                _ if place.is_another => continue,
                (AsyncStack::Moved, _) => Err(CHANGED),
                (AsyncStack::Decoded(_) | AsyncStack::Cut(..), true) => Ok(decoding.task),
                _ => Err("it could not be decoded"),
            };
            let known = futures.remove(&tid);
            let found = match (known, found) {
                (None, found) => found,
                (Some(Ok(known)), Ok(found)) if is_same(&known, &found) => Ok(known),
                (Some(Ok(_) | Err(_)), _) => Err("more than one place of its stack may be it"),
            };
            futures.insert(tid, found);
        }
        futures
    }
}

/// Whether two places say the same.
fn is_same(one: &Task, other: &Task) -> bool {
    (&one.stack, &one.holds, &one.set_aside) == (&other.stack, &other.holds, &other.set_aside)
}

/// The addresses in these bytes, at least 8 apart.
fn pointers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    /// Addresses of a program.
    const ADDRESSES: std::ops::Range<u64> = 0x1_0000..1 << 56;
    let words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    words.filter(|word| ADDRESSES.contains(word) && word.is_multiple_of(8))
}

//! Whether bytes can be a coroutine that waits: its state is one with an `await`, and what it awaits is a value of its
//! type, whose references lead to memory. Bytes that are something else almost never pass; a coroutine that waits always
//! does, whatever other threads write meanwhile.

use crate::decode::content::Content;
use crate::decode::coroutine::state_without_await;
use crate::decode::memory::{NoBytes, Snapshot};
use crate::decode::roles::{base, leaf_kind, member};
use crate::decode::value::{Value, active};
use crate::model::ResourceKind;
use crate::types::{Member, Shape, Type, TypeId, TypeSource};

/// Maximum levels of values in values; deeper ones are not checked.
const DEEPEST: usize = 32;
/// Maximum elements of an array that are checked.
const MAX_ELEMENTS: u64 = 8;
/// Addresses of a program, on any architecture.
const ADDRESSES: std::ops::Range<u64> = 0x1000..1 << 56;
/// Maximum bytes behind a reference that must be readable.
const REFERRED_BYTES: u64 = 4096;
/// A reference counts as so many of the levels: each is one more request.
const LEVELS_OF_REFERENCE: usize = 8;
/// Levels of types whose alignment is read.
const ALIGNED_LEVELS: usize = 8;
/// Offset of the vtable in a task's header (`tokio/src/runtime/task/core.rs`, `Header`), and the header's bytes.
const VTABLE: u64 = 16;
const HEADER_BYTES: u64 = 24;
/// The functions at the start of the vtable (`tokio/src/runtime/task/raw.rs`, `Vtable`) that each version has.
const VTABLE_FUNCTIONS: u64 = 2;
const WORD: u64 = 8;

/// Checks values in memory.
pub(super) struct Possible<'p> {
    pub(super) source: &'p dyn TypeSource,
    pub(super) content: &'p mut Content,
    pub(super) snapshot: &'p Snapshot,
}

impl Possible<'_> {
    /// Whether a coroutine at this address can be suspended at an `await`.
    pub(super) fn is_suspended(&mut self, id: TypeId, avma: u64) -> Result<bool, NoBytes> {
        self.coroutine(id, avma, DEEPEST)
    }

    fn coroutine(&mut self, id: TypeId, avma: u64, depth: usize) -> Result<bool, NoBytes> {
        let Some(found) = self.content.get(self.source, id) else { return Ok(true) };
        if !self.has_discriminant(&found, avma)? {
            return Ok(false);
        }
        let Some(state) = active(self.snapshot, Value { found: &found, avma })? else { return Ok(false) };
        let content = self.content.get(self.source, state.type_id);
        let name = content.as_ref().map_or(&*state.name, |content| &*content.name);
        if state_without_await(name).is_some() {
            return Ok(false);
        }
        // All at once, and not one request for each value.
        if !self.is_readable(avma, found.size)? {
            return Ok(false);
        }
        let Some(Shape::Struct { members, .. }) = content.as_ref().map(|content| &content.shape) else {
            return Ok(true);
        };
        let awaitee = members.iter().find(|member| &*member.name == "__awaitee");
        let Some((awaitee, depth)) = awaitee.zip(depth.checked_sub(1)) else { return Ok(true) };
        let avma = avma.wrapping_add(state.offset).wrapping_add(awaitee.offset);
        let is_coroutine =
            self.content.get(self.source, awaitee.type_id).is_some_and(|found| found.is_coroutine());
        if is_coroutine {
            self.coroutine(awaitee.type_id, avma, depth)
        } else {
            self.value(awaitee.type_id, avma, depth)
        }
    }

    fn value(&mut self, id: TypeId, avma: u64, depth: usize) -> Result<bool, NoBytes> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(true) };
        let Some(found) = self.content.get(self.source, id) else { return Ok(true) };
        match &found.shape {
            // What was dropped, and what is not initialized, may be anything.
            Shape::Struct { is_union: true, .. } => Ok(true),
            Shape::Struct { .. } if may_be_gone(&found) => Ok(true),
            Shape::Struct { .. } if leaf_kind(&found) == Some(ResourceKind::Task) => self.join_handle(avma),
            Shape::Struct { .. } if is_counted(&found) => self.counted(avma),
            Shape::Struct { members, .. } => {
                Ok(self.dynamic(&found, avma)? && self.all(members, avma, depth)?)
            }
            Shape::Enum { .. } => match active(self.snapshot, Value { found: &found, avma })? {
                // The local variables of a coroutine may be gone.
                Some(_) if found.is_coroutine() => Ok(true),
                Some(content) => self.value(content.type_id, avma.wrapping_add(content.offset), depth),
                None => Ok(false),
            },
            Shape::Pointer { .. } if found.name.starts_with('*') => Ok(true),
            Shape::Pointer { target } => self.reference(*target, avma, depth),
            Shape::Array { element, length } => {
                let size = self.content.get(self.source, *element).map_or(0, |found| found.size);
                for number in 0..(*length).min(MAX_ELEMENTS) {
                    if !self.value(*element, avma.wrapping_add(number.wrapping_mul(size)), depth)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Shape::Scalar if &*found.name == "bool" => Ok(self.snapshot.number(avma, 1)? <= 1),
            Shape::Scalar => Ok(true),
        }
    }

    /// A reference or a box: aligned, and to a value of its type. Nothing changes that value but what is in an
    /// `UnsafeCell`, while this thread waits.
    fn reference(&mut self, target: Option<TypeId>, avma: u64, depth: usize) -> Result<bool, NoBytes> {
        let pointer = self.snapshot.number(avma, WORD)?;
        let found = target.and_then(|target| Some((target, self.content.get(self.source, target)?)));
        let Some((target, found)) = found.filter(|(_, found)| found.size > 0) else {
            return Ok((1..ADDRESSES.end).contains(&pointer));
        };
        let alignment = self.alignment(target, ALIGNED_LEVELS);
        if !ADDRESSES.contains(&pointer)
            || !pointer.is_multiple_of(alignment)
            || !self.is_readable(pointer, found.size.min(REFERRED_BYTES))?
        {
            return Ok(false);
        }
        match depth.checked_sub(LEVELS_OF_REFERENCE).filter(|_| found.size <= REFERRED_BYTES) {
            Some(depth) => self.value(target, pointer, depth),
            None => Ok(true),
        }
    }

    /// A pointer to a value behind `dyn`: its vtable is part of a loaded object.
    fn dynamic(&mut self, found: &Type, avma: u64) -> Result<bool, NoBytes> {
        let is_dynamic = member(found, "pointer").is_some() || member(found, "data_ptr").is_some();
        let Some(vtable) = member(found, "vtable").filter(|_| is_dynamic) else { return Ok(true) };
        let vtable = self.snapshot.number(avma.wrapping_add(vtable.offset), WORD)?;
        Ok(vtable.is_multiple_of(WORD) && self.source.is_loaded(vtable))
    }

    /// An `Arc` or `Rc`: to memory that begins with two counts, which are not zero.
    fn counted(&mut self, avma: u64) -> Result<bool, NoBytes> {
        let pointer = self.snapshot.number(avma, WORD)?;
        Ok(ADDRESSES.contains(&pointer)
            && pointer.is_multiple_of(WORD)
            && self.is_readable(pointer, 2 * WORD)?
            && (1..1 << 62).contains(&self.snapshot.number(pointer, WORD)?)
            && self.snapshot.number(pointer + WORD, WORD)? != 0)
    }

    /// A task's handle: to a header whose vtable is part of a loaded object and has functions of one.
    fn join_handle(&mut self, avma: u64) -> Result<bool, NoBytes> {
        let header = self.snapshot.number(avma, WORD)?;
        if !ADDRESSES.contains(&header)
            || !header.is_multiple_of(WORD)
            || !self.is_readable(header, HEADER_BYTES)?
        {
            return Ok(false);
        }
        let vtable = self.snapshot.number(header + VTABLE, WORD)?;
        if !vtable.is_multiple_of(WORD)
            || !self.source.is_loaded(vtable)
            || !self.is_readable(vtable, VTABLE_FUNCTIONS * WORD)?
        {
            return Ok(false);
        }
        for function in 0..VTABLE_FUNCTIONS {
            let function = self.snapshot.number(vtable.wrapping_add(function * WORD), WORD)?;
            if !self.source.is_loaded(function) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the discriminant of an enum can be read.
    fn has_discriminant(&self, found: &Type, avma: u64) -> Result<bool, NoBytes> {
        match &found.shape {
            Shape::Enum { discriminant: Some(place), .. } => {
                self.is_readable(avma.wrapping_add(place.offset), place.size.min(16))
            }
            _ => Ok(true),
        }
    }

    /// Whether memory can be read, as far as the limits of a task allow to know it.
    fn is_readable(&self, avma: u64, length: u64) -> Result<bool, NoBytes> {
        match self.snapshot.read(avma, length) {
            Ok(_) => Ok(true),
            Err(NoBytes::Never) if self.snapshot.is_unreadable(avma, length) => Ok(false),
            Err(no) => Err(no),
        }
    }

    fn all(&mut self, members: &[Member], avma: u64, depth: usize) -> Result<bool, NoBytes> {
        for member in members {
            if self.content.is_exhausted() {
                break;
            }
            if !self.value(member.type_id, avma.wrapping_add(member.offset), depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The least alignment that a type can have: that of the pointers and numbers in it.
    pub(super) fn alignment(&mut self, id: TypeId, depth: usize) -> u64 {
        let (Some(depth), Some(found)) = (depth.checked_sub(1), self.content.get(self.source, id)) else {
            return 1;
        };
        if let Some(stated) = found.alignment {
            return stated;
        }
        let mut of = |members: &mut dyn Iterator<Item = &Member>| {
            let mut most = 1;
            for member in members {
                let own = self.alignment(member.type_id, depth);
                // A packed type.
                if !member.offset.is_multiple_of(own) {
                    return 1;
                }
                most = most.max(own);
            }
            most
        };
        match &found.shape {
            Shape::Pointer { .. } => 8,
            Shape::Struct { members, .. } => of(&mut members.iter()),
            Shape::Enum { variants, .. } => of(&mut variants.iter().map(|variant| &variant.content)),
            Shape::Array { element, length: 1.. } => self.alignment(*element, depth),
            Shape::Array { .. } => 1,
            Shape::Scalar if matches!(found.size, 1 | 2 | 4 | 8) => found.size,
            Shape::Scalar => 1,
        }
    }
}

/// `Arc` and `Rc`, which keep their counts before the value.
fn is_counted(found: &Type) -> bool {
    matches!((&*found.namespace, base(&found.name)), ("alloc::sync", "Arc") | ("alloc::rc", "Rc"))
}

/// Types whose content may be dropped or not initialized while they live, or be written meanwhile.
fn may_be_gone(found: &Type) -> bool {
    matches!(base(&found.name), "ManuallyDrop" | "MaybeUninit" | "MaybeDangling" | "UnsafeCell")
}

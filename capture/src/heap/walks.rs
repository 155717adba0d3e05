//! Walks the stacks of samples with the engine's unwinder, and caches the results.
//!
//! A program allocates from the same stacks again and again, and a walk costs 20 to 50 ns per frame. The result
//! is a function of the initial registers, the unwind data, and the words that the walk reads. So each
//! thread caches its last few walks: their initial registers, and the words that decided them. If a sample
//! has the same program counter and stack pointer and all these words are unchanged, the stack is
//! the same, at the cost of a load and a comparison per frame.
//!
//! The decisive words are the return addresses, and the saved frame pointers that were used. A saved frame
//! pointer that no frame used as such is an arbitrary value, different every time. Whether it was
//! used is visible in the step that used it (the caller's stack pointer is directly above it).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rgops_protocol::reply::StackEnd;

use super::super::arch::Registers;
use super::super::memory::PAGE_BYTES;
use super::super::modules::Modules;
use super::super::scratch_stacks;
use super::super::unwind::{self, Frames, Step, Workspace};
use super::mapped_stack::MappedStack;
use super::slots::Slot;
use super::stacks::Stacks;
use super::unwinding::{MODULES, STALE};

/// The maximum number of frames kept, innermost first.
pub(super) const MAX_FRAMES: usize = 256;
/// The number of walks cached per thread.
const CACHED_WALKS: usize = 4;
/// The maximum number of decisive words; longer walks are not cached.
const WORDS: usize = 96;
/// The distance from the frame pointer to the caller's stack pointer, in bytes: the saved
/// frame pointer and the return address.
const FRAME_BYTES: u64 = 16;

/// The version of the module list; incremented with every new list, which invalidates all cached walks.
pub(super) static LIST: AtomicU32 = AtomicU32::new(1);

/// A thread's cache. Zeroed memory is a valid empty cache.
pub(super) struct Walks {
    /// The keys, separate from the words so that they take few cache lines.
    cached: [CachedWalk; CACHED_WALKS],
    decisive: [Decisive; CACHED_WALKS],
    /// The index of the entry to overwrite next.
    next: usize,
    /// The words of the current walk.
    words: Words,
}

struct CachedWalk {
    sp: u64,
    pc: u64,
    /// The initial frame pointer, and whether it decided anything.
    fp: u64,
    uses_fp: bool,
    list: u32,
    stack: u32,
    count: usize,
    /// The largest of the offsets.
    highest: u32,
}

/// The words that decided a walk.
struct Decisive {
    /// Their positions, relative to the stack pointer.
    offsets: [u32; WORDS],
    values: [u64; WORDS],
}

/// The decisive words of the walk in progress.
struct Words {
    /// The initial stack pointer.
    sp: u64,
    count: usize,
    /// Whether there were too many words, or a return address that was in none of them.
    too_many: bool,
    uses_first_fp: bool,
    /// The saved frame pointer in use now, until it is known whether it decides anything.
    saved_fp: (u64, u64),
    has_saved_fp: bool,
    /// The words read in the current step.
    in_step: [(u64, u64); 4],
    in_step_count: usize,
    addresses: [u64; WORDS],
    values: [u64; WORDS],
}

impl Words {
    fn begin(&mut self, sp: u64) {
        self.sp = sp;
        (self.count, self.too_many, self.uses_first_fp) = (0, false, false);
        (self.has_saved_fp, self.in_step_count) = (false, 0);
    }

    fn read(&mut self, address: u64, value: u64) {
        match self.in_step.get_mut(self.in_step_count) {
            Some(word) => *word = (address, value),
            None => self.too_many = true,
        }
        self.in_step_count += 1;
    }

    fn keep(&mut self, (address, value): (u64, u64)) {
        if self.count == WORDS || address < self.sp {
            self.too_many = true;
            return;
        }
        (self.addresses[self.count], self.values[self.count]) = (address, value);
        self.count += 1;
    }

    fn step(&mut self, step: Step) {
        let read = self.in_step;
        let read = &read[..self.in_step_count.min(read.len())];
        self.in_step_count = 0;
        let is_used = step.sp_after == step.fp_before.wrapping_add(FRAME_BYTES);
        if is_used {
            if self.has_saved_fp {
                self.keep(self.saved_fp);
            } else {
                self.uses_first_fp = true;
            }
        }
        let mut found = false;
        for word in read {
            if word.1 == step.caller && !found {
                found = true;
                self.keep(*word);
            } else {
                (self.saved_fp, self.has_saved_fp) = (*word, true);
            }
        }
        self.too_many |= !found;
    }
}

impl Walks {
    /// Clears the cache for a new owner: nothing is known of its stack.
    pub(super) fn forget(&mut self) {
        self.cached.iter_mut().for_each(|cached| cached.sp = 0);
    }

    /// The number of the stack that begins at `registers`, without its first frame, which is ours. 0 when
    /// it cannot be walked.
    #[inline]
    pub(super) fn stack(&mut self, registers: Registers, slot: &Slot, stacks: &Stacks) -> u32 {
        if !slot.stack.contains(registers.sp) && !slot.stack.probe(registers.sp, slot.is_of_first_thread()) {
            return on_unknown_stack(registers, stacks);
        }
        let list = LIST.load(Ordering::Acquire);
        for (cached, decisive) in self.cached.iter().zip(&self.decisive) {
            if cached.is(registers, list, &slot.stack, decisive) {
                return cached.stack;
            }
        }
        self.walk_uncached(registers, &slot.stack, list, stacks)
    }

    #[cold]
    #[inline(never)]
    fn walk_uncached(&mut self, registers: Registers, own: &MappedStack, list: u32, stacks: &Stacks) -> u32 {
        scratch_stacks::call(|| self.walk(registers, own, list, stacks)).unwrap_or(0)
    }

    fn walk(&mut self, registers: Registers, own: &MappedStack, list: u32, stacks: &Stacks) -> u32 {
        let Walks { words, .. } = self;
        let sp = registers.sp;
        words.begin(sp);
        let number = with_unwinder(|modules, workspace| {
            let mut memory = (own, words);
            let frames = unwind::walk_by(
                registers,
                modules,
                workspace,
                &mut memory,
                |(own, words), address| {
                    let value = own.read(sp, address)?;
                    words.read(address, value);
                    Ok(value)
                },
                |(_, words), step| words.step(step),
            );
            numbered(&frames, stacks)
        });
        let Some((number, is_known)) = number else { return 0 };
        if is_known && !self.words.too_many {
            let cached = &mut self.cached[self.next];
            let decisive = &mut self.decisive[self.next];
            self.next = (self.next + 1) % CACHED_WALKS;
            let words = &self.words;
            for at in 0..words.count {
                // Below 2 MiB, the limit of `MappedStack`, and not below `sp` (`keep`).
                decisive.offsets[at] = (words.addresses[at] - sp) as u32;
                decisive.values[at] = words.values[at];
            }
            cached.highest = decisive.offsets[..words.count].iter().copied().max().unwrap_or_default();
            cached.count = words.count;
            (cached.fp, cached.uses_fp) = (registers.fp, words.uses_first_fp);
            (cached.sp, cached.pc, cached.list) = (sp, registers.pc, list);
            cached.stack = number;
        }
        number
    }
}

impl CachedWalk {
    #[inline]
    fn is(&self, registers: Registers, list: u32, own: &MappedStack, decisive: &Decisive) -> bool {
        self.sp == registers.sp
            && self.list == list
            && self.pc == registers.pc
            && (!self.uses_fp || self.fp == registers.fp)
            && own.reaches(registers.sp.wrapping_add(u64::from(self.highest)))
            && decisive.are_there(self.count, registers.sp, own)
    }
}

impl Decisive {
    /// Whether the words are unchanged. The caller checked that the thread's own stack reaches up to `highest`.
    #[inline]
    fn are_there(&self, count: usize, sp: u64, own: &MappedStack) -> bool {
        // A plain loop, because this is most of the cost of a sample with a cached stack.
        let (offsets, values) = (&self.offsets[..count.min(WORDS)], &self.values[..count.min(WORDS)]);
        for at in 0..offsets.len() {
            // SAFETY: the word is between `sp` and `highest`, for which the caller checked `MappedStack::reaches`.
            if unsafe { own.word(sp + u64::from(offsets[at])) } != values[at] {
                return false;
            }
        }
        true
    }
}

/// The number of samples whose stack was truncated at the end of a page, because its bounds are unknown.
pub(super) static UNKNOWN: AtomicU64 = AtomicU64::new(0);

/// Walks a stack with unknown bounds: a coroutine's, or an alternate one. Only the rest of the page of the stack
/// pointer is certain to exist, because the thread runs there. This often includes the callers that matter.
#[cold]
#[inline(never)]
fn on_unknown_stack(registers: Registers, stacks: &Stacks) -> u32 {
    UNKNOWN.fetch_add(1, Ordering::Relaxed);
    let end_of_page = (registers.sp | (PAGE_BYTES - 1)).saturating_add(1);
    let walk = |modules: &Modules, workspace: &mut Workspace| {
        numbered(&unwind::walk(registers, end_of_page, modules, workspace), stacks).0
    };
    scratch_stacks::call(|| with_unwinder(walk)).flatten().unwrap_or(0)
}

/// The stack's number, and whether all of it was in known modules. Only then can it be cached.
fn numbered(frames: &Frames<'_>, stacks: &Stacks) -> (u32, bool) {
    if frames.met_unknown {
        STALE.store(true, Ordering::Relaxed);
    }
    let callers = &frames.addresses[1.min(frames.addresses.len())..];
    let end = if callers.len() > MAX_FRAMES { StackEnd::DepthLimit } else { frames.end };
    let callers = &callers[..callers.len().min(MAX_FRAMES)];
    if callers.is_empty() {
        return (0, false);
    }
    match stacks.number(callers, end) {
        Some(number) => (number, !frames.met_unknown),
        None => (0, false),
    }
}

/// Calls `walk` with the unwind data and a free workspace; `None` when there is none.
fn with_unwinder<R>(walk: impl FnOnce(&Modules, &mut Workspace) -> R) -> Option<R> {
    MODULES.read(|published| {
        let published = published?;
        let mut walk = Some(walk);
        published.places.iter().find_map(|place| {
            place.try_use(|workspace| walk.take().map(|walk| walk(&published.modules, workspace))).flatten()
        })
    })
}

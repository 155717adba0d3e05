//! Stacks of samples: walked by the engine's unwinder, and remembered while they stay the same.
//!
//! A program allocates from the same stacks again and again, and a walk costs 20 to 50 ns a frame. A walk
//! is a function of the registers it begins with, the unwind data, and the words it reads. So each
//! thread keeps its last few walks: where they began, and the words that decided them. When a sample
//! comes with the same program counter and stack pointer and all these words are the same, the stack is
//! the same, for a load and a comparison a frame.
//!
//! The words that decide are the return addresses, and saved frame pointers that were used. A saved frame
//! pointer that no frame used as such is some value of the program's, different every time; whether it was
//! used is seen by the step it was used in (the caller's stack pointer is right above it).

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

/// Frames kept of a stack, the leaf's side.
pub(super) const MAX_FRAMES: usize = 256;
/// Walks a thread remembers.
const REMEMBERED: usize = 4;
/// Words that decide one; a longer walk is not remembered.
const WORDS: usize = 96;
/// Bytes above the frame pointer at which its function's caller has its stack pointer: behind the saved
/// frame pointer and the return address.
const FRAME_BYTES: u64 = 16;

/// Number of the module list in use; moved on with every new one, so that nothing is remembered of it.
pub(super) static LIST: AtomicU32 = AtomicU32::new(1);

/// What a thread knows of its stacks. Zeroed memory is a valid value.
pub(super) struct Walks {
    /// Beginnings apart from the words: in few cache lines.
    remembered: [Remembered; REMEMBERED],
    decisive: [Decisive; REMEMBERED],
    /// The one to be written next.
    next: usize,
    /// Words of the walk under way.
    words: Words,
}

struct Remembered {
    sp: u64,
    pc: u64,
    /// The frame pointer it began with, and whether that decided anything.
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
    /// Where they are, above the stack pointer.
    offsets: [u32; WORDS],
    values: [u64; WORDS],
}

/// Words a walk read that decided it.
struct Words {
    /// The stack pointer the walk began with.
    sp: u64,
    count: usize,
    /// Whether there were more than fit, or a return address that was in none of them.
    too_many: bool,
    uses_first_fp: bool,
    /// The saved frame pointer that is in use now, until it is known whether it decides anything.
    saved_fp: (u64, u64),
    has_saved_fp: bool,
    /// Words read in the step under way.
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
    /// Another thread has this now: nothing is known of its stack.
    pub(super) fn forget(&mut self) {
        self.remembered.iter_mut().for_each(|remembered| remembered.sp = 0);
    }

    /// The number of the stack that begins at `registers`, without its first frame, which is ours. 0 when
    /// it cannot be had.
    #[inline]
    pub(super) fn stack(&mut self, registers: Registers, slot: &Slot, stacks: &Stacks) -> u32 {
        if !slot.stack.contains(registers.sp) && !slot.stack.ask(registers.sp, slot.is_of_first_thread()) {
            return on_unknown_stack(registers, stacks);
        }
        let list = LIST.load(Ordering::Acquire);
        for (remembered, decisive) in self.remembered.iter().zip(&self.decisive) {
            if remembered.is(registers, list, &slot.stack, decisive) {
                return remembered.stack;
            }
        }
        self.walk_anew(registers, &slot.stack, list, stacks)
    }

    #[cold]
    #[inline(never)]
    fn walk_anew(&mut self, registers: Registers, own: &MappedStack, list: u32, stacks: &Stacks) -> u32 {
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
            let remembered = &mut self.remembered[self.next];
            let decisive = &mut self.decisive[self.next];
            self.next = (self.next + 1) % REMEMBERED;
            let words = &self.words;
            for at in 0..words.count {
                // Within the 2 MiB that `MappedStack` looks at, and not below `sp` (`keep`).
                decisive.offsets[at] = (words.addresses[at] - sp) as u32;
                decisive.values[at] = words.values[at];
            }
            remembered.highest = decisive.offsets[..words.count].iter().copied().max().unwrap_or_default();
            remembered.count = words.count;
            (remembered.fp, remembered.uses_fp) = (registers.fp, words.uses_first_fp);
            (remembered.sp, remembered.pc, remembered.list) = (sp, registers.pc, list);
            remembered.stack = number;
        }
        number
    }
}

impl Remembered {
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
    /// Whether the words are still what they were. Up to `highest`, they are on the thread's own stack.
    #[inline]
    fn are_there(&self, count: usize, sp: u64, own: &MappedStack) -> bool {
        // A plain loop: this is most of what a sample of a known stack costs.
        let (offsets, values) = (&self.offsets[..count.min(WORDS)], &self.values[..count.min(WORDS)]);
        for at in 0..offsets.len() {
            // SAFETY: between `sp` and `highest`, of which the caller asked `MappedStack::reaches`.
            if unsafe { own.word(sp + u64::from(offsets[at])) } != values[at] {
                return false;
            }
        }
        true
    }
}

/// Samples whose stack was cut at the end of a page, because nothing was known of the stack they were on.
pub(super) static UNKNOWN: AtomicU64 = AtomicU64::new(0);

/// On a stack of which nothing is known: a coroutine's, or an alternate one. What is sure to be there is the rest of
/// the page that the stack pointer is in, because the thread runs there; this is often the callers that matter.
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

/// The stack's number, and whether all of it was in known modules: then it stays as it is.
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

/// Calls `walk` with the unwind data and a place to work in; `None` when there is none.
fn with_unwinder<R>(walk: impl FnOnce(&Modules, &mut Workspace) -> R) -> Option<R> {
    MODULES.look(|published| {
        let published = published?;
        let mut walk = Some(walk);
        published.places.iter().find_map(|place| {
            place.try_use(|workspace| walk.take().map(|walk| walk(&published.modules, workspace))).flatten()
        })
    })
}

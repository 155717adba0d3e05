//! The functions that the allocator wrapper calls: they count every block and take samples when due.

use std::sync::atomic::Ordering;

use super::live::{self, Block};
use super::own_slot::{OWN, claim, own_slot};
use super::slots::{MAX_RECENT_BYTES, Shared, Slot};
use super::tables::{BUCKETS, Inner, NAME, Rate, TABLES, filter, gap, index_of, shared, tables};
use crate::arch::Registers;
use crate::scratch_stacks;

/// Called before an allocation. `false`: it was not counted, and [`allocated`] must be called with the
/// block. An allocation counted here counts even if the allocator fails.
#[inline(always)]
pub fn count_allocation(size: usize) -> bool {
    own_slot().is_some_and(|slot| slot.allocated.add(1, size as u64, slot.threshold.load(Ordering::Relaxed)))
}

/// Called before a block is freed. `false`: it was not counted, and [`freeing`] must be called.
#[inline(always)]
pub fn count_free(block: *mut u8, size: usize) -> bool {
    !may_be_sampled(block) && own_slot().is_some_and(|slot| slot.freed.add(1, size as u64, MAX_RECENT_BYTES))
}

/// The calling function's position in its thread's stack.
#[derive(Clone, Copy)]
pub struct Caller(Registers);

/// The caller must not be inlined, and must not return or end in a tail call before it has passed this to
/// [`allocated`]: its frame is the one that is omitted from the stack.
#[inline(always)]
pub fn caller() -> Caller {
    Caller(Registers::here())
}

/// Called for a block, or null, that [`count_allocation`] did not count. `name` returns the allocator's name.
#[cold]
#[inline(never)]
pub fn allocated(caller: Caller, block: *mut u8, size: usize, name: fn() -> &'static str) {
    if block.is_null() {
        return;
    }
    count_with_room(caller, 1, block, size, name);
}

/// Counts on the current stack if it is the thread's own, which is the usual case. Any other stack may have no room,
/// so the work moves to a scratch stack.
#[inline]
fn count_with_room(caller: Caller, blocks: u64, block: *mut u8, size: usize, name: fn() -> &'static str) {
    let is_own = match own_slot() {
        Some(slot) => slot.stack.contains(caller.0.sp),
        // A thread that shares a slot gets here with every block.
        None => OWN.with(|own| own.shares.get()),
    };
    let count = || count_block(caller, blocks, block, size, name);
    if is_own || scratch_stacks::call(count).is_none() {
        count();
    }
}

/// Called before a block is freed that [`count_free`] did not count.
#[cold]
#[inline(never)]
pub fn freeing(block: *mut u8, size: usize) {
    if may_be_sampled(block) {
        free_sampled(block);
    }
    count_freed(1, size);
}

#[cold]
#[inline(never)]
fn count_freed(blocks: u64, size: usize) {
    let size = size as u64;
    let counted = own_slot().or_else(claim).and_then(|slot| {
        if slot.freed.add(blocks, size, MAX_RECENT_BYTES) {
            return Some(());
        }
        slot.enter(|| slot.freed.add_to(&slot.freed_before, blocks, size))
    });
    if counted.is_none() {
        Shared::add(&shared().freed, blocks, size);
    }
}

/// Whether this block may be in the table, according to the filter.
#[inline(always)]
fn may_be_sampled(block: *mut u8) -> bool {
    live::may_be_in(filter(), BUCKETS, block as u64)
}

/// A sampled block while the allocator's `realloc` runs.
pub struct Reallocating(Option<live::Taken>);

/// Called before a reallocation. From here on another thread may get the block's address.
#[inline(always)]
pub fn reallocating(block: *mut u8) -> Reallocating {
    Reallocating(if may_be_sampled(block) { take(block) } else { None })
}

#[cold]
#[inline(never)]
fn take(block: *mut u8) -> Option<live::Taken> {
    tables()?.live.take(block as u64)
}

/// Called after a reallocation: `new` is the new block, or null when the allocator failed and the old one stays.
/// `false`: the new block was not counted, and [`reallocated`] must be called.
#[inline(always)]
pub fn count_reallocation(
    taken: Reallocating,
    old: *mut u8,
    old_size: usize,
    new: *mut u8,
    new_size: usize,
) -> bool {
    if taken.0.is_some() {
        end_reallocation(taken, old, new);
    }
    if new.is_null() {
        return true;
    }
    let counted = own_slot().is_some_and(|slot| slot.freed.add(0, old_size as u64, MAX_RECENT_BYTES));
    if !counted {
        count_freed(0, old_size);
    }
    own_slot().is_some_and(|slot| {
        slot.reallocations
            .store(slot.reallocations.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        slot.allocated.add(0, new_size as u64, slot.threshold.load(Ordering::Relaxed))
    })
}

/// Called for a reallocated block, not null, that [`count_reallocation`] did not count.
#[cold]
#[inline(never)]
pub fn reallocated(caller: Caller, new: *mut u8, new_size: usize, name: fn() -> &'static str) {
    if own_slot().is_none() {
        shared().reallocations.fetch_add(1, Ordering::Release);
    }
    count_with_room(caller, 0, new, new_size, name);
}

/// Counts a block that reached the threshold (`blocks` is 0 for a reallocation): a sample is due, the
/// rate changed, the word is full, or the thread is new.
#[inline]
fn count_block(caller: Caller, blocks: u64, block: *mut u8, size: usize, name: fn() -> &'static str) {
    let slot = own_slot().or_else(|| {
        NAME.store(name as *mut (), Ordering::Release);
        claim()
    });
    let size = size as u64;
    let entered = slot.and_then(|slot| {
        slot.enter(|| {
            let passed = slot.allocated.recent_bytes();
            slot.allocated.add_to(&slot.allocated_before, blocks, size);
            advance(slot, passed, caller.0, block, size);
        })
    });
    if entered.is_none() {
        // There is no slot, or this is a signal handler that interrupted `enter`. The block is sampled by an independent
        // random draw: a countdown shared by all such threads would not be random enough.
        Shared::add(&shared().allocated, blocks, size);
        if let Some(tables) = tables() {
            tables.record_by_chance(block, size, slot.is_some());
        }
    }
}

/// Advances the owner of `slot` towards the next sample: by `passed` bytes, and then by a block, which is
/// sampled if it exceeds the gap.
#[inline]
fn advance(slot: &'static Slot, passed: u64, registers: Registers, block: *mut u8, size: u64) {
    let Some(tables) = tables() else {
        // Sampling has not started. `begin` sets thresholds to 0 after it has published the tables.
        slot.gap.store(u64::MAX, Ordering::Relaxed);
        slot.threshold.store(MAX_RECENT_BYTES, Ordering::SeqCst);
        if !TABLES.load(Ordering::SeqCst).is_null() {
            slot.threshold.store(0, Ordering::SeqCst);
        }
        return;
    };
    // SAFETY: only the owner's thread gets here, and never twice at a time (`count_block`, `Slot::enter`).
    let own = unsafe { &mut *tables.extras[index_of(slot)].0.get() };
    let mut rate = Rate::now();
    let drawn_by = slot.change.load(Ordering::Relaxed);
    if drawn_by == rate.change() {
        let gap = slot.gap.load(Ordering::Relaxed);
        slot.gap.store(gap.saturating_sub(passed), Ordering::Relaxed);
    } else {
        // The rate changed, or the thread is new: draw a new gap, starting before this block.
        if drawn_by == 0 {
            own.walks.forget();
        }
        rate = draw_gap(slot, own);
    }
    let gap = slot.gap.load(Ordering::Relaxed);
    if size < gap {
        slot.gap.store(gap - size, Ordering::Relaxed);
        set_threshold(slot, rate);
        return;
    }
    let number = rate.number();
    set_threshold(slot, draw_gap(slot, own));
    if number == 0 || slot.excluded.load(Ordering::Relaxed) != 0 {
        return;
    }
    let size = size.min(Block::MAX_SIZE);
    let stack = own.walks.stack(registers, slot, tables.stacks);
    tables.record(block, size, number, stack);
}

/// Draws the gap to the next sample, and returns the rate that was used.
#[inline]
fn draw_gap(slot: &'static Slot, own: &mut Inner) -> Rate {
    let rate = Rate::now();
    let gap = match rate.mean() {
        0 => u64::MAX,
        _ if slot.excluded.load(Ordering::Relaxed) != 0 => u64::MAX,
        mean => gap(own.random(std::ptr::from_ref(slot) as u64), mean),
    };
    slot.change.store(rate.change(), Ordering::Relaxed);
    slot.gap.store(gap, Ordering::Relaxed);
    rate
}

/// Sets the threshold from the gap, which was drawn for this rate. [`Slot::allocated`] was just reset.
#[inline]
fn set_threshold(slot: &'static Slot, rate: Rate) {
    let threshold = slot.gap.load(Ordering::Relaxed).min(MAX_RECENT_BYTES);
    slot.threshold.store(threshold, Ordering::SeqCst);
    // The agent sets the rate before it sets thresholds to 0. So either it writes the 0 after our store, or
    // its new rate is visible here.
    if Rate::now() != rate {
        slot.threshold.store(0, Ordering::SeqCst);
    }
}

#[cold]
#[inline(never)]
fn free_sampled(block: *mut u8) {
    let Some(tables) = tables() else { return };
    let Some(taken) = tables.live.take(block as u64) else { return };
    tables.freed(taken);
}

#[cold]
#[inline(never)]
fn end_reallocation(taken: Reallocating, old: *mut u8, new: *mut u8) {
    let (Some(tables), Some(taken)) = (tables(), taken.0) else { return };
    if new.is_null() {
        tables.live.put_back(taken, old as u64);
    } else {
        tables.freed(taken);
    }
}

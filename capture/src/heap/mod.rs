//! Heap sampling: what `crate::alloc::Sampling` calls at every allocation and every free.
//!
//! # What it costs, and where
//! * **Every allocation**: one addition in the thread's own slot ([`mod@slots`]), and a comparison with the
//!   number of bytes at which the next sample is due. It is counted before it is made, so that the call of the
//!   allocator is the last thing done and needs no frame.
//! * **Every free**: one addition, and one byte of the filter ([`live`]).
//! * **Every sample** (one in 512 KiB): the stack ([`walks`]), its sums ([`stacks`]), an entry in the table
//!   of living blocks ([`live`]). No allocation, no lock, no call into the loader; system calls where a
//!   thread's stack is looked at for the first time, and two where it is walked and not remembered: that is
//!   done on a stack of ours ([`super::own_stacks`]), because the program's may be a coroutine's and small.
//!   What is left on the program's is measured by the test `a_sample_takes_little_stack`.
//!
//! # Why the estimates are unbiased
//! The gaps between samples are exponential, so whether a block is hit depends on its size alone and not
//! on what was allocated before: with probability `1 - exp(-size / mean)`, independently of all others. A
//! new rate, or a thread that begins, may therefore draw its gap anew from where it is
//! ([`Slot::threshold`] 0 asks for that).
//!
//! # When it begins
//! With `listen`: the agent's thread maps the tables, reads the modules and sets the rate. Before that, and
//! without an agent, only the exact counters run; they need no memory but [`SLOTS`] and [`FILTER`], which
//! are zeroed data of the executable. Blocks allocated earlier are not in the tables, so freeing them changes
//! nothing. The agent's own threads are excluded.
//!
//! # Who may call
//! Any thread at any moment: before `main`, in TLS destructors, in a fork child, in a signal handler (whose
//! samples have no stack while the code it interrupted walks one). `errno` stays as it was.

pub mod live;
mod own_stack;
mod reading;
pub mod slots;
mod stacks;
mod walks;

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use rgops_protocol::reply::pprof_heap::Estimate;

use super::arch::Registers;
use super::grace::Guarded;
use super::own_stacks;
#[cfg(not(rgops_loom))]
use super::sync::AtomicU8;
use live::{Block, Live};
use reading::Unwinding;
pub use reading::{
    Reading, Refusal, allocator, begin, default_rate, end, exact, exclude_this_thread, is_sampled,
    list_modules, rate, read, samples_on_unknown_stacks, set_rate, since_unix_ns, stack,
};
use slots::{MAX_RECENT_BYTES, Owner, SLOTS as SLOT_COUNT, Shared, Slot};
use stacks::Stacks;
use walks::Walks;

/// Mean bytes between two samples, when nobody says otherwise: Go's.
pub const DEFAULT_MEAN_BYTES: u64 = 512 * 1024;

/// Buckets of the table of living blocks. With 8 entries each, 32,000 living samples (16 GiB at 512 KiB) lose 2
/// in 10,000 blocks, which are counted.
const BUCKETS: usize = 1 << 14;
/// Different means there can be in the life of a process.
const MEANS: usize = 256;

#[cfg(not(rgops_loom))]
static SLOTS: [Slot; SLOT_COUNT] = [const { Slot::new() }; SLOT_COUNT];
/// Of threads that found no slot.
#[cfg(not(rgops_loom))]
static SHARED: Shared = Shared::new();
/// The filter of the table of living blocks. Untouched, it is the kernel's zero page.
#[cfg(not(rgops_loom))]
static FILTER: [AtomicU8; BUCKETS / live::GROUP] = [const { AtomicU8::new(0) }; BUCKETS / live::GROUP];

/// The tables, once sampling has begun. Never freed: a block may be freed at any time.
static TABLES: AtomicPtr<Tables> = AtomicPtr::new(std::ptr::null_mut());
/// The rate: number of its change in the upper half, of its mean in the lower. 0: off.
static RATE: AtomicU64 = AtomicU64::new(0);
/// Means by their numbers; number 0 is off.
static MEAN: [AtomicU64; MEANS] = [const { AtomicU64::new(0) }; MEANS];
/// The wrapped allocator's name ([`allocator`]): a function that gives it. Null without a wrapper.
static NAME: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
/// The unwind data samples are walked with.
#[cfg(not(rgops_loom))]
static MODULES: Guarded<Unwinding> = Guarded::new();
#[cfg(rgops_loom)]
loom::lazy_static! { static ref MODULES: Guarded<Unwinding> = Guarded::new(); }
/// A sample was in no known module: objects were loaded since the list was read.
static STALE: AtomicBool = AtomicBool::new(false);

/// What sampling needs beside the counters, made by [`begin`].
struct Tables {
    live: Live,
    stacks: &'static Stacks,
    extras: &'static [Extra],
    /// When it began: `CLOCK_MONOTONIC_COARSE` and the Unix time.
    began_ms: u64,
    began_unix_ns: u64,
    /// Samples whose bucket was full, and what they stood for.
    lost: AtomicU64,
    lost_bytes: AtomicU64,
    /// Bytes of address space of all this.
    own_bytes: u64,
}

/// What a thread with a slot needs when it samples: used inside [`Slot::enter`] of that slot only.
struct Extra(UnsafeCell<Inner>);

// SAFETY: touched only by the slot's owner, inside `Slot::enter` (`Extra::of`).
unsafe impl Sync for Extra {}

/// Zeroed memory is a valid value of it.
struct Inner {
    random: u64,
    walks: Walks,
}

impl Inner {
    fn random(&mut self, seed: u64) -> u64 {
        random(&mut self.random, seed)
    }
}

/// xorshift64*, seeded when its state is 0. (Vigna 2016: An experimental exploration of Marsaglia's xorshift
/// generators, scrambled.)
fn random(state: &mut u64, seed: u64) -> u64 {
    if *state == 0 {
        *state = (seed ^ super::clock::monotonic_ns()).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    }
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// Bytes to the next sample: exponential, rounded up to more than itself, so that a block of `s` bytes is hit
/// (the gap is at most `s`) with probability 1 - exp(-s / mean).
fn gap(random: u64, mean: u64) -> u64 {
    if mean <= 1 {
        return 1;
    }
    // In (0, 1]: 53 bits, the lowest value above 0.
    let uniform = ((random >> 11) + 1) as f64 / (1u64 << 53) as f64;
    (-uniform.ln() * mean as f64) as i64 as u64 + 1
}

/// A rate as [`RATE`] has it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Rate(u64);

impl Rate {
    fn now() -> Rate {
        Rate(RATE.load(Ordering::SeqCst))
    }

    fn change(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn number(self) -> u32 {
        self.0 as u32
    }

    fn mean(self) -> u64 {
        mean_of(self.number())
    }
}

fn mean_of(number: u32) -> u64 {
    MEAN[number as usize % MEANS].load(Ordering::Acquire)
}

/// What a thread has: no destructor, no lazy initialisation, so it can be used at any time.
struct Own {
    slot: Cell<*const Slot>,
    /// No slot was free: it shares one.
    shares: Cell<bool>,
}

thread_local! {
    static OWN: Own = const { Own { slot: Cell::new(std::ptr::null()), shares: Cell::new(false) } };
}

/// The calling thread's slot; `None` when it has none yet, or shares one.
#[inline(always)]
fn own_slot() -> Option<&'static Slot> {
    // SAFETY: null, or one of `SLOTS` (`claim`).
    OWN.with(|own| unsafe { own.slot.get().as_ref() })
}

/// The program is about to allocate. `false`: this was not counted, and [`allocated`] must be called with the
/// block. What is counted here is counted whether the allocator has a block or not.
#[inline(always)]
pub fn count_allocation(size: usize) -> bool {
    own_slot().is_some_and(|slot| slot.allocated.add(1, size as u64, slot.threshold.load(Ordering::Relaxed)))
}

/// The program is about to give a block back. `false`: this was not counted, and [`freeing`] must be called.
#[inline(always)]
pub fn count_free(block: *mut u8, size: usize) -> bool {
    !may_be_sampled(block) && own_slot().is_some_and(|slot| slot.freed.add(1, size as u64, MAX_RECENT_BYTES))
}

/// Where the calling function is in its thread's stack.
#[derive(Clone, Copy)]
pub struct Caller(Registers);

/// The caller must not return, nor end in a call that takes its frame's place, before it has given this to
/// [`allocated`]; and it must not be inlined: it is the one frame that is left out of the stack.
#[inline(always)]
pub fn caller() -> Caller {
    Caller(Registers::here())
}

/// The program got a block, or null, that [`count_allocation`] did not count. `name` gives the allocator's name.
#[cold]
#[inline(never)]
pub fn allocated(caller: Caller, block: *mut u8, size: usize, name: fn() -> &'static str) {
    if block.is_null() {
        return;
    }
    count_with_room(caller, 1, block, size, name);
}

/// Counts on the caller's stack if that is the thread's own, as nearly always. On any other there may be no room:
/// there everything is done on a stack of ours.
#[inline]
fn count_with_room(caller: Caller, blocks: u64, block: *mut u8, size: usize, name: fn() -> &'static str) {
    let is_own = match own_slot() {
        Some(slot) => slot.stack.contains(caller.0.sp),
        // A thread that shares a slot comes here with every block.
        None => OWN.with(|own| own.shares.get()),
    };
    let count = || count_block(caller, blocks, block, size, name);
    if is_own || own_stacks::call(count).is_none() {
        count();
    }
}

/// The program is about to give back a block that [`count_free`] did not count.
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

/// Whether the filter says that this block may be in the table.
#[inline(always)]
fn may_be_sampled(block: *mut u8) -> bool {
    live::may_be_in(filter(), BUCKETS, block as u64)
}

/// A sampled block between the call of the allocator's `realloc` and its result.
pub struct Reallocating(Option<live::Taken>);

/// The program is about to reallocate a block. From here on another thread may get its address.
#[inline(always)]
pub fn reallocating(block: *mut u8) -> Reallocating {
    Reallocating(if may_be_sampled(block) { take(block) } else { None })
}

#[cold]
#[inline(never)]
fn take(block: *mut u8) -> Option<live::Taken> {
    tables()?.live.take(block as u64)
}

/// The allocator answered: `new` is the block now, null when it could not and the old one stays. `false`: the
/// new block was not counted, and [`reallocated`] must be called.
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

/// The program got a block, not null, by a reallocation that [`count_reallocation`] did not count.
#[cold]
#[inline(never)]
pub fn reallocated(caller: Caller, new: *mut u8, new_size: usize, name: fn() -> &'static str) {
    if own_slot().is_none() {
        shared().reallocations.fetch_add(1, Ordering::Release);
    }
    count_with_room(caller, 0, new, new_size, name);
}

fn tables() -> Option<&'static Tables> {
    // SAFETY: null, or leaked by `begin`.
    unsafe { TABLES.load(Ordering::Acquire).as_ref() }
}

#[cfg(not(rgops_loom))]
fn slots() -> &'static [Slot] {
    &SLOTS
}

#[cfg(not(rgops_loom))]
fn shared() -> &'static Shared {
    &SHARED
}

#[cfg(not(rgops_loom))]
#[inline(always)]
fn filter() -> &'static [AtomicU8] {
    &FILTER
}

/// The models have tables of their own; nothing of this is called in them.
#[cfg(rgops_loom)]
fn slots() -> &'static [Slot] {
    &[]
}

#[cfg(rgops_loom)]
fn shared() -> &'static Shared {
    unreachable!()
}

#[cfg(rgops_loom)]
fn filter() -> &'static [super::sync::AtomicU8] {
    &[]
}

/// The index of one of [`SLOTS`].
fn index_of(slot: &'static Slot) -> usize {
    (std::ptr::from_ref(slot) as usize - slots().as_ptr() as usize) / size_of::<Slot>()
}

/// Counts a block (0 blocks: one that was reallocated) that came when a threshold was passed: it is sampled, the
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
        // No slot, or in a signal handler that interrupted the above. This block is sampled if a coin says so that
        // has its probability: a countdown of all these threads together would be less random than it has to be.
        Shared::add(&shared().allocated, blocks, size);
        if let Some(tables) = tables() {
            tables.record_by_chance(block, size);
        }
    }
}

/// Brings the owner of `slot` on its way to the next sample: by `passed` bytes, and then by a block, which is
/// sampled if it goes beyond the gap.
#[inline]
fn advance(slot: &'static Slot, passed: u64, registers: Registers, block: *mut u8, size: u64) {
    let Some(tables) = tables() else {
        // Not begun. `begin` sets thresholds to 0 after it has published the tables.
        slot.gap.store(u64::MAX, Ordering::Relaxed);
        slot.threshold.store(MAX_RECENT_BYTES, Ordering::SeqCst);
        if !TABLES.load(Ordering::SeqCst).is_null() {
            slot.threshold.store(0, Ordering::SeqCst);
        }
        return;
    };
    // SAFETY: only the owner's thread comes here, and only once at a time (`count_block`, `Slot::enter`).
    let own = unsafe { &mut *tables.extras[index_of(slot)].0.get() };
    let mut rate = Rate::now();
    let drawn_by = slot.change.load(Ordering::Relaxed);
    if drawn_by == rate.change() {
        let gap = slot.gap.load(Ordering::Relaxed);
        slot.gap.store(gap.saturating_sub(passed), Ordering::Relaxed);
    } else {
        // The rate changed, or the thread is new: the gap is drawn anew from before this block.
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

/// Draws the gap to the next sample; the rate it was drawn by.
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

/// Sets the threshold by the gap, which was drawn by this rate. [`Slot::allocated`] was just begun.
#[inline]
fn set_threshold(slot: &'static Slot, rate: Rate) {
    let threshold = slot.gap.load(Ordering::Relaxed).min(MAX_RECENT_BYTES);
    slot.threshold.store(threshold, Ordering::SeqCst);
    // The agent sets the rate before it sets thresholds to 0. Either it did the latter after our store, or
    // its rate is seen here.
    if Rate::now() != rate {
        slot.threshold.store(0, Ordering::SeqCst);
    }
}

impl Tables {
    #[inline]
    fn record(&self, block: *mut u8, size: u64, mean: u32, stack: u32) {
        let objects = Estimate::objects_of_block(size, mean_of(mean));
        let estimate = Estimate::of_objects(objects, size);
        let time = (coarse_ms().saturating_sub(self.began_ms) / TIME_UNIT_MS) as u32;
        // All before anybody can free it: the program gets the block after this. The entry is written last:
        // it is in no cache, and an atomic read-modify-write behind that store would wait for it.
        if let Some(reserved) = self.live.reserve(block as u64) {
            self.stacks.allocated(stack, &estimate);
            self.live.fill(reserved, block as u64, Block { size, mean, stack, time, objects });
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.lost_bytes.fetch_add(estimate.bytes, Ordering::Relaxed);
        }
    }

    /// Samples a block with its probability, by a coin instead of the countdown, and without a stack.
    #[cold]
    fn record_by_chance(&self, block: *mut u8, size: u64) {
        static STATE: AtomicU64 = AtomicU64::new(0);
        let rate = Rate::now();
        let mean = rate.mean();
        if mean == 0 {
            return;
        }
        let mut state = STATE.load(Ordering::Relaxed);
        let drawn = random(&mut state, block as u64);
        STATE.store(state, Ordering::Relaxed);
        if gap(drawn, mean) <= size {
            let size = size.min(Block::MAX_SIZE);
            self.record(block, size, rate.number(), 0);
        }
    }
}

/// Unit of [`Block::time`]: 32 bits of it are a year and four months.
const TIME_UNIT_MS: u64 = 10;

/// `CLOCK_MONOTONIC_COARSE` in milliseconds: a few nanoseconds, no system call.
#[inline]
fn coarse_ms() -> u64 {
    // SAFETY: `timespec` is plain data, valid when zeroed.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: clock_gettime(2) writes into the one `timespec` it is given. The clock exists since 2.6.32.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
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

impl Tables {
    fn freed(&self, taken: live::Taken) {
        let block = taken.block;
        self.stacks.freed(block.stack, &Estimate::of_objects(block.objects, block.size));
        self.live.forget(taken);
    }
}

/// Claims a slot for the calling thread; `None` when there is none, which is then remembered.
fn claim() -> Option<&'static Slot> {
    if OWN.with(|own| own.shares.get()) {
        return None;
    }
    // SAFETY: errno's address is valid in every thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: getpid(2) and gettid(2) take no argument, cannot fail and touch no memory.
    let (process, thread) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid)) };
    let owner = Owner { process: process as u32, thread: thread as u32 };
    let slot = slots::claim(slots(), owner, |other| is_alive(process, other));
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    OWN.with(|own| match slot {
        Some(slot) => own.slot.set(slot),
        None => own.shares.set(true),
    });
    slot
}

/// Whether a thread of this process lives: signal 0 is never sent, only asked about (tgkill(2)). Where a
/// sandbox denies that, it is taken to live.
fn is_alive(process: libc::pid_t, thread: u32) -> bool {
    // SAFETY: with signal 0 the call touches nothing.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, process, thread as libc::pid_t, 0) };
    // SAFETY: errno's address is valid in every thread.
    result == 0 || unsafe { *libc::__errno_location() } != libc::ESRCH
}

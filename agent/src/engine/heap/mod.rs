//! Heap sampling: what `crate::alloc::Sampling` calls at every allocation and every free.
//!
//! # What it costs, and where
//! * **Every allocation**: two additions in the thread's own slot ([`slots`]), and a comparison with the
//!   number of bytes at which the next sample is due.
//! * **Every free**: two additions, and one byte of the filter ([`live`]).
//! * **Every sample** (one in 512 KiB): the stack ([`walks`]), its sums ([`stacks`]), an entry in the table
//!   of living blocks ([`live`]). No allocation, no lock, no call into the loader, one system call at
//!   most where a thread's stack is looked at for the first time.
//!
//! # Why the estimates are unbiased
//! The gaps between samples are exponential, so whether a block is hit depends on its size alone and not
//! on what was allocated before: with probability `1 - exp(-size / mean)`, independently of all others. A
//! new rate, or a thread that begins, may therefore draw its gap anew from where it is
//! ([`Slot::threshold`] 0 asks for that).
//!
//! # When it begins
//! With `listen`: the agent's thread maps the tables, reads the modules and sets the rate. Before that, and
//! without an agent, only the exact counters run; they need no memory but [`SLOTS`] and [`TAKEN`], which
//! are zeroed data of the executable. Blocks allocated earlier are not in the tables, so freeing them changes
//! nothing. The agent's own threads are excluded.
//!
//! # Who may call
//! Any thread at any moment: before `main`, in TLS destructors, in a fork child, in a signal handler (whose
//! samples have no stack while the code it interrupted walks one). `errno` stays as it was.

pub(in crate::engine) mod live;
mod own_stack;
mod reading;
pub(in crate::engine) mod slots;
mod stacks;
mod walks;

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use rgops_protocol::reply::heap::Estimate;

use super::arch::Registers;
use super::grace::Guarded;
#[cfg(not(rgops_loom))]
use super::sync::AtomicU8;
use live::{Block, Live};
use reading::Unwinding;
pub(crate) use reading::{
    Reading, Refusal, allocator, begin, default_rate, end, exact, exclude_this_thread, is_sampled,
    list_modules, rate, read, set_rate, since_unix_ns, stack,
};
use slots::{Owner, SLOTS as SLOT_COUNT, Slot};
use stacks::Stacks;
use walks::Walks;

/// Mean bytes between two samples, when nobody says otherwise: Go's.
pub(crate) const DEFAULT_MEAN_BYTES: u64 = 512 * 1024;

/// Buckets of the table of living blocks, and bytes of the filter: half the first-level cache. With 8
/// entries each, 32,000 living samples (16 GiB at 512 KiB) lose 2 in 10,000 blocks, which are counted.
const BUCKETS: usize = 1 << 14;
/// Different means there can be in the life of a process.
const MEANS: usize = 256;

#[cfg(not(rgops_loom))]
static SLOTS: [Slot; SLOT_COUNT] = [const { Slot::new() }; SLOT_COUNT];
/// Of threads that found no slot: changed by read-modify-write.
#[cfg(not(rgops_loom))]
static SHARED: Slot = Slot::new();
/// The filter, a byte a bucket. Untouched, it is the kernel's zero page.
#[cfg(not(rgops_loom))]
static TAKEN: [AtomicU8; BUCKETS] = [const { AtomicU8::new(0) }; BUCKETS];

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

/// What a thread with a slot needs when it samples: its own, except for `is_in_use`.
struct Extra {
    /// Set while the owner is inside; a signal handler of the same thread then keeps out.
    is_in_use: AtomicBool,
    inner: UnsafeCell<Inner>,
}

// SAFETY: `inner` is touched only by the slot's owner, between setting and clearing `is_in_use`
// (`Extra::enter`).
unsafe impl Sync for Extra {}

/// Zeroed memory is a valid value of it.
struct Inner {
    random: u64,
    walks: Walks,
}

impl Extra {
    /// Calls `work` with the owner's things, unless it is inside already (then this is a signal handler).
    #[inline]
    fn enter<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> Option<R> {
        if self.is_in_use.load(Ordering::Relaxed) {
            return None;
        }
        self.is_in_use.store(true, Ordering::Relaxed);
        // A handler runs on the same thread: the compiler's order is enough.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        // SAFETY: only the owner's thread comes here, and was not inside (above).
        let result = work(unsafe { &mut *self.inner.get() });
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        self.is_in_use.store(false, Ordering::Relaxed);
        Some(result)
    }
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

/// The program got a block. `name` gives the allocator's name.
#[inline(always)]
pub(crate) fn allocated(block: *mut u8, size: usize, name: fn() -> &'static str) {
    if block.is_null() {
        return;
    }
    if let Some(slot) = own_slot() {
        slots::add(&slot.allocations, 1);
        let bytes = slots::add(&slot.allocated_bytes, size as u64);
        if bytes >= slot.threshold.load(Ordering::Relaxed) {
            reach_threshold(slot, bytes, block, size);
        }
    } else {
        allocated_without_slot(block, size, name);
    }
}

/// The program is about to give a block back.
#[inline(always)]
pub(crate) fn freeing(block: *mut u8, size: usize) {
    match own_slot() {
        Some(slot) => {
            slots::add(&slot.frees, 1);
            slots::add(&slot.freed_bytes, size as u64);
            if may_be_sampled(block) {
                free_sampled(block);
            }
        }
        None => free_without_slot(block, size),
    }
}

/// Whether the filter says that this block may be in the table.
#[inline(always)]
fn may_be_sampled(block: *mut u8) -> bool {
    // Relaxed: who frees a block got it from who allocated it (see `live`).
    taken()[live::bucket_of(block as u64, BUCKETS)].load(Ordering::Relaxed) != 0
}

/// A sampled block between the call of the allocator's `realloc` and its result.
pub(crate) struct Reallocating(Option<live::Taken>);

/// The program is about to reallocate a block. From here on another thread may get its address.
#[inline(always)]
pub(crate) fn reallocating(block: *mut u8) -> Reallocating {
    if !may_be_sampled(block) {
        return Reallocating(None);
    }
    Reallocating(tables().and_then(|tables| tables.live.take(block as u64)))
}

/// The allocator answered: `new` is the block now, null when it could not and the old one stays.
#[inline(always)]
pub(crate) fn reallocated(
    taken: Reallocating,
    old: *mut u8,
    old_size: usize,
    new: *mut u8,
    new_size: usize,
    name: fn() -> &'static str,
) {
    if taken.0.is_some() {
        end_reallocation(taken, old, new);
    }
    if new.is_null() {
        return;
    }
    if let Some(slot) = own_slot() {
        slots::add(&slot.reallocations, 1);
        let bytes = slots::add(&slot.allocated_bytes, new_size as u64);
        slots::add(&slot.freed_bytes, old_size as u64);
        if bytes >= slot.threshold.load(Ordering::Relaxed) {
            reach_threshold(slot, bytes, new, new_size);
        }
    } else {
        reallocated_without_slot(new, old_size, new_size, name);
    }
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
fn shared() -> &'static Slot {
    &SHARED
}

#[cfg(not(rgops_loom))]
#[inline(always)]
fn taken() -> &'static [AtomicU8] {
    &TAKEN
}

/// The models have tables of their own; nothing of this is called in them.
#[cfg(rgops_loom)]
fn slots() -> &'static [Slot] {
    &[]
}

#[cfg(rgops_loom)]
fn shared() -> &'static Slot {
    unreachable!()
}

#[cfg(rgops_loom)]
fn taken() -> &'static [super::sync::AtomicU8] {
    &[]
}

/// The index of one of [`SLOTS`].
fn index_of(slot: &'static Slot) -> usize {
    (std::ptr::from_ref(slot) as usize - slots().as_ptr() as usize) / size_of::<Slot>()
}

/// The calling thread's slot passed its threshold: a block is sampled, or the rate changed.
///
/// Not inlined, and everything up to the registers is inlined into it: it is the one frame that is left
/// out of the stack.
#[cold]
#[inline(never)]
fn reach_threshold(slot: &'static Slot, bytes: u64, block: *mut u8, size: usize) {
    let Some(tables) = tables() else {
        // Not begun. `begin` sets thresholds to 0 after it has published the tables.
        slot.threshold.store(u64::MAX, Ordering::SeqCst);
        if TABLES.load(Ordering::SeqCst).is_null() {
            return;
        }
        slot.threshold.store(0, Ordering::SeqCst);
        return;
    };
    let index = index_of(slot);
    let extra = &tables.extras[index];
    let entered = extra.enter(|own| {
        let mut rate = Rate::now();
        let drawn_by = slot.change.load(Ordering::Relaxed);
        if drawn_by != rate.change() {
            // The rate changed, or the thread is new: the gap is drawn anew from before this block.
            if drawn_by == 0 {
                own.walks.forget();
            }
            rate = next_threshold(slot, own, bytes - size as u64);
            if bytes < slot.threshold.load(Ordering::Relaxed) {
                return;
            }
        }
        next_threshold(slot, own, bytes);
        if rate.number() == 0 || slot.excluded.load(Ordering::Relaxed) != 0 {
            return;
        }
        let number = rate.number();
        let size = (size as u64).min(Block::MAX_SIZE);
        let estimate = Estimate::of_block(size, mean_of(number));
        let registers = Registers::here();
        let stack = own.walks.stack(registers, is_main(), tables.stacks);
        tables.record(block, size, number, stack, &estimate);
    });
    if entered.is_none() {
        // In a signal handler that interrupted the above. Its threshold is drawn there; this block counts
        // if a coin says so that has its probability.
        tables.record_by_chance(block, size);
    }
}

/// Draws the next gap from `from`; the rate it was drawn by.
#[inline]
fn next_threshold(slot: &'static Slot, own: &mut Inner, from: u64) -> Rate {
    loop {
        let rate = Rate::now();
        let threshold = match rate.mean() {
            0 => u64::MAX,
            _ if slot.excluded.load(Ordering::Relaxed) != 0 => u64::MAX,
            mean => from.saturating_add(gap(own.random(std::ptr::from_ref(slot) as u64), mean)),
        };
        slot.change.store(rate.change(), Ordering::Relaxed);
        slot.threshold.store(threshold, Ordering::SeqCst);
        // The agent sets the rate before it sets thresholds to 0. Either it did the latter after our
        // store, and we come again; or its rate is seen here.
        if Rate::now() == rate {
            return rate;
        }
    }
}

impl Tables {
    #[inline]
    fn record(&self, block: *mut u8, size: u64, mean: u32, stack: u32, estimate: &Estimate) {
        let time = (coarse_ms().saturating_sub(self.began_ms) / TIME_UNIT_MS) as u32;
        // All before anybody can free it: the program gets the block after this. The entry is written last:
        // it is in no cache, and an atomic read-modify-write behind that store would wait for it.
        if let Some(reserved) = self.live.reserve(block as u64) {
            self.stacks.allocated(stack, estimate);
            self.live.fill(reserved, block as u64, Block { size, mean, stack, time });
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.lost_bytes.fetch_add(estimate.bytes, Ordering::Relaxed);
        }
    }

    /// Samples a block with its probability, by a coin instead of the countdown, and without a stack.
    #[cold]
    fn record_by_chance(&self, block: *mut u8, size: usize) {
        static STATE: AtomicU64 = AtomicU64::new(0);
        let rate = Rate::now();
        let mean = rate.mean();
        if mean == 0 {
            return;
        }
        let mut state = STATE.load(Ordering::Relaxed);
        let drawn = random(&mut state, block as u64);
        STATE.store(state, Ordering::Relaxed);
        if gap(drawn, mean) <= size as u64 {
            let size = (size as u64).min(Block::MAX_SIZE);
            self.record(block, size, rate.number(), 0, &Estimate::of_block(size, mean));
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

/// Whether the calling thread is the process's first: its stack ends elsewhere.
#[inline]
fn is_main() -> bool {
    // The control block of every other thread is above its stack, in the same mapping; the main thread's
    // is far below. Only a hint: `OwnStack` asks the kernel.
    let here = 0u8;
    let here = std::hint::black_box(std::ptr::from_ref(&here)) as u64;
    super::arch::thread_pointer() < here
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
        let mean = mean_of(block.mean);
        self.stacks.freed(block.stack, &Estimate::of_block(block.size, mean));
        self.live.forget(taken);
    }
}

/// The calling thread's first call, or it shares a slot.
#[cold]
#[inline(never)]
fn allocated_without_slot(block: *mut u8, size: usize, name: fn() -> &'static str) {
    NAME.store(name as *mut (), Ordering::Release);
    if claim().is_some() {
        return allocated(block, size, name);
    }
    shared().allocations.fetch_add(1, Ordering::Release);
    shared().allocated_bytes.fetch_add(size as u64, Ordering::Release);
    // By chance: a countdown of all of them together would be less random than it has to be.
    if let Some(tables) = tables() {
        tables.record_by_chance(block, size);
    }
}

#[cold]
#[inline(never)]
fn reallocated_without_slot(new: *mut u8, old_size: usize, new_size: usize, name: fn() -> &'static str) {
    NAME.store(name as *mut (), Ordering::Release);
    if claim().is_some() {
        return reallocated(Reallocating(None), new, old_size, new, new_size, name);
    }
    shared().reallocations.fetch_add(1, Ordering::Release);
    shared().allocated_bytes.fetch_add(new_size as u64, Ordering::Release);
    shared().freed_bytes.fetch_add(old_size as u64, Ordering::Release);
    if let Some(tables) = tables() {
        tables.record_by_chance(new, new_size);
    }
}

#[cold]
#[inline(never)]
fn free_without_slot(block: *mut u8, size: usize) {
    free_sampled(block);
    if let Some(slot) = claim() {
        slots::add(&slot.frees, 1);
        slots::add(&slot.freed_bytes, size as u64);
    } else {
        shared().frees.fetch_add(1, Ordering::Release);
        shared().freed_bytes.fetch_add(size as u64, Ordering::Release);
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
    // Whoever had it before was not inside, or will never come out.
    if let (Some(slot), Some(tables)) = (slot, tables()) {
        tables.extras[index_of(slot)].is_in_use.store(false, Ordering::Relaxed);
    }
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

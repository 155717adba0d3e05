//! The agent's side of heap sampling: starts it, sets the rate, and reads the results.
//!
//! All functions are called by the agent's own thread, which is not sampled.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rgops_protocol::reply::pprof_heap::{Estimate, ExactCounters, HeapBucket, HeapCounters, LiveBlock};
use rgops_protocol::reply::{Module, Stack, StackEnd};

use super::super::EngineError;
use super::super::modules::Modules;
use super::super::scratch_stacks;
use super::super::session::places;
use super::super::sync::{AtomicU8, AtomicU64 as TableWord};
use super::live::{BUCKET_WORDS, Live};
use super::own_slot::{claim, own_slot};
use super::slots::{SLOTS as SLOT_COUNT, Slot};
use super::stacks::Stacks;
use super::tables::{
    BUCKETS, Extra, MEAN, MEANS, NAME, RATE, Rate, TABLES, TIME_UNIT_MS, Tables, WITHOUT_SLOT, coarse_ms,
    filter, mean_of, shared, slots, tables,
};
use super::unwinding::{MODULES, STALE, Unwinding};
use super::walks;
use super::zeroed::zeroed;

/// The process in which sampling was started; a different id means that this is a fork child.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The mean that `begin` was called with.
static DEFAULT: AtomicU64 = AtomicU64::new(0);
/// Retired unwind data, and all modules ever loaded. Only the agent's
/// thread takes the lock, and it never waits for it.
static LISTS: Mutex<Lists> = Mutex::new(Lists { retired: Vec::new(), modules: Vec::new() });

struct Lists {
    retired: Vec<Retired>,
    /// Loaded and unloaded modules: stacks of samples are kept forever.
    modules: Vec<Module>,
}

/// How much unwind data is kept for threads that were stopped during a walk. At the limit no newer data is read.
const MAX_RETIRED: usize = 8;

struct Retired(*mut Unwinding);

// SAFETY: the list owns the pointer, and only the agent's thread frees it.
unsafe impl Send for Retired {}

/// Why sampling cannot start, or its rate cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The allocator is not wrapped, so there are no samples.
    #[error("the program's allocator is not wrapped")]
    NoWrapper,
    /// `begin` was not called.
    #[error("no agent listens in this process")]
    NotBegun,
    /// The table of rates is full.
    #[error("the rate was already set to {MEANS} different values, which is the limit")]
    TooManyRates,
    /// The unwind data cannot be prepared.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The Rust type of the wrapped allocator; `None` when the program's allocator is not wrapped.
pub fn allocator() -> Option<&'static str> {
    let name = NAME.load(Ordering::Acquire);
    if name.is_null() {
        return None;
    }
    // SAFETY: a non-null value is always a function of this type.
    let name: fn() -> &'static str = unsafe { std::mem::transmute(name) };
    Some(name())
}

/// The exact counters of the wrapped allocator; `None` without a wrapper.
pub fn exact() -> Option<ExactCounters> {
    allocator()?;
    let sums = super::slots::sums(slots().iter(), Some(shared()));
    Some(ExactCounters {
        allocations: sums.allocations,
        frees: sums.frees,
        reallocations: sums.reallocations,
        allocated_bytes: sums.allocated_bytes,
        freed_bytes: sums.freed_bytes,
    })
}

/// Starts sampling, with one sample per `mean_bytes` on average; 0 prepares everything and takes no samples.
///
/// Reads the modules, which takes some milliseconds.
pub fn begin(mean_bytes: u64) -> Result<(), Refusal> {
    exclude_this_thread();
    allocator().ok_or(Refusal::NoWrapper)?;
    if PROCESS.swap(std::process::id(), Ordering::SeqCst) != std::process::id() {
        // This is a fork child: handlers that were running in the parent do not exist here.
        MODULES.forget();
        // The forking thread may still use the retired data, so it is not freed here.
        if let Ok(mut lists) = LISTS.try_lock() {
            lists.retired.clear();
        }
    }
    scratch_stacks::prepare().map_err(EngineError::Memory)?;
    if tables().is_none() {
        TABLES.store(Box::into_raw(Box::new(Tables::map()?)), Ordering::SeqCst);
    }
    publish(Modules::read(None)?);
    DEFAULT.store(mean_bytes, Ordering::Relaxed);
    set_rate(mean_bytes)
}

/// Stops taking samples. Samples so far stay, and their blocks are still removed when they are freed.
pub fn end() {
    // Switching off cannot fail, because rate 0 has a number of its own.
    let _ = set_rate(0);
}

/// Blocks that the calling thread allocates from now on are not sampled.
pub fn exclude_this_thread() {
    // Without a wrapper, threads have no slots and need none.
    if allocator().is_some()
        && let Some(slot) = own_slot().or_else(claim)
    {
        slot.excluded.store(1, Ordering::Relaxed);
        slot.threshold.store(0, Ordering::SeqCst);
    }
}

/// The mean number of bytes between two samples; 0 is off.
pub fn rate() -> u64 {
    Rate::now().mean()
}

/// The mean that sampling was started with.
pub fn default_rate() -> u64 {
    DEFAULT.load(Ordering::Relaxed)
}

/// Sets the mean number of bytes between two samples, 0 for off. Every thread notices it at its next allocation.
pub fn set_rate(mean_bytes: u64) -> Result<(), Refusal> {
    tables().ok_or(if allocator().is_none() { Refusal::NoWrapper } else { Refusal::NotBegun })?;
    let number = match mean_bytes {
        0 => 0,
        _ => (1..MEANS as u32)
            .find(|number| [0, mean_bytes].contains(&mean_of(*number)))
            .ok_or(Refusal::TooManyRates)?,
    };
    MEAN[number as usize].store(mean_bytes, Ordering::SeqCst);
    let change = Rate::now().change().wrapping_add(1).max(1);
    RATE.store(u64::from(change) << 32 | u64::from(number), Ordering::SeqCst);
    // After the rate was stored: see `set_threshold`. Slots that were never owned stay untouched.
    for slot in slots().iter().filter(|slot| slot.is_owned()) {
        slot.threshold.store(0, Ordering::SeqCst);
    }
    Ok(())
}

/// The start of sampling, in nanoseconds since the Unix epoch.
pub fn since_unix_ns() -> Option<u64> {
    tables().map(|tables| tables.began_unix_ns)
}

/// Whether there is data: sampling is on, or was.
pub fn is_sampled() -> bool {
    tables().is_some_and(|tables| Rate::now().number() != 0 || tables.stacks.sums().next().is_some())
}

/// The state of the samples at one moment.
#[derive(Debug, Default)]
pub struct Reading {
    /// The allocations of each stack.
    pub buckets: Vec<HeapBucket>,
    /// The sampled blocks that are live, if requested.
    pub live: Vec<LiveBlock>,
    /// Counters over all blocks.
    pub counters: HeapCounters,
}

/// Reads the sums of all stacks, and with `with_blocks` also every live block. It reads the whole
/// tables, which takes one or two milliseconds.
pub fn read(with_blocks: bool) -> Reading {
    let Some(tables) = tables() else {
        return Reading {
            counters: HeapCounters { exact: exact(), ..Default::default() },
            ..Default::default()
        };
    };
    let mut live = Vec::new();
    if with_blocks {
        let now = coarse_ms().saturating_sub(tables.began_ms);
        tables.live.each(|block| {
            let age_ms = now.saturating_sub(u64::from(block.time) * TIME_UNIT_MS);
            live.push(LiveBlock {
                stack: block.stack,
                size_bytes: block.size,
                mean_bytes: mean_of(block.mean),
                age_ns: age_ms * 1_000_000,
            });
        });
    }
    let mut counters = HeapCounters {
        exact: exact(),
        live_capacity: tables.live.capacity() as u64,
        stacks: tables.stacks.count() as u64,
        stack_capacity: super::stacks::STACKS as u64 - 1,
        lost: tables.lost.load(Ordering::Relaxed),
        lost_bytes: tables.lost_bytes.load(Ordering::Relaxed),
        own_bytes: tables.own_bytes,
        ..Default::default()
    };
    let bucket = |(stack, allocated, freed): (u32, Estimate, Estimate)| {
        counters.sampled += allocated.samples;
        counters.sampled_freed += freed.samples;
        if stack == 0 {
            counters.without_stack = allocated.samples;
        } else if tables.stacks.stack(stack).end == StackEnd::DepthLimit {
            counters.truncated += allocated.samples;
        }
        HeapBucket { stack, allocated, freed }
    };
    let buckets = tables.stacks.sums().map(bucket).collect();
    Reading { buckets, live, counters }
}

/// The number of samples since the start whose stacks are truncated because their bounds are unknown.
pub fn samples_on_unknown_stacks() -> u64 {
    walks::UNKNOWN.load(Ordering::Relaxed)
}

/// The number of samples since the start that have no stack because their thread had no slot: more than
/// [`SLOTS`](super::slots::SLOTS) threads lived at a time.
pub fn samples_without_slot() -> u64 {
    WITHOUT_SLOT.load(Ordering::Relaxed)
}

/// The stack with this number, as in a bucket.
pub fn stack(number: u32) -> Stack {
    let nothing = Stack { frames: Vec::new(), end: StackEnd::NotCaptured };
    tables().map_or(nothing, |tables| tables.stacks.stack(number))
}

/// The modules that stacks refer to. Reads the modules again if a sample
/// was in no known one, or if `reread` is set.
pub fn list_modules(reread: bool) -> Vec<Module> {
    let may_retire = || {
        let retired = LISTS.try_lock().map_or(0, |lists| lists.retired.len());
        retired < MAX_RETIRED || MODULES.is_quiet()
    };
    if (STALE.swap(false, Ordering::Relaxed) || reread) && may_retire() {
        let refreshed = MODULES.read(|unwinding| unwinding.map(|unwinding| unwinding.modules.refreshed()));
        if let Some(Ok(Some(modules))) = refreshed {
            publish(modules);
        }
    }
    LISTS.try_lock().map(|lists| lists.modules.clone()).unwrap_or_default()
}

/// Replaces the unwind data. The former data is freed when no thread walks with it.
fn publish(modules: Modules) {
    let mut lists = LISTS.try_lock().ok();
    if let Some(lists) = &mut lists {
        let overlaps =
            |one: &Module, other: &Module| one.start_avma < other.end_avma && other.start_avma < one.end_avma;
        let is_gone = |old: &Module| !modules.list.iter().any(|new| overlaps(old, new));
        let gone = std::mem::take(&mut lists.modules).into_iter().filter(is_gone);
        lists.modules = modules.list.iter().cloned().chain(gone).collect();
    }
    let new = Box::into_raw(Box::new(Unwinding { modules, places: places() }));
    // SAFETY: the value lives until it was replaced and no thread was using it after that (below), or forever.
    let old = unsafe { MODULES.swap(new) };
    // Invalidates all walks cached for the former list.
    walks::LIST.fetch_add(1, Ordering::SeqCst);
    let Some(lists) = &mut lists else { return };
    if !old.is_null() {
        lists.retired.push(Retired(old));
    }
    if MODULES.is_quiet() {
        for retired in lists.retired.drain(..) {
            // SAFETY: it came from `Box::into_raw` and was swapped out, and afterwards no thread was using it.
            drop(unsafe { Box::from_raw(retired.0) });
        }
    }
}

impl Tables {
    fn map() -> Result<Tables, EngineError> {
        let mut own_bytes = 0;
        // SAFETY: `Stacks` consists of atomic integers, which are valid when zeroed.
        let stacks = &(unsafe { zeroed::<Stacks>(1, &mut own_bytes) }?)[0];
        // SAFETY: `Extra` consists of integers, and of booleans that are false when zeroed.
        let extras = unsafe { zeroed::<Extra>(SLOT_COUNT, &mut own_bytes) }?;
        // SAFETY: atomic integers are valid when zeroed.
        let taken = unsafe { zeroed::<AtomicU8>(BUCKETS, &mut own_bytes) }?;
        // SAFETY: atomic integers are valid when zeroed.
        let words = unsafe { zeroed::<TableWord>(BUCKETS * BUCKET_WORDS, &mut own_bytes) }?;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        Ok(Tables {
            live: Live { filter: filter(), taken, words },
            stacks,
            extras,
            began_ms: coarse_ms(),
            began_unix_ns: unix,
            lost: AtomicU64::new(0),
            lost_bytes: AtomicU64::new(0),
            own_bytes: own_bytes + (filter().len() + SLOT_COUNT * size_of::<Slot>()) as u64,
        })
    }
}

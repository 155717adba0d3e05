//! The data that handlers use while an operation runs; see the crate's documentation.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use rgops_protocol::reply::StackEnd;

use super::exempt_threads::Unrecorded;
use super::grace::Guarded;
use super::modules::Modules;
use super::place::Place;
use super::ring::{Record, Ring};
use super::signal_info::{Interrupted, Tick, uses_alternate_stacks};
use super::unwind::{self, Workspace};
use super::{clock, scratch_stacks, stack_bounds, system, timers};

/// The minimum number of places, which is the number of handlers that can unwind at the same time: two per CPU.
const PLACES: usize = 16;
/// The maximum, to limit memory: each place takes 36 KiB.
const MAX_PLACES: usize = 512;

/// The session of the running operation; null when idle. It and its module lists are not freed
/// while a handler uses them.
#[cfg(not(rgops_loom))]
pub(crate) static SESSION: Guarded<Session> = Guarded::new();
#[cfg(rgops_loom)]
loom::lazy_static! { pub(crate) static ref SESSION: Guarded<Session> = Guarded::new(); }
/// The magic in signals of the last operation, which may arrive late.
pub(crate) static LAST_MAGIC: AtomicU32 = AtomicU32::new(0);

/// Losses in handlers, as weights unless stated otherwise.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pub(crate) ring: AtomicU64,
    pub(crate) cache: AtomicU64,
    /// The number of samples truncated at the depth limit.
    pub(crate) truncated: AtomicU64,
    /// The number of samples whose walk failed or was not started.
    pub(crate) lost_walks: AtomicU64,
    /// The part of these that was on a stack with unknown bounds.
    pub(crate) unknown_stacks: AtomicU64,
    /// The number of signals that were not ours.
    pub(crate) foreign: AtomicU64,
}

pub(crate) struct Session {
    /// Marks our signals. It is random, so that a foreign signal is not mistaken for ours.
    pub(crate) magic: u32,
    /// The process id, which is also the id of the main thread, whose stack is of another kind.
    pub(crate) process: u32,
    pub(crate) ring: Ring,
    pub(crate) published: AtomicPtr<Published>,
    pub(crate) stale: AtomicBool,
    pub(crate) losses: Losses,
    pub(crate) unrecorded: Unrecorded,
}

/// A module list, and unwind caches for it.
///
/// A cache is used for one list only. framehop distinguishes lists by a counter of 16 bits, which every
/// added module increments, in this operation or elsewhere in the program. After 65,536 increments, rules of
/// another list would be used (the test `a_framehop_cache_is_wrong_after_65536_modules`).
pub(crate) struct Published {
    pub(crate) modules: Modules,
    places: Box<[Place<Workspace>]>,
}

impl Published {
    pub(crate) fn new(modules: Modules) -> *mut Published {
        Box::into_raw(Box::new(Published { modules, places: places() }))
    }
}

/// Places for the threads that unwind at the same time.
pub(crate) fn places() -> Box<[Place<Workspace>]> {
    let places = (2 * system::cpus()).clamp(PLACES, MAX_PLACES);
    (0..places).map(|_| Place::new(Workspace::new())).collect()
}

/// Runs `work` as if inside a handler.
#[cfg(test)]
pub(crate) fn inside(work: impl FnOnce()) {
    SESSION.read(|_| work());
}

/// Handles a signal; `false` when it is not ours. Async-signal-safe.
pub(crate) fn handle(tick: Option<Tick>, interrupted: impl FnOnce() -> Interrupted) -> bool {
    let ours = SESSION.read(|session| match (session, tick) {
        (Some(session), Some(tick)) if tick.magic() == session.magic => {
            session.capture(tick, &interrupted());
            true
        }
        (Some(session), _) => {
            session.losses.foreign.fetch_add(1, Ordering::Relaxed);
            false
        }
        (None, _) => false,
    });
    // A signal of ours that arrives after its operation must not be passed on.
    ours || tick.is_some_and(is_marked)
}

/// Like [`handle`] when nothing can be captured: counts the loss.
pub(crate) fn count_lost(tick: Option<Tick>) -> bool {
    let Some(tick) = tick.filter(|tick| is_marked(*tick)) else { return false };
    scratch_stacks::LOST.fetch_add(tick.weight.into(), Ordering::SeqCst);
    true
}

fn is_marked(tick: Tick) -> bool {
    tick.magic() == LAST_MAGIC.load(Ordering::SeqCst)
}

impl Session {
    fn capture(&self, tick: Tick, interrupted: &Interrupted) {
        let Interrupted { registers, alternate } = interrupted;
        let end = stack_bounds::end_of_stack(registers.sp, alternate, tick.tid(), self.process);
        let Some(stack_end) = end else {
            self.losses.lost_walks.fetch_add(1, Ordering::Relaxed);
            self.losses.unknown_stacks.fetch_add(1, Ordering::Relaxed);
            // Without a usable alternate stack, the kernel had to write its frame to this stack.
            let is_on_this_stack = alternate.is_empty() || !uses_alternate_stacks();
            let is_at_risk = is_on_this_stack && !stack_bounds::is_denied();
            if is_at_risk && let Some(timer) = tick.timer() {
                // Hundreds more could arrive before the agent's thread deletes the timer.
                timers::disarm(timer);
            }
            self.record(tick, &[registers.pc], StackEnd::Lost, is_at_risk);
            return;
        };
        // SAFETY: never null while the session is published, and not freed while a handler uses it.
        let Published { modules, places } = unsafe { &*self.published.load(Ordering::SeqCst) };
        let first = tick.tid() as usize;
        let mut places = (0..places.len()).map(|at| &places[(first + at) % places.len()]);
        let unwind = |workspace: &mut Workspace| {
            let frames = unwind::walk(*registers, stack_end, modules, workspace);
            match frames.end {
                StackEnd::DepthLimit => drop(self.losses.truncated.fetch_add(1, Ordering::Relaxed)),
                StackEnd::Lost => drop(self.losses.lost_walks.fetch_add(1, Ordering::Relaxed)),
                StackEnd::Root | StackEnd::NotCaptured => {}
            }
            if frames.met_unknown {
                self.stale.store(true, Ordering::Relaxed);
            }
            self.record(tick, frames.addresses, frames.end, false);
        };
        if !places.any(|place| place.try_use(unwind).is_some()) {
            self.losses.cache.fetch_add(u64::from(tick.weight), Ordering::Relaxed);
        }
    }

    fn record(&self, tick: Tick, addresses: &[u64], end: StackEnd, is_at_risk: bool) {
        let (tid, weight) = (tick.tid(), tick.weight);
        let record = Record { tid, weight, time_ns: clock::monotonic_ns(), end, is_at_risk };
        if !self.ring.push(record, addresses) {
            if is_at_risk {
                self.unrecorded.add(tid);
            }
            self.losses.ring.fetch_add(u64::from(tick.weight), Ordering::Relaxed);
        }
    }
}

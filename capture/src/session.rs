//! What handlers need while an operation runs; see the crate's documentation.

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

/// So many handlers can unwind at the same time, and two a CPU; one more finds no place and is counted.
const PLACES: usize = 16;
/// No more than these, for memory's sake: each takes 36 KiB.
const MAX_PLACES: usize = 512;

/// The session of the running operation; null when idle. Of it and of the module lists it points at,
/// nothing is freed while a handler looks at it.
#[cfg(not(rgops_loom))]
pub(crate) static SESSION: Guarded<Session> = Guarded::new();
#[cfg(rgops_loom)]
loom::lazy_static! { pub(crate) static ref SESSION: Guarded<Session> = Guarded::new(); }
/// Marks the signals of the last operation, which may come late.
pub(crate) static LAST_MAGIC: AtomicU32 = AtomicU32::new(0);

/// What was lost in handlers, in weights unless it says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pub(crate) ring: AtomicU64,
    pub(crate) cache: AtomicU64,
    /// Samples cut at the depth limit.
    pub(crate) truncated: AtomicU64,
    /// Samples whose walk was lost, or not begun.
    pub(crate) lost_walks: AtomicU64,
    /// Of these, on a stack whose bounds are not known.
    pub(crate) unknown_stacks: AtomicU64,
    /// Signals that were not ours.
    pub(crate) foreign: AtomicU64,
}

pub(crate) struct Session {
    /// Marks our signals: random, so that nobody else's is taken for ours.
    pub(crate) magic: u32,
    /// The process, whose first thread has another kind of stack.
    pub(crate) process: u32,
    pub(crate) ring: Ring,
    pub(crate) published: AtomicPtr<Published>,
    pub(crate) stale: AtomicBool,
    pub(crate) losses: Losses,
    pub(crate) unrecorded: Unrecorded,
}

/// A module list, and the caches that are filled with its rules.
///
/// A cache serves one list only. framehop tells lists apart by a counter of 16 bits, which every
/// module added moves on, in this operation or elsewhere in the program: after 65,536 of them rules of
/// another list would be taken for this one's (the test `a_cache_is_wrong_after_65536_modules`).
pub(crate) struct Published {
    pub(crate) modules: Modules,
    places: Box<[Place<Workspace>]>,
}

impl Published {
    pub(crate) fn new(modules: Modules) -> *mut Published {
        Box::into_raw(Box::new(Published { modules, places: places() }))
    }
}

/// Places for as many threads as unwind at the same time.
pub(crate) fn places() -> Box<[Place<Workspace>]> {
    let places = (2 * system::cpus()).clamp(PLACES, MAX_PLACES);
    (0..places).map(|_| Place::new(Workspace::new())).collect()
}

/// Does something as if inside a handler.
#[cfg(test)]
pub(crate) fn inside(work: impl FnOnce()) {
    SESSION.look(|_| work());
}

/// What the handler does with a signal; `false` when it is not ours. Async-signal-safe.
pub(crate) fn handle(tick: Option<Tick>, interrupted: impl FnOnce() -> Interrupted) -> bool {
    let ours = SESSION.look(|session| match (session, tick) {
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
    // One of ours that came after its operation: nobody else may see it.
    ours || tick.is_some_and(is_marked)
}

/// The same where nothing can be captured.
pub(crate) fn lose(tick: Option<Tick>) -> bool {
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
            // Without an alternate stack to be used the kernel had to write its frame there.
            let is_there = alternate.is_empty() || !uses_alternate_stacks();
            let is_at_risk = is_there && !stack_bounds::is_denied();
            if is_at_risk && let Some(timer) = tick.timer() {
                // Until the agent's thread takes it away hundreds more could come.
                timers::disarm(timer);
            }
            self.record(tick, &[registers.pc], StackEnd::Lost, is_at_risk);
            return;
        };
        // SAFETY: never null while the session is published; not freed while a handler looks at it.
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

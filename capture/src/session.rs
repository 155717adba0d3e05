//! What handlers need while an operation runs, and its life; see the engine's documentation.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rgops_protocol::reply::{Module, StackEnd};

use super::grace::Guarded;
use super::left_alone::Unrecorded;
use super::modules::Modules;
use super::number::{self, Number};
use super::place::Place;
use super::ring::{Record, Ring};
use super::signal::{self, Interrupted, Mark, Tick};
use super::unwind::{self, Workspace};
use super::{EngineError, clock, own_stacks, stack_bounds, timers};
use crate::try_lock::try_lock;

/// So many handlers can unwind at the same time, and two a CPU; one more finds no place and is counted.
const PLACES: usize = 16;
/// No more than these, for memory's sake: each takes 36 KiB.
const MAX_PLACES: usize = 512;

/// How long to wait for a handler that does not come out before its session is kept for it.
const GRACE: Duration = Duration::from_millis(200);

/// The session of the running operation; null when idle. Of it and of the module lists it points at,
/// nothing is freed while a handler looks at it.
#[cfg(not(rgops_loom))]
static SESSION: Guarded<Session> = Guarded::new();
#[cfg(rgops_loom)]
loom::lazy_static! { static ref SESSION: Guarded<Session> = Guarded::new(); }
/// The process whose operation runs; 0 when idle. A fork child finds its parent's id here.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The process of the last operation; 0 before the first.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// Marks the signals of the last operation, which may come late.
pub(super) static LAST_MAGIC: AtomicU32 = AtomicU32::new(0);

/// What was lost in handlers, in weights unless it says otherwise.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) ring: AtomicU64,
    pub(super) cache: AtomicU64,
    /// Samples cut at the depth limit.
    pub(super) truncated: AtomicU64,
    /// Samples whose walk was lost, or not begun.
    pub(super) lost_walks: AtomicU64,
    /// Of these, on a stack whose bounds are not known.
    pub(super) unknown_stacks: AtomicU64,
    /// Signals that were not ours.
    pub(super) foreign: AtomicU64,
}

pub(super) struct Session {
    /// Marks our signals: random, so that nobody else's is taken for ours.
    magic: u32,
    /// The process, whose first thread has another kind of stack.
    process: u32,
    ring: Ring,
    published: AtomicPtr<Published>,
    stale: AtomicBool,
    losses: Losses,
    unrecorded: Unrecorded,
}

/// A module list, and the caches that are filled with its rules.
///
/// A cache serves one list only. framehop tells lists apart by a counter of 16 bits, which every
/// module added moves on, in this operation or elsewhere in the program: after 65,536 of them rules of
/// another list would be taken for this one's (the test `a_cache_is_wrong_after_65536_modules`).
struct Published {
    modules: Modules,
    places: Box<[Place<Workspace>]>,
}

impl Published {
    fn new(modules: Modules) -> *mut Published {
        Box::into_raw(Box::new(Published { modules, places: places() }))
    }
}

/// Places for as many threads as unwind at the same time.
pub(super) fn places() -> Box<[Place<Workspace>]> {
    let places = (2 * cpus()).clamp(PLACES, MAX_PLACES);
    (0..places).map(|_| Place::new(Workspace::new())).collect()
}

/// What a new reading of the modules brought.
pub(super) struct Refreshed {
    /// For the samples taken up to now: what is loaded, and what was. Without those of which one took
    /// the place of the other: nobody knows when.
    pub(super) until_now: Vec<Module>,
    /// Where these are.
    pub(super) replaced: Vec<std::ops::Range<u64>>,
    /// For the samples taken from now on.
    pub(super) from_now: Vec<Module>,
}

impl Refreshed {
    fn new(old: &[Module], new: &[Module]) -> Refreshed {
        let is_replaced = |module: &Module, others: &[Module]| {
            let overlaps =
                |other: &Module| other.start_avma < module.end_avma && module.start_avma < other.end_avma;
            others.iter().any(|other| other != module && overlaps(other))
        };
        let gone = old.iter().filter(|module| !new.contains(module));
        let (lost, apart): (Vec<&Module>, Vec<&Module>) = gone.partition(|module| is_replaced(module, new));
        let (taken, kept): (Vec<&Module>, Vec<&Module>) =
            new.iter().partition(|module| is_replaced(module, old));
        Refreshed {
            until_now: kept.into_iter().chain(apart.iter().copied()).cloned().collect(),
            replaced: lost.iter().chain(&taken).map(|module| module.start_avma..module.end_avma).collect(),
            from_now: new.iter().chain(apart).cloned().collect(),
        }
    }
}

/// CPUs threads of this process may be on at the same time.
pub(super) fn cpus() -> usize {
    // SAFETY: sysconf(3) takes any number and touches no memory of ours.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    processors.max(1) as usize
}

/// The right to be the one operation; given back when dropped.
pub(super) struct Claim(());

impl Claim {
    pub(super) fn take() -> Result<Claim, EngineError> {
        let process = std::process::id();
        let owner = OWNER.load(Ordering::SeqCst);
        if owner == process
            || OWNER.compare_exchange(owner, process, Ordering::SeqCst, Ordering::SeqCst).is_err()
        {
            return Err(EngineError::Busy);
        }
        if ![0, process].contains(&PROCESS.swap(process, Ordering::SeqCst)) {
            // A fork child: the parent's operation, and the handlers it was inside, are not ours.
            SESSION.forget();
            if let Some(mut left) = try_lock(&LEFT) {
                left.clear();
            }
        }
        Ok(Claim(()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        OWNER.store(0, Ordering::SeqCst);
    }
}

/// A running operation: the handler is installed and the session published. Dropping it gives
/// everything back; timers must be gone before.
pub(super) struct Operation {
    session: *mut Session,
    number: Number,
    installed: Option<signal::Installed>,
    /// Module lists that a handler may still be reading.
    retired: Vec<*mut Published>,
    _claim: Claim,
}

// SAFETY: the pointers are owned by this value; what they point at is `Sync` (see `Session`'s parts)
// or, for retired lists, only freed by it.
unsafe impl Send for Operation {}

impl Operation {
    /// Makes everything ready: afterwards ticks are captured.
    pub(super) fn begin(claim: Claim, modules: Modules, ring_words: usize) -> Result<Operation, EngineError> {
        if !free_left() {
            return Err(EngineError::Inside);
        }
        own_stacks::prepare().map_err(EngineError::Memory)?;
        own_stacks::LOST.store(0, Ordering::SeqCst);
        let mut magic = [0; 4];
        getrandom::fill(&mut magic).map_err(|error| EngineError::Random(error.to_string()))?;
        let session = Session {
            // Never the upper half of a pointer somebody else's timer carries, nor 0.
            magic: u32::from_ne_bytes(magic) | 0x8000_0001,
            process: std::process::id(),
            ring: Ring::with_words(ring_words).map_err(EngineError::Memory)?,
            published: AtomicPtr::new(Published::new(modules)),
            stale: AtomicBool::new(false),
            losses: Losses::default(),
            unrecorded: Unrecorded::new(),
        };
        LAST_MAGIC.store(session.magic, Ordering::SeqCst);
        let session = Box::into_raw(Box::new(session));
        // SAFETY: `drop` frees it, after it was replaced and nobody looked any more.
        unsafe { SESSION.replace(session) };
        // From here on dropping the operation cleans up, also when the handler cannot be installed.
        let number = number::chosen();
        let mut operation =
            Operation { session, number, installed: None, retired: Vec::new(), _claim: claim };
        operation.installed = Some(signal::Installed::install(number)?);
        Ok(operation)
    }

    fn session(&self) -> &Session {
        // SAFETY: it was made by `begin` and is freed in `drop` only; handlers share it by `&` as well.
        unsafe { &*self.session }
    }

    pub(super) fn modules(&self) -> &Modules {
        // SAFETY: never null after `begin`; replaced and freed by `&mut self` methods only.
        unsafe { &(*self.session().published.load(Ordering::SeqCst)).modules }
    }

    /// What a signal for `tid` must be.
    pub(super) fn signal_value(&self, tid: u32) -> Mark {
        Mark { number: self.number, value: u64::from(self.session().magic) << 32 | u64::from(tid) }
    }

    pub(super) fn losses(&self) -> &Losses {
        &self.session().losses
    }

    /// Weight of what was captured in vain so far: no place to unwind in, or no room in the ring.
    pub(super) fn lost_weight(&self) -> u64 {
        self.losses().ring.load(Ordering::Relaxed) + self.lost_for_places()
    }

    /// Of this, what found no place or no stack: too many threads were at it.
    pub(super) fn lost_for_places(&self) -> u64 {
        self.losses().cache.load(Ordering::Relaxed) + own_stacks::LOST.load(Ordering::SeqCst)
    }

    /// Whether no object of the list was unloaded.
    pub(super) fn modules_are_in_place(&self) -> bool {
        self.modules().are_in_place()
    }

    pub(super) fn module_list(&self) -> Vec<Module> {
        self.modules().list.clone()
    }

    /// Whether a handler met an address in no known module since this was last asked.
    pub(super) fn take_stale(&self) -> bool {
        self.session().stale.swap(false, Ordering::Relaxed)
    }

    /// Reads the modules again, and says what changed if objects were loaded or unloaded.
    pub(super) fn refresh_modules(&mut self) -> Option<Refreshed> {
        if self.retired.len() >= MOST_RETIRED && !SESSION.is_quiet() {
            return None;
        }
        // Unreadable maps: the old list still serves.
        let new = self.modules().refreshed().ok().flatten();
        let list = new.map(|new| {
            let refreshed = Refreshed::new(&self.modules().list, &new.list);
            let old = self.session().published.swap(Published::new(new), Ordering::SeqCst);
            self.retired.push(old);
            refreshed
        });
        if !self.retired.is_empty() && SESSION.is_quiet() {
            self.free_retired();
        }
        list
    }

    /// Frees retired lists. No handler may be inside, or have been since they were retired.
    fn free_retired(&mut self) {
        for published in self.retired.drain(..) {
            // SAFETY: it came from `Box::into_raw`, was swapped out, and nobody was inside after that:
            // every handler that could have loaded it has left (the engine's documentation).
            drop(unsafe { Box::from_raw(published) });
        }
    }

    /// Takes the captured stacks out. By `&mut`: the ring has one reader.
    pub(super) fn drain(&mut self, each: impl FnMut(Record, Vec<u64>)) {
        self.session().ring.drain(each);
    }

    /// Threads to be left alone whose record found no room in the ring, and how many more there were.
    pub(super) fn take_unrecorded(&mut self) -> (Vec<u32>, u64) {
        self.session().unrecorded.take()
    }

    /// Leaves no room in the ring.
    #[cfg(test)]
    pub(super) fn fill_ring(&self) {
        let record = Record { tid: 0, weight: 0, time_ns: 0, end: StackEnd::Lost, is_at_risk: false };
        while self.session().ring.push(record, &[]) {}
    }

    /// Whether signals still come to our handler, not to one installed over it.
    pub(super) fn handler_is_ours(&self) -> bool {
        self.installed.as_ref().is_some_and(signal::Installed::is_current)
    }

    /// Gives the signal handler back early; `false` when another was installed over it and stays.
    pub(super) fn give_back_handler(&mut self) -> bool {
        self.installed.take().is_none_or(signal::Installed::give_back)
    }

    /// Waits for handlers that are at work, so that the next look at the ring finds what they wrote. One
    /// that does not come out keeps its sample.
    pub(super) fn settle(&mut self) {
        wait_until_quiet();
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.give_back_handler();
        // SAFETY: there is nothing to keep.
        unsafe { SESSION.replace(std::ptr::null_mut()) };
        if !wait_until_quiet() {
            // A thread was stopped inside the handler. What it may still use is kept.
            if let Some(mut left) = try_lock(&LEFT) {
                left.push(Left { session: self.session, retired: std::mem::take(&mut self.retired) });
            }
            return;
        }
        // SAFETY: unpublished, and no handler has been inside since (above).
        unsafe { Left { session: self.session, retired: std::mem::take(&mut self.retired) }.free() };
    }
}

/// What is left of an operation that has ended.
struct Left {
    session: *mut Session,
    retired: Vec<*mut Published>,
}

// SAFETY: nobody uses what the pointers lead to but handlers that are still inside.
unsafe impl Send for Left {}

/// Of operations that ended while a thread was inside a handler and did not come out. For the agent's thread.
static LEFT: Mutex<Vec<Left>> = Mutex::new(Vec::new());

/// So many are kept; then there is no operation until the thread came out. One that was ended inside never does.
pub(super) const MOST_LEFT: usize = 2;
/// And so many module lists of a running one; then the list is not read again.
const MOST_RETIRED: usize = 8;

impl Left {
    /// # Safety
    /// No handler may be inside, or have been since the session was unpublished.
    unsafe fn free(self) {
        // SAFETY: all came from `Box::into_raw`, and are freed once, here; nobody looks (the caller).
        unsafe {
            for published in self.retired {
                drop(Box::from_raw(published));
            }
            let session = Box::from_raw(self.session);
            drop(Box::from_raw(session.published.load(Ordering::SeqCst)));
        }
    }
}

/// Frees what is left of former operations, if nobody can use it any more; `false` when too much would be left.
fn free_left() -> bool {
    let Some(mut left) = try_lock(&LEFT) else { return true };
    if SESSION.is_quiet() {
        for left in left.drain(..) {
            // SAFETY: it was unpublished, and nobody was inside after that.
            unsafe { left.free() };
        }
    }
    left.len() < MOST_LEFT
}

/// Waits for handlers that are at work; `false` when one does not come out. What those wrote that did is
/// seen from here on.
fn wait_until_quiet() -> bool {
    let deadline = Instant::now() + GRACE;
    while !SESSION.is_quiet() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
    true
}

/// Does something as if inside a handler.
#[cfg(test)]
pub(super) fn inside(work: impl FnOnce()) {
    SESSION.look(|_| work());
}

/// Operations of which something is left.
#[cfg(test)]
pub(super) fn left() -> usize {
    try_lock(&LEFT).map_or(usize::MAX, |left| left.len())
}

/// What the handler does with a signal; `false` when it is not ours. Async-signal-safe.
pub(super) fn handle(tick: Option<Tick>, interrupted: impl FnOnce() -> Interrupted) -> bool {
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
pub(super) fn lose(tick: Option<Tick>) -> bool {
    let Some(tick) = tick.filter(|tick| is_marked(*tick)) else { return false };
    own_stacks::LOST.fetch_add(tick.weight.into(), Ordering::SeqCst);
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
            let is_there = alternate.is_empty() || !signal::uses_alternate_stacks();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, start_avma: u64) -> Module {
        Module {
            path: path.to_owned(),
            build_id: Vec::new(),
            start_avma,
            end_avma: start_avma + 10,
            bias: start_avma,
            has_unwind_data: true,
        }
    }

    #[test]
    fn a_module_in_the_place_of_another_is_certain_from_now_on_only() {
        let old = [module("stays", 10), module("goes", 20), module("former", 30)];
        let new = [module("stays", 10), module("latter", 35), module("comes", 50)];
        let refreshed = Refreshed::new(&old, &new);
        let names = |modules: &[Module]| modules.iter().map(|one| one.path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&refreshed.until_now), ["stays", "comes", "goes"]);
        assert_eq!(refreshed.replaced, [30..40, 35..45]);
        assert_eq!(names(&refreshed.from_now), ["stays", "latter", "comes", "goes"]);
    }
}

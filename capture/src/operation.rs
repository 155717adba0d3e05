//! The life of an operation: claimed, begun, and given back; see the crate's documentation.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rgops_protocol::reply::Module;
#[cfg(test)]
use rgops_protocol::reply::StackEnd;

use super::exempt_threads::Unrecorded;
use super::modules::Modules;
use super::refreshed::Refreshed;
#[cfg(test)]
use super::ring::Record;
use super::ring::Ring;
use super::session::{LAST_MAGIC, Losses, Published, SESSION, Session};
use super::signal::Installed;
use super::signal_info::Mark;
use super::signal_number::{self, Number};
use super::{EngineError, scratch_stacks};
use crate::try_lock::try_lock;

/// How long to wait for a handler that does not come out before its session is kept for it.
const GRACE: Duration = Duration::from_millis(200);

/// The process whose operation runs; 0 when idle. A fork child finds its parent's id here.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The process of the last operation; 0 before the first.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The right to be the one operation; given back when dropped.
pub(crate) struct Claim(());

impl Claim {
    pub(crate) fn take() -> Result<Claim, EngineError> {
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
pub(crate) struct Operation {
    session: *mut Session,
    number: Number,
    installed: Option<Installed>,
    /// Module lists that a handler may still be reading.
    retired: Vec<*mut Published>,
    _claim: Claim,
}

// SAFETY: the pointers are owned by this value; what they point at is `Sync` (see `Session`'s parts)
// or, for retired lists, only freed by it.
unsafe impl Send for Operation {}

impl Operation {
    /// Makes everything ready: afterwards ticks are captured.
    pub(crate) fn begin(claim: Claim, modules: Modules, ring_words: usize) -> Result<Operation, EngineError> {
        if !free_left() {
            return Err(EngineError::Inside);
        }
        scratch_stacks::prepare().map_err(EngineError::Memory)?;
        scratch_stacks::LOST.store(0, Ordering::SeqCst);
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
        let number = signal_number::chosen();
        let mut operation =
            Operation { session, number, installed: None, retired: Vec::new(), _claim: claim };
        operation.installed = Some(Installed::install(number)?);
        Ok(operation)
    }

    fn session(&self) -> &Session {
        // SAFETY: it was made by `begin` and is freed in `drop` only; handlers share it by `&` as well.
        unsafe { &*self.session }
    }

    pub(crate) fn modules(&self) -> &Modules {
        // SAFETY: never null after `begin`; replaced and freed by `&mut self` methods only.
        unsafe { &(*self.session().published.load(Ordering::SeqCst)).modules }
    }

    /// What a signal for `tid` must be.
    pub(crate) fn signal_value(&self, tid: u32) -> Mark {
        Mark { number: self.number, value: u64::from(self.session().magic) << 32 | u64::from(tid) }
    }

    pub(crate) fn losses(&self) -> &Losses {
        &self.session().losses
    }

    /// Weight of what was captured in vain so far: no place to unwind in, or no room in the ring.
    pub(crate) fn lost_weight(&self) -> u64 {
        self.losses().ring.load(Ordering::Relaxed) + self.lost_for_places()
    }

    /// Of this, what found no place or no stack: too many threads were at it.
    pub(crate) fn lost_for_places(&self) -> u64 {
        self.losses().cache.load(Ordering::Relaxed) + scratch_stacks::LOST.load(Ordering::SeqCst)
    }

    /// Whether no object of the list was unloaded.
    pub(crate) fn modules_are_in_place(&self) -> bool {
        self.modules().are_in_place()
    }

    pub(crate) fn module_list(&self) -> Vec<Module> {
        self.modules().list.clone()
    }

    /// Whether a handler met an address in no known module since this was last asked.
    pub(crate) fn take_stale(&self) -> bool {
        self.session().stale.swap(false, Ordering::Relaxed)
    }

    /// Reads the modules again, and says what changed if objects were loaded or unloaded.
    pub(crate) fn refresh_modules(&mut self) -> Option<Refreshed> {
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
            // every handler that could have loaded it has left (the crate's documentation).
            drop(unsafe { Box::from_raw(published) });
        }
    }

    /// Takes the captured stacks out. By `&mut`: the ring has one reader.
    pub(crate) fn drain(&mut self, each: impl FnMut(super::ring::Record, Vec<u64>)) {
        self.session().ring.drain(each);
    }

    /// Threads to be left alone whose record found no room in the ring, and how many more there were.
    pub(crate) fn take_unrecorded(&mut self) -> (Vec<u32>, u64) {
        self.session().unrecorded.take()
    }

    /// Leaves no room in the ring.
    #[cfg(test)]
    pub(crate) fn fill_ring(&self) {
        let record = Record { tid: 0, weight: 0, time_ns: 0, end: StackEnd::Lost, is_at_risk: false };
        while self.session().ring.push(record, &[]) {}
    }

    /// Whether signals still come to our handler, not to one installed over it.
    pub(crate) fn handler_is_ours(&self) -> bool {
        self.installed.as_ref().is_some_and(Installed::is_current)
    }

    /// Gives the signal handler back early; `false` when another was installed over it and stays.
    pub(crate) fn give_back_handler(&mut self) -> bool {
        self.installed.take().is_none_or(Installed::give_back)
    }

    /// Waits for handlers that are at work, so that the next look at the ring finds what they wrote. One
    /// that does not come out keeps its sample.
    pub(crate) fn settle(&mut self) {
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
pub(crate) const MOST_LEFT: usize = 2;
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

/// Operations of which something is left.
#[cfg(test)]
pub(crate) fn left() -> usize {
    try_lock(&LEFT).map_or(usize::MAX, |left| left.len())
}

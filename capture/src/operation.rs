//! The life cycle of an operation: claim, begin, end. See the crate's documentation.

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

/// How long to wait for a running handler before its session is retained for it.
const GRACE: Duration = Duration::from_millis(200);

/// The process whose operation runs; 0 when idle. A fork child finds its parent's id here.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The process of the last operation; 0 before the first.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The right to run the only operation; released when dropped.
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
            // This is a fork child: the parent's operation, and handlers that were running in it, do not exist here.
            SESSION.forget();
            if let Some(mut retained) = try_lock(&RETAINED) {
                retained.clear();
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

/// A running operation: the handler is installed and the session published. Dropping it restores
/// everything; timers must be deleted before.
pub(crate) struct Operation {
    session: *mut Session,
    number: Number,
    installed: Option<Installed>,
    /// Module lists that a handler may still be reading.
    retired: Vec<*mut Published>,
    _claim: Claim,
}

// SAFETY: this value owns the pointers. They point to sessions, which are `Sync` (see `Session`'s parts),
// or to retired lists, which only this value frees.
unsafe impl Send for Operation {}

impl Operation {
    /// Prepares everything; afterwards ticks are captured.
    pub(crate) fn begin(claim: Claim, modules: Modules, ring_words: usize) -> Result<Operation, EngineError> {
        if !free_retained() {
            return Err(EngineError::Inside);
        }
        scratch_stacks::prepare().map_err(EngineError::Memory)?;
        scratch_stacks::LOST.store(0, Ordering::SeqCst);
        let mut magic = [0; 4];
        getrandom::fill(&mut magic).map_err(|error| EngineError::Random(error.to_string()))?;
        let session = Session {
            // Never 0, and never the upper half of a pointer in the value of a foreign timer.
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
        // SAFETY: the session is valid. `drop` frees it only after it was replaced and no handler uses it.
        unsafe { SESSION.replace(session) };
        // From here on, dropping the operation cleans up, even if the handler cannot be installed.
        let number = signal_number::chosen();
        let mut operation =
            Operation { session, number, installed: None, retired: Vec::new(), _claim: claim };
        operation.installed = Some(Installed::install(number)?);
        Ok(operation)
    }

    fn session(&self) -> &Session {
        // SAFETY: `begin` created it and only `drop` frees it; handlers also share it by `&`.
        unsafe { &*self.session }
    }

    pub(crate) fn modules(&self) -> &Modules {
        // SAFETY: never null after `begin`; only methods with `&mut self` replace and free it.
        unsafe { &(*self.session().published.load(Ordering::SeqCst)).modules }
    }

    /// The signal number and value to send to thread `tid`.
    pub(crate) fn signal_value(&self, tid: u32) -> Mark {
        Mark { number: self.number, value: u64::from(self.session().magic) << 32 | u64::from(tid) }
    }

    pub(crate) fn losses(&self) -> &Losses {
        &self.session().losses
    }

    /// The weight of lost captures so far: no unwinding place, or no room in the ring.
    pub(crate) fn lost_weight(&self) -> u64 {
        self.losses().ring.load(Ordering::Relaxed) + self.lost_for_places()
    }

    /// The part of it that found no unwinding place or no stack, because too many threads were captured at once.
    pub(crate) fn lost_for_places(&self) -> u64 {
        self.losses().cache.load(Ordering::Relaxed) + scratch_stacks::LOST.load(Ordering::SeqCst)
    }

    /// Whether no module of the list was unloaded.
    pub(crate) fn modules_are_in_place(&self) -> bool {
        self.modules().are_in_place()
    }

    pub(crate) fn module_list(&self) -> Vec<Module> {
        self.modules().list.clone()
    }

    /// Whether a handler found an address in no known module since the last call.
    pub(crate) fn take_stale(&self) -> bool {
        self.session().stale.swap(false, Ordering::Relaxed)
    }

    /// Reads the modules again, and returns the difference if modules were loaded or unloaded.
    pub(crate) fn refresh_modules(&mut self) -> Option<Refreshed> {
        if self.retired.len() >= MAX_RETIRED && !SESSION.is_quiet() {
            return None;
        }
        // If the maps cannot be read, the old list stays in use.
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

    /// Frees retired lists. No handler may be running, or have been running since they were retired.
    fn free_retired(&mut self) {
        for published in self.retired.drain(..) {
            // SAFETY: it came from `Box::into_raw` and was swapped out, and afterwards no handler was running:
            // every handler that could have loaded it has returned (see the crate's documentation).
            drop(unsafe { Box::from_raw(published) });
        }
    }

    /// Removes the captured stacks. Takes `&mut self` because the ring has one reader.
    pub(crate) fn drain(&mut self, each: impl FnMut(super::ring::Record, Vec<u64>)) {
        self.session().ring.drain(each);
    }

    /// Threads to exempt whose record did not fit into the ring, and the number of further ones.
    pub(crate) fn take_unrecorded(&mut self) -> (Vec<u32>, u64) {
        self.session().unrecorded.take()
    }

    /// Fills the ring completely.
    #[cfg(test)]
    pub(crate) fn fill_ring(&self) {
        let record = Record { tid: 0, weight: 0, time_ns: 0, end: StackEnd::Lost, is_at_risk: false };
        while self.session().ring.push(record, &[]) {}
    }

    /// Whether signals still reach our handler, not one installed over it.
    pub(crate) fn handler_is_ours(&self) -> bool {
        self.installed.as_ref().is_some_and(Installed::is_current)
    }

    /// Restores the former signal handler early; `false` when another was installed over ours and stays.
    pub(crate) fn restore_handler(&mut self) -> bool {
        self.installed.take().is_none_or(Installed::restore)
    }

    /// Waits for running handlers, so that the next read of the ring includes their records. One
    /// that does not return in time keeps its sample.
    pub(crate) fn settle(&mut self) {
        wait_until_quiet();
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.restore_handler();
        // SAFETY: a null session is always valid.
        unsafe { SESSION.replace(std::ptr::null_mut()) };
        if !wait_until_quiet() {
            // A thread was stopped inside the handler. Retain what it may still use.
            if let Some(mut retained) = try_lock(&RETAINED) {
                retained.push(Retained { session: self.session, retired: std::mem::take(&mut self.retired) });
            }
            return;
        }
        // SAFETY: it is unpublished, and no handler has been running since (above).
        unsafe { Retained { session: self.session, retired: std::mem::take(&mut self.retired) }.free() };
    }
}

/// The session and lists of an ended operation that a handler may still use.
struct Retained {
    session: *mut Session,
    retired: Vec<*mut Published>,
}

// SAFETY: only handlers that are still running use what the pointers point to.
unsafe impl Send for Retained {}

/// Sessions of operations that ended while a handler did not return. For the agent's thread.
static RETAINED: Mutex<Vec<Retained>> = Mutex::new(Vec::new());

/// The maximum number of retained sessions. At the limit there is no new operation until the handler returns. A thread
/// that was terminated inside never does.
pub(crate) const MAX_RETAINED: usize = 2;
/// The maximum number of retired module lists of a running operation. At the limit the list is not read again.
const MAX_RETIRED: usize = 8;

impl Retained {
    /// Frees the session and its retired module lists.
    ///
    /// # Safety
    /// No handler may be running, or have been running since the session was unpublished.
    unsafe fn free(self) {
        // SAFETY: all pointers came from `Box::into_raw` and are freed once, here. The caller guarantees that no
        // handler uses them.
        unsafe {
            for published in self.retired {
                drop(Box::from_raw(published));
            }
            let session = Box::from_raw(self.session);
            drop(Box::from_raw(session.published.load(Ordering::SeqCst)));
        }
    }
}

/// Frees retained sessions that no handler can use any more; `false` when the limit is reached.
fn free_retained() -> bool {
    let Some(mut retained) = try_lock(&RETAINED) else { return true };
    if SESSION.is_quiet() {
        for retained in retained.drain(..) {
            // SAFETY: it was unpublished, and afterwards no handler was running.
            unsafe { retained.free() };
        }
    }
    retained.len() < MAX_RETAINED
}

/// Waits for running handlers; `false` when one does not return in time. Records of the others are
/// visible afterwards.
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

/// The number of retained sessions.
#[cfg(test)]
pub(crate) fn retained() -> usize {
    try_lock(&RETAINED).map_or(usize::MAX, |retained| retained.len())
}

//! Limits the memory and time of one command, whatever a file or another process sends.
//!
//! Everything that grows with untrusted data is charged here before memory is allocated for it: packets of an
//! answer, sections of files, decoded parts. One budget serves a whole command, so many small allocations
//! count like one large one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The memory of the process is measured each time this many bytes were charged or received.
const WATCHED_BYTES: u64 = 1024 * 1024;

/// Memory of this process in bytes; `None` where it is unknown.
pub type OwnMemory = fn() -> Option<u64>;

/// The budget of one command. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    memory_bytes: u64,
    /// The limit stated in messages: that of the charges, or that of the process.
    limit_bytes: u64,
    /// Measures the memory of the whole process, if that is limited also.
    own_memory: Option<OwnMemory>,
    charged_bytes: AtomicU64,
    /// Bytes charged or received since the memory of the process was measured.
    unwatched_bytes: AtomicU64,
    deadline: Mutex<Option<Instant>>,
}

/// The limit that a command reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// It would need more memory than this many bytes.
    Memory(u64),
    /// Its deadline has passed.
    Time,
    /// Its output file would be longer than this many bytes.
    File(u64),
}

impl fmt::Display for Exhausted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exhausted::Memory(bytes) => {
                write!(formatter, "the memory limit of {} MiB was reached", bytes / (1024 * 1024))
            }
            Exhausted::Time => formatter.write_str("the time limit was reached"),
            Exhausted::File(bytes) => {
                write!(formatter, "the file would be longer than {} MiB", bytes / (1024 * 1024))
            }
        }
    }
}

impl std::error::Error for Exhausted {}

impl Exhausted {
    /// How to raise the limit with an option of `rgops`; empty where no option does.
    pub fn fix(self) -> &'static str {
        match self {
            Exhausted::Memory(_) => "pass a larger --max-memory",
            Exhausted::Time => "pass a larger --timeout",
            // Reading never writes a file.
            Exhausted::File(_) => "",
        }
    }
}

impl Budget {
    /// A budget of `memory_bytes` of charges, without a deadline and without a limit on the process.
    pub fn new(memory_bytes: u64) -> Budget {
        Budget::with_stated_limit(memory_bytes, memory_bytes, None)
    }

    /// A budget of `memory_bytes` of charges in a process that may use `process_bytes`, which is the limit
    /// stated in messages; without a deadline. `own_memory` is called regularly as a second line of defence: if
    /// the process uses more than all possible charges, some memory was not charged.
    pub fn of_process(memory_bytes: u64, process_bytes: u64, own_memory: OwnMemory) -> Budget {
        Budget::with_stated_limit(memory_bytes, process_bytes, Some(own_memory))
    }

    fn with_stated_limit(memory_bytes: u64, limit_bytes: u64, own_memory: Option<OwnMemory>) -> Budget {
        let shared = Shared {
            memory_bytes,
            limit_bytes,
            own_memory,
            charged_bytes: AtomicU64::new(0),
            unwatched_bytes: AtomicU64::new(0),
            deadline: Mutex::new(None),
        };
        Budget { shared: Arc::new(shared) }
    }

    /// Sets the deadline of the whole command.
    pub fn end_by(&self, deadline: Instant) {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    /// The deadline of the whole command, if it has one.
    pub fn deadline(&self) -> Option<Instant> {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges `bytes` before they are allocated.
    ///
    /// # Errors
    /// [`Exhausted::Memory`] when less memory is left: then nothing is charged. Also when the process has
    /// grown beyond all possible charges: some allocation is larger than its charge.
    pub fn charge(&self, bytes: u64) -> Result<(), Exhausted> {
        self.watch(bytes)?;
        let taken =
            |charged: u64| charged.checked_add(bytes).filter(|charged| *charged <= self.shared.memory_bytes);
        match self.shared.charged_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.exhausted()),
        }
    }

    /// The second line of defence: measures the memory of this process regularly, while it reads `bytes` of
    /// untrusted data.
    ///
    /// # Errors
    /// [`Exhausted::Memory`] when the process has grown beyond all possible charges.
    pub fn watch(&self, bytes: u64) -> Result<(), Exhausted> {
        let Some(own_memory) = self.shared.own_memory else { return Ok(()) };
        let unwatched = self.shared.unwatched_bytes.fetch_add(bytes, Ordering::Relaxed);
        if unwatched.saturating_add(bytes) < WATCHED_BYTES {
            return Ok(());
        }
        self.shared.unwatched_bytes.store(0, Ordering::Relaxed);
        match own_memory() {
            Some(bytes) if bytes > self.shared.memory_bytes => Err(self.exhausted()),
            _ => Ok(()),
        }
    }

    /// The limit stated in messages, in bytes: that of the whole process, if there is one.
    pub fn limit_bytes(&self) -> u64 {
        self.shared.limit_bytes
    }

    /// The error when no memory is left.
    pub fn exhausted(&self) -> Exhausted {
        Exhausted::Memory(self.shared.limit_bytes)
    }

    /// The bytes charged now. The difference to a later value can be released.
    pub fn charged(&self) -> u64 {
        self.shared.charged_bytes.load(Ordering::Relaxed)
    }

    /// Releases the charge of freed memory.
    pub fn release(&self, bytes: u64) {
        let left = |charged: u64| Some(charged.saturating_sub(bytes));
        let _ = self.shared.charged_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }

    /// Whether time is left. Takes some tens of nanoseconds: meant for loops.
    ///
    /// # Errors
    /// [`Exhausted::Time`] when the deadline has passed.
    pub fn check_time(&self) -> Result<(), Exhausted> {
        match self.deadline() {
            Some(deadline) if Instant::now() >= deadline => Err(Exhausted::Time),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_small_charges_count_like_one_large_charge() {
        let budget = Budget::new(100);
        assert_eq!(budget.charge(60), Ok(()));
        assert_eq!(budget.clone().charge(41), Err(Exhausted::Memory(100)));
        assert_eq!(budget.charge(40), Ok(()));
        budget.release(50);
        assert_eq!(budget.charge(50), Ok(()));
        assert_eq!(budget.charge(u64::MAX), Err(Exhausted::Memory(100)));
    }

    #[test]
    fn messages_state_the_limit_of_the_process() {
        let budget = Budget::of_process(768 << 20, 1 << 30, || None);
        assert_eq!(budget.charge(768 << 20), Ok(()));
        let exhausted = budget.charge(1).unwrap_err();
        assert_eq!(exhausted.to_string(), "the memory limit of 1024 MiB was reached");
    }

    #[test]
    fn uncharged_memory_is_detected() {
        let budget = Budget::of_process(64 << 20, 128 << 20, || Some(65 << 20));
        assert_eq!(budget.watch(10), Ok(()), "memory is not measured at each call");
        assert_eq!(budget.watch(WATCHED_BYTES), Err(Exhausted::Memory(128 << 20)));
        assert_eq!(Budget::new(0).watch(WATCHED_BYTES), Ok(()), "of charges alone");
    }

    #[test]
    fn clones_share_the_deadline() {
        let budget = Budget::new(0);
        assert_eq!(budget.check_time(), Ok(()));
        budget.clone().end_by(Instant::now());
        assert_eq!(budget.check_time(), Err(Exhausted::Time));
        budget.end_by(Instant::now() + Duration::from_secs(60));
        assert_eq!(budget.check_time(), Ok(()));
    }
}

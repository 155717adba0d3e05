//! What one command may take, in memory and in time, whatever a file or another process shows it.
//!
//! Everything that grows with what others say is charged here before it is allocated: packets of an answer,
//! sections of files, decoded parts. One budget serves a whole command, so many small things count as one
//! large thing does.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Memory of the process is looked at each time this many bytes were charged or received.
const WATCHED_BYTES: u64 = 1024 * 1024;

/// What this process takes in memory, in bytes; `None` where that is not known.
pub type OwnMemory = fn() -> Option<u64>;

/// The budget of one command. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    memory_bytes: u64,
    /// The limit as it is told: the charges', or that of the process.
    told_bytes: u64,
    /// Tells what the whole process takes, where that is looked at, too.
    own_memory: Option<OwnMemory>,
    charged_bytes: AtomicU64,
    /// Bytes charged or received since the process' memory was looked at.
    unwatched_bytes: AtomicU64,
    deadline: Mutex<Option<Instant>>,
}

/// Why a command may not go on.
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
    /// What raises the limit, as `rgops` calls it; empty where nothing that is read here does.
    pub fn fix(self) -> &'static str {
        match self {
            Exhausted::Memory(_) => "pass a larger --max-memory",
            Exhausted::Time => "pass a larger --timeout",
            // Nothing that is read is written to a file.
            Exhausted::File(_) => "",
        }
    }
}

impl Budget {
    /// A budget of `memory_bytes` that are charged, whatever else is in the process; without a deadline.
    pub fn new(memory_bytes: u64) -> Budget {
        Budget::telling(memory_bytes, memory_bytes, None)
    }

    /// A budget of `memory_bytes` in a process that may take `process_bytes`, which is the limit that people
    /// are told; without a deadline. `own_memory` is asked now and then, as a second line of defence: a
    /// process that takes more than all that may be charged has something that was not charged.
    pub fn of_process(memory_bytes: u64, process_bytes: u64, own_memory: OwnMemory) -> Budget {
        Budget::telling(memory_bytes, process_bytes, Some(own_memory))
    }

    fn telling(memory_bytes: u64, told_bytes: u64, own_memory: Option<OwnMemory>) -> Budget {
        let shared = Shared {
            memory_bytes,
            told_bytes,
            own_memory,
            charged_bytes: AtomicU64::new(0),
            unwatched_bytes: AtomicU64::new(0),
            deadline: Mutex::new(None),
        };
        Budget { shared: Arc::new(shared) }
    }

    /// Sets when all of it has to be over.
    pub fn end_by(&self, deadline: Instant) {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    /// When all of it has to be over, if that is limited.
    pub fn deadline(&self) -> Option<Instant> {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `bytes` of the memory that is left, before they are allocated.
    ///
    /// # Errors
    /// [`Exhausted::Memory`] when there are fewer left: then nothing is taken. Also when the process has
    /// grown beyond all that may be charged: something costs more than it was charged for.
    pub fn charge(&self, bytes: u64) -> Result<(), Exhausted> {
        self.watch(bytes)?;
        let taken =
            |charged: u64| charged.checked_add(bytes).filter(|charged| *charged <= self.shared.memory_bytes);
        match self.shared.charged_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.exhausted()),
        }
    }

    /// The second line of defence: looks at the memory of this process, now and then, while it goes
    /// through `bytes` of what others say.
    ///
    /// # Errors
    /// [`Exhausted::Memory`] when the process has grown beyond all that may be charged.
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

    /// The limit as it is told to people, in bytes: of the whole process where it is one for a process.
    pub fn limit_bytes(&self) -> u64 {
        self.shared.told_bytes
    }

    /// What is said when there is no memory left.
    pub fn exhausted(&self) -> Exhausted {
        Exhausted::Memory(self.shared.told_bytes)
    }

    /// What is charged now: what was charged since can be given back as the difference.
    pub fn charged(&self) -> u64 {
        self.shared.charged_bytes.load(Ordering::Relaxed)
    }

    /// Gives back what was charged and is freed.
    pub fn release(&self, bytes: u64) {
        let left = |charged: u64| Some(charged.saturating_sub(bytes));
        let _ = self.shared.charged_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }

    /// Whether there is time left. Takes a few ten nanoseconds: meant for loops.
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
    fn many_small_charges_count_as_one_large() {
        let budget = Budget::new(100);
        assert_eq!(budget.charge(60), Ok(()));
        assert_eq!(budget.clone().charge(41), Err(Exhausted::Memory(100)));
        assert_eq!(budget.charge(40), Ok(()));
        budget.release(50);
        assert_eq!(budget.charge(50), Ok(()));
        assert_eq!(budget.charge(u64::MAX), Err(Exhausted::Memory(100)));
    }

    #[test]
    fn the_limit_of_the_process_is_the_one_that_is_told() {
        let budget = Budget::of_process(768 << 20, 1 << 30, || None);
        assert_eq!(budget.charge(768 << 20), Ok(()));
        let exhausted = budget.charge(1).unwrap_err();
        assert_eq!(exhausted.to_string(), "the memory limit of 1024 MiB was reached");
    }

    #[test]
    fn memory_that_was_not_charged_is_seen_now_and_then() {
        let budget = Budget::of_process(64 << 20, 128 << 20, || Some(65 << 20));
        assert_eq!(budget.watch(10), Ok(()), "it is not looked at each time");
        assert_eq!(budget.watch(WATCHED_BYTES), Err(Exhausted::Memory(128 << 20)));
        assert_eq!(Budget::new(0).watch(WATCHED_BYTES), Ok(()), "of charges alone");
    }

    #[test]
    fn a_deadline_is_kept_by_all_clones() {
        let budget = Budget::new(0);
        assert_eq!(budget.check_time(), Ok(()));
        budget.clone().end_by(Instant::now());
        assert_eq!(budget.check_time(), Err(Exhausted::Time));
        budget.end_by(Instant::now() + Duration::from_secs(60));
        assert_eq!(budget.check_time(), Ok(()));
    }
}

//! What one command may take, in memory and in time, whatever other processes show it.
//!
//! Everything that grows with what another process says is charged here before it is allocated: packets of
//! an answer, sections of files, decoded parts. One budget serves a whole command, so many small things
//! count as one large thing does.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rgops_protocol::reply::Module;

use crate::own_use;

/// What the whole process of a command may take unless it is told otherwise, in bytes.
pub const DEFAULT_PROCESS_BYTES: u64 = 1024 * 1024 * 1024;

/// Of this, what is charged; see [`Budget::for_process`].
pub const DEFAULT_MEMORY_BYTES: u64 = chargeable(DEFAULT_PROCESS_BYTES);

/// The least a process can be limited to: below there is no room for one packet and its report.
pub const LEAST_PROCESS_BYTES: u64 = 128 * 1024 * 1024;

/// The process itself, a packet that is being decoded, and what the allocator keeps without use.
const UNCHARGED_BYTES: u64 = 64 * 1024 * 1024;

/// Loaded modules that are looked into at a time. Browsers have some hundreds.
pub const MOST_MODULES: usize = 4096;

/// What a module costs besides its sections: its description, its open file, its names.
const MODULE_BYTES: u64 = 2048;

/// Memory is looked at each time that so many bytes were charged or received.
const WATCHED_BYTES: u64 = 1024 * 1024;

const fn chargeable(process_bytes: u64) -> u64 {
    let quarter = process_bytes / 4;
    let uncharged = if quarter > UNCHARGED_BYTES { quarter } else { UNCHARGED_BYTES };
    process_bytes.saturating_sub(uncharged)
}

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
    /// Whether the memory of the whole process is looked at, too.
    watches_process: bool,
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

impl Budget {
    /// A budget of so many charged bytes, whatever else is in the process; without a deadline.
    pub fn new(memory_bytes: u64) -> Budget {
        Budget::telling(memory_bytes, memory_bytes, false)
    }

    /// The budget that keeps a process below `process_bytes`, but at least [`LEAST_PROCESS_BYTES`], without
    /// a deadline: a quarter of it is for what is not charged.
    pub fn for_process(process_bytes: u64) -> Budget {
        let process_bytes = process_bytes.max(LEAST_PROCESS_BYTES);
        Budget::telling(chargeable(process_bytes), process_bytes, true)
    }

    fn telling(memory_bytes: u64, told_bytes: u64, watches_process: bool) -> Budget {
        let shared = Shared {
            memory_bytes,
            told_bytes,
            watches_process,
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
        if !self.shared.watches_process {
            return Ok(());
        }
        let unwatched = self.shared.unwatched_bytes.fetch_add(bytes, Ordering::Relaxed);
        if unwatched.saturating_add(bytes) < WATCHED_BYTES {
            return Ok(());
        }
        self.shared.unwatched_bytes.store(0, Ordering::Relaxed);
        match own_use::memory_bytes() {
            Some(bytes) if bytes > self.shared.memory_bytes.max(chargeable(LEAST_PROCESS_BYTES)) => {
                Err(self.exhausted())
            }
            _ => Ok(()),
        }
    }

    /// The loaded modules of an answer that may be looked into: no more than [`MOST_MODULES`] at a time.
    ///
    /// # Errors
    /// When there is no memory, or time, for them.
    pub fn charge_modules<'m>(&self, modules: &'m [Module]) -> Result<&'m [Module], Exhausted> {
        let modules = &modules[..modules.len().min(MOST_MODULES)];
        self.check_time()?;
        self.charge(MODULE_BYTES.saturating_mul(modules.len() as u64))?;
        Ok(modules)
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

impl Default for Budget {
    fn default() -> Budget {
        Budget::for_process(DEFAULT_PROCESS_BYTES)
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
    fn a_process_keeps_room_for_what_is_not_charged() {
        let budget = Budget::for_process(1024 * 1024 * 1024);
        assert_eq!(budget.charge(768 * 1024 * 1024), Ok(()));
        let exhausted = budget.charge(1).unwrap_err();
        assert_eq!(exhausted.to_string(), "the memory limit of 1024 MiB was reached");
        assert_eq!(Budget::for_process(0).charge(64 * 1024 * 1024), Ok(()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_was_not_charged_is_seen() {
        let budget = Budget::for_process(0);
        assert_eq!(budget.watch(WATCHED_BYTES), Ok(()));
        let hidden = vec![1_u8; 200 * 1024 * 1024];
        assert_eq!(budget.watch(10), Ok(()), "it is not looked at each time");
        assert_eq!(budget.watch(WATCHED_BYTES), Err(Exhausted::Memory(LEAST_PROCESS_BYTES)));
        assert_eq!(Budget::new(0).watch(WATCHED_BYTES), Ok(()), "of charges alone");
        drop(hidden);
    }

    #[test]
    fn a_deadline_is_kept_by_all_clones() {
        let budget = Budget::default();
        assert_eq!(budget.check_time(), Ok(()));
        budget.clone().end_by(Instant::now());
        assert_eq!(budget.check_time(), Err(Exhausted::Time));
        budget.end_by(Instant::now() + Duration::from_secs(60));
        assert_eq!(budget.check_time(), Ok(()));
    }
}

//! What one command may take, in memory and in time, whatever other processes show it.
//!
//! Everything that grows with what another process says is charged here before it is allocated: packets of
//! an answer, sections of files, decoded parts. One budget serves a whole command, so many small things
//! count as one large thing does.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a command may take unless it is told otherwise, in bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 768 * 1024 * 1024;

/// The budget of one command. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    memory_bytes: u64,
    charged_bytes: AtomicU64,
    deadline: Mutex<Option<Instant>>,
}

/// Why a command may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// It would need more memory than this many bytes.
    Memory(u64),
    /// Its deadline has passed.
    Time,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exhausted::Memory(bytes) => {
                write!(formatter, "the memory limit of {} MiB was reached", bytes / (1024 * 1024))
            }
            Exhausted::Time => formatter.write_str("the time limit was reached"),
        }
    }
}

impl std::error::Error for Exhausted {}

impl Budget {
    /// A budget of so many bytes, without a deadline.
    pub fn new(memory_bytes: u64) -> Budget {
        let shared = Shared { memory_bytes, charged_bytes: AtomicU64::new(0), deadline: Mutex::new(None) };
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
    /// [`Exhausted::Memory`] when there are fewer left: then nothing is taken.
    pub fn charge(&self, bytes: u64) -> Result<(), Exhausted> {
        let taken =
            |charged: u64| charged.checked_add(bytes).filter(|charged| *charged <= self.shared.memory_bytes);
        match self.shared.charged_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(()),
            Err(_) => Err(Exhausted::Memory(self.shared.memory_bytes)),
        }
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
        Budget::new(DEFAULT_MEMORY_BYTES)
    }
}

#[cfg(test)]
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
    fn a_deadline_is_kept_by_all_clones() {
        let budget = Budget::default();
        assert_eq!(budget.check_time(), Ok(()));
        budget.clone().end_by(Instant::now());
        assert_eq!(budget.check_time(), Err(Exhausted::Time));
        budget.end_by(Instant::now() + Duration::from_secs(60));
        assert_eq!(budget.check_time(), Ok(()));
    }
}

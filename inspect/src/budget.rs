//! The limits of memory and time for one command, whatever other processes send.
//!
//! A [`Budget`] counts what is charged to it. This module sets the limit on the memory of the whole process, and
//! how that memory is measured.

use rgops_protocol::reply::Module;

pub use rgops_dwarf::{Budget, Exhausted};

use crate::own_use;

/// Default limit on the memory of the whole process, in bytes.
pub const DEFAULT_PROCESS_BYTES: u64 = 1024 * 1024 * 1024;

/// The part of [`DEFAULT_PROCESS_BYTES`] that may be charged; see [`for_process`].
pub const DEFAULT_MEMORY_BYTES: u64 = chargeable(DEFAULT_PROCESS_BYTES);

/// Minimum limit on the memory of a process: with less, one packet and its report do not fit.
pub const LEAST_PROCESS_BYTES: u64 = 128 * 1024 * 1024;

/// Minimum memory that is not charged: the process itself, a packet that is being decoded, and memory that the
/// allocator keeps unused.
const UNCHARGED_BYTES: u64 = 64 * 1024 * 1024;

/// Maximum loaded modules of an answer that are searched for names. Browsers have some hundreds.
pub const MOST_MODULES: usize = 4096;

/// Memory of a module besides its sections: its description, its open file, its names.
const MODULE_BYTES: u64 = 2048;

const fn chargeable(process_bytes: u64) -> u64 {
    let quarter = process_bytes / 4;
    let uncharged = if quarter > UNCHARGED_BYTES { quarter } else { UNCHARGED_BYTES };
    process_bytes.saturating_sub(uncharged)
}

/// The budget that keeps this process below `process_bytes`, but at least [`LEAST_PROCESS_BYTES`], without a
/// deadline. A quarter of it is for memory that is not charged.
pub fn for_process(process_bytes: u64) -> Budget {
    let process_bytes = process_bytes.max(LEAST_PROCESS_BYTES);
    Budget::of_process(chargeable(process_bytes), process_bytes, own_use::memory_bytes)
}

/// The budget with the default limit, [`DEFAULT_PROCESS_BYTES`].
pub fn standard() -> Budget {
    // The unit tests run side by side in one process, so its memory says nothing about one of them.
    if cfg!(test) { Budget::new(DEFAULT_MEMORY_BYTES) } else { for_process(DEFAULT_PROCESS_BYTES) }
}

/// The loaded modules of an answer that are searched for names, at most [`MOST_MODULES`]. Their memory is
/// charged.
///
/// # Errors
/// When no memory or time is left for them.
pub fn charge_modules<'m>(budget: &Budget, modules: &'m [Module]) -> Result<&'m [Module], Exhausted> {
    let modules = &modules[..modules.len().min(MOST_MODULES)];
    budget.check_time()?;
    budget.charge(MODULE_BYTES.saturating_mul(modules.len() as u64))?;
    Ok(modules)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_that_cannot_be_charged() {
        let budget = for_process(1024 * 1024 * 1024);
        assert_eq!(budget.charge(768 * 1024 * 1024), Ok(()));
        let exhausted = budget.charge(1).unwrap_err();
        assert_eq!(exhausted.to_string(), "the memory limit of 1024 MiB was reached");
        assert_eq!(for_process(0).charge(64 * 1024 * 1024), Ok(()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn uncharged_memory_is_detected() {
        const WATCHED_BYTES: u64 = 1024 * 1024;
        let budget = for_process(0);
        assert_eq!(budget.watch(WATCHED_BYTES), Ok(()));
        let hidden = vec![1_u8; 200 * 1024 * 1024];
        assert_eq!(budget.watch(10), Ok(()), "it is not measured each time");
        assert_eq!(budget.watch(WATCHED_BYTES), Err(Exhausted::Memory(LEAST_PROCESS_BYTES)));
        assert_eq!(Budget::new(0).watch(WATCHED_BYTES), Ok(()), "of charges alone");
        drop(hidden);
    }
}

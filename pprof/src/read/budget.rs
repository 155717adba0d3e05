//! How much memory a file may take.

use super::error::ReadError;

/// What reading a profile may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory of the profile, roughly.
    pub memory_bytes: u64,
    /// Bytes when decompressed.
    pub decompressed_bytes: u64,
    /// How many times as large it may be when decompressed, if that is more than 8 MB. Profiles that repeat one stack
    /// become some tens of times as large.
    pub expansion: u64,
}

impl Default for Limits {
    /// 2 GB of memory, 8 GB when decompressed, 200 times as large.
    fn default() -> Limits {
        Limits { memory_bytes: 2 << 30, decompressed_bytes: 8 << 30, expansion: 200 }
    }
}

/// What is left of the memory.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    limit: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Budget {
        Budget { left: limits.memory_bytes, limit: limits.memory_bytes }
    }

    /// Whether `bytes` could be taken.
    pub(super) fn check(&self, bytes: usize) -> Result<(), ReadError> {
        if bytes as u64 > self.left { Err(ReadError::Memory(self.limit)) } else { Ok(()) }
    }

    /// Takes `bytes` for what is about to be kept.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), ReadError> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(ReadError::Memory(self.limit)),
        }
    }
}

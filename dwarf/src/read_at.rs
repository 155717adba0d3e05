//! Reads parts of a file into our own memory, charged before it is allocated.

use std::sync::Arc;
use std::{fmt, io};

use crate::budget::{Budget, Exhausted};
use crate::charge::Charge;

/// A file or its bytes, readable at any offset.
pub trait ReadAt {
    /// Its length when it was opened.
    fn length(&self) -> u64;

    /// Fills `bytes` from `offset`; an error if the file ends before.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)?.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Why a file, or a part of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    why: String,
    limit: Option<Exhausted>,
}

impl Unreadable {
    /// The limit of the command that was reached, if that is the reason.
    pub fn limit(&self) -> Option<Exhausted> {
        self.limit
    }

    /// The same with `what` in front: the part that could not be read.
    pub fn of(self, what: &str) -> Unreadable {
        Unreadable { why: format!("{what}: {}", self.why), ..self }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.why)
    }
}

impl From<Exhausted> for Unreadable {
    fn from(limit: Exhausted) -> Unreadable {
        Unreadable { why: limit.to_string(), limit: Some(limit) }
    }
}

impl From<String> for Unreadable {
    fn from(why: String) -> Unreadable {
        Unreadable { why, limit: None }
    }
}

impl From<&str> for Unreadable {
    fn from(why: &str) -> Unreadable {
        why.to_owned().into()
    }
}

impl From<Unreadable> for String {
    fn from(error: Unreadable) -> String {
        error.why
    }
}

/// A copy of a part of a file. It is an error if the file became shorter in the meantime.
pub fn read_range(
    file: &(impl ReadAt + ?Sized),
    offset: u64,
    size: u64,
    budget: &Budget,
) -> Result<(Arc<[u8]>, Charge), Unreadable> {
    if offset.checked_add(size).is_none_or(|end| end > file.length()) {
        return Err("the file is truncated".into());
    }
    let charge = Charge::new(budget, size)?;
    let mut bytes = zeroed(size)?;
    // The buffer is not shared yet, so this always succeeds.
    let target = Arc::get_mut(&mut bytes).unwrap_or_default();
    // In pieces, so that reading a slow file stops at the deadline.
    for (index, piece) in target.chunks_mut(PIECE).enumerate() {
        budget.check_time()?;
        file.read_exact_at(piece, offset + (index * PIECE) as u64).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "the file became shorter while it was read".to_owned(),
            _ => error.to_string(),
        })?;
    }
    Ok((bytes, charge))
}

/// Bytes read at once.
const PIECE: usize = 8 << 20;

/// Memory that was already charged.
pub(crate) fn zeroed(size: u64) -> Result<Arc<[u8]>, String> {
    let size = usize::try_from(size).map_err(|_| "it is larger than the address space".to_owned())?;
    Ok(std::iter::repeat_n(0, size).collect())
}

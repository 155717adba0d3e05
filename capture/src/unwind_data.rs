//! Bytes of an unwind section.

use std::ops::Deref;
use std::sync::Arc;

use crate::memory::Pages;

/// Bytes of an unwind section: borrowed from the executable's mapping, or copied.
#[derive(Clone)]
pub(crate) enum UnwindData {
    Mapped(&'static [u8]),
    Copied(Arc<Pages>),
}

impl Default for UnwindData {
    fn default() -> UnwindData {
        UnwindData::Mapped(&[])
    }
}

impl Deref for UnwindData {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            UnwindData::Mapped(bytes) => bytes,
            UnwindData::Copied(bytes) => bytes,
        }
    }
}

//! Memory of the tables: zeroed pages that are never unmapped.

use crate::EngineError;
use crate::memory::Pages;

/// Maps pages for `count` zeroed values and never unmaps them. Pages become resident as they are touched.
///
/// # Safety
/// Zeroed memory must be a valid value of `T`.
pub(super) unsafe fn zeroed<T>(count: usize, own_bytes: &mut u64) -> Result<&'static [T], EngineError> {
    let bytes = count * size_of::<T>();
    let pages = Pages::zeroed(bytes).map_err(EngineError::Memory)?;
    *own_bytes += bytes as u64;
    let start = pages.start().cast::<T>();
    std::mem::forget(pages);
    // SAFETY: the mapping is page-aligned, so aligned for `T`, and has room for `count` values, each valid when zeroed
    // (guaranteed by the caller). It is never unmapped, because `pages` was forgotten.
    Ok(unsafe { std::slice::from_raw_parts(start.as_ptr(), count) })
}

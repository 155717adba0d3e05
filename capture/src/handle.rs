//! The words of the program's `tokio::runtime::Handle`, by which its scheduler's shared state is found,
//! and copies of that.

use tokio::runtime::Handle;

use super::memory;

/// The handle as it lies in memory, in words: a tag and a pointer, whose order is the compiler's.
/// Empty when our own memory cannot be read. Copied as any other memory is, so that bytes between
/// its fields, which no Rust code may look at, are no matter.
pub fn words(handle: &Handle) -> Vec<u64> {
    let mut bytes = [0; size_of::<Handle>()];
    if memory::copy(std::ptr::from_ref(handle) as u64, &mut bytes).is_err() {
        return Vec::new();
    }
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

/// Fills `bytes` from `avma`; false when one of them cannot be read.
pub fn copy(avma: u64, bytes: &mut [u8]) -> bool {
    memory::copy(avma, bytes).is_ok()
}

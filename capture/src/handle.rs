//! Reads the words of the program's `tokio::runtime::Handle`, which leads to its scheduler's shared state,
//! and copies memory of that state.

use tokio::runtime::Handle;

use super::memory;

/// The handle's memory as words: a tag and a pointer, in the compiler's order.
/// Empty when our own memory cannot be read. Copied by the kernel, so that padding between
/// its fields, which Rust code must not read, does no harm.
pub fn words(handle: &Handle) -> Vec<u64> {
    let mut bytes = [0; size_of::<Handle>()];
    if memory::copy(std::ptr::from_ref(handle) as u64, &mut bytes).is_err() {
        return Vec::new();
    }
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

/// Fills `bytes` from `avma`; false when a byte cannot be read.
pub fn copy(avma: u64, bytes: &mut [u8]) -> bool {
    memory::copy(avma, bytes).is_ok()
}

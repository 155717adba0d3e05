//! The words of the program's `tokio::runtime::Handle`: where its scheduler's shared state is.

use tokio::runtime::Handle;

use super::memory;

/// The handle as it lies in memory, in words: a tag and a pointer, whose order is the compiler's.
/// Empty when our own memory cannot be read. Copied as any other memory is, so that bytes between
/// its fields, which no Rust code may look at, are no matter.
pub(crate) fn words(handle: &Handle) -> Vec<u64> {
    let mut bytes = [0; size_of::<Handle>()];
    if memory::copy(std::ptr::from_ref(handle) as u64, &mut bytes).is_err() {
        return Vec::new();
    }
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

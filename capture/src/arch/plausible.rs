//! Rejects register values that cannot be stack addresses.

/// Returns the value of a register that should point into a stack, or an address that is never mapped
/// if it cannot be one (kernel/user split; mmap_min_addr). 0 stays: it ends a chain of frame pointers.
pub(crate) fn plausible(pointer: u64) -> u64 {
    const NEVER_MAPPED: u64 = 4096;
    if pointer != 0 && !(NEVER_MAPPED..1 << 63).contains(&pointer) { NEVER_MAPPED } else { pointer }
}

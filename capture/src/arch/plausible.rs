//! Registers that cannot be stack addresses.

/// What a register holds that should point into a stack: itself, or an address that is never mapped
/// when it cannot be one (kernel/user split; mmap_min_addr). 0 stays, the end of a chain.
pub(crate) fn plausible(pointer: u64) -> u64 {
    const NEVER_MAPPED: u64 = 4096;
    if pointer != 0 && !(NEVER_MAPPED..1 << 63).contains(&pointer) { NEVER_MAPPED } else { pointer }
}

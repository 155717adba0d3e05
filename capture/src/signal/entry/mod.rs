//! The first instructions of the handler, in one file per architecture.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::entry;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::entry;

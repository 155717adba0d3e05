//! Architecture-specific code: one file per processor, with the same names in each.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod plausible;
mod signal_mask;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::*;

pub(super) use signal_mask::{block_signals, set_signal_mask, unblock_signals};

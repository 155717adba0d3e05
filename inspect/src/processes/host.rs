//! The process reader of the system that this is compiled for.

#[cfg(target_os = "linux")]
pub(super) use super::linux::{Linux as Host, Requested, is_inside, local_pid, wait_for_binding};
#[cfg(not(target_os = "linux"))]
pub(super) use super::portable::{Portable as Host, Requested, is_inside, local_pid, wait_for_binding};

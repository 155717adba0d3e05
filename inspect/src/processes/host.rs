//! The process reader of the system that this is compiled for.

#[cfg(target_os = "linux")]
pub(super) use super::linux::{
    Linux as Host, Requested, is_elsewhere, is_inside, local_pid, of_descriptors, open_descriptors,
    other_namespace, suspended_agent, wait_for_binding, zombie_parent,
};
#[cfg(not(target_os = "linux"))]
pub(super) use super::portable::{
    Portable as Host, Requested, is_elsewhere, is_inside, local_pid, of_descriptors, open_descriptors,
    other_namespace, suspended_agent, wait_for_binding, zombie_parent,
};

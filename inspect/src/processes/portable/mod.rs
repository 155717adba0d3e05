//! Processes of systems other than Linux, as `sysinfo` shows them. On Linux it is compiled in tests only,
//! which compare it with our own reader.

mod numbers;
mod parents;
mod reader;
#[cfg(not(target_os = "linux"))]
mod requested;
mod shown;
#[cfg(test)]
mod tests;

#[cfg_attr(target_os = "linux", expect(unused_imports, reason = "its tests name it by its module"))]
pub(super) use reader::Portable;
#[cfg(not(target_os = "linux"))]
pub(super) use requested::{
    Requested, is_elsewhere, is_inside, local_pid, of_descriptors, open_descriptors, other_namespace,
    suspended_agent, wait_for_binding, zombie_parent,
};

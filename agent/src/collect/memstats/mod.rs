//! `memstats`: the memory of the process, its cgroup and each allocator, every number with its source.

#![cfg(target_os = "linux")]

mod allocators;
mod collector;
mod field;

pub(super) use allocators::allocator_fields;
pub(crate) use collector::collect;
pub(super) use collector::resident_bytes;

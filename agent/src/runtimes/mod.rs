//! The watched Tokio runtimes, the agent's own tasks on them, and the memory layout of a task.

#[cfg(native_engine)]
pub(crate) mod anchors;
#[cfg(native_engine)]
pub(crate) mod layout;
#[cfg(native_engine)]
mod local_set_layout;
#[cfg(native_engine)]
pub(crate) mod private_sets;
mod watched;

#[cfg(target_os = "linux")]
pub(crate) use watched::Watched;
#[cfg(native_engine)]
pub(crate) use watched::WatchedLocalSet;
pub(crate) use watched::WatchedRuntimes;

//! The Tokio runtimes the agent looks at, its own tasks on them, and where the fields of a task lie.

#[cfg(native_engine)]
pub(crate) mod anchors;
#[cfg(native_engine)]
pub(crate) mod layout;
mod watched;

#[cfg(target_os = "linux")]
pub(crate) use watched::Watched;
#[cfg(native_engine)]
pub(crate) use watched::WatchedLocalSet;
pub(crate) use watched::WatchedRuntimes;

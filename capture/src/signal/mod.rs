//! The capture signal: SIGPROF, or the one in `Options::signal`. Installs the handler for the duration of an
//! operation and restores the former disposition.

mod disposition;
mod entry;
mod handler;
mod installed;
#[cfg(all(test, not(rgops_loom)))]
mod tests;

pub(crate) use installed::Installed;

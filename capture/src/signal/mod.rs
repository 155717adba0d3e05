//! The capture signal: its handler while an operation runs, whose it was before, and how it is given
//! back. SIGPROF, or what `Options::signal` says.

mod disposition;
mod entry;
mod handler;
mod installed;
#[cfg(all(test, not(rgops_loom)))]
mod tests;

pub(crate) use installed::Installed;

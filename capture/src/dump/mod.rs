//! The thread dump: where every thread is, now.
//!
//! Sleeping threads are captured without a signal ([`super::quiet`]); the others, and those whose stacks cannot
//! be walked that way, are signalled, all in one batch. A thread that cannot be captured is listed with
//! what `/proc` knows of it, and why. If nobody needs a signal, no handler is installed.

mod answers;
mod capture;
mod describe;

#[cfg(test)]
pub(super) use capture::dump_by_signals;
pub use capture::{Dump, dump};
pub use describe::parse_system_call;
pub(super) use describe::{parse_stat, waits_for_signals};

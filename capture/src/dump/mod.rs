//! The thread dump: captures the stack of every thread.
//!
//! Sleeping threads are captured without a signal ([`super::quiet`]). The others, and those whose stacks cannot
//! be walked that way, are signalled in one batch. A thread that cannot be captured is listed with
//! its data from `/proc` and the reason. If no thread needs a signal, no handler is installed.

mod answers;
mod capture;
mod describe;

#[cfg(test)]
pub(super) use capture::dump_by_signals;
pub use capture::{Dump, dump};
pub use describe::parse_system_call;
pub(super) use describe::{parse_stat, waits_for_signals};

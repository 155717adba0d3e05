//! Types out of a small file that rustc made, of damaged ones, and of some that no compiler writes.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod damaged;
mod hostile;
mod stored;
mod units;

/// `tasks/fixtures/types.rs` as rustc compiled it.
const FIXTURE: &[u8] = include_bytes!("../../../fixtures/types.so");

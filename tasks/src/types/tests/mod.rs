//! Types from a small file compiled by rustc, from damaged files, and from files that no compiler writes.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod damaged;
mod hostile;
mod stored;
mod units;

/// `tasks/fixtures/types.rs` as rustc compiled it.
const FIXTURE: &[u8] = include_bytes!("../../../fixtures/types.so");

//! What is opened, and what is not.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

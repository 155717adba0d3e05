//! Asks again while the agent answers another expensive command: looks at threads and at tasks exclude each other.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rgops_protocol::error::Code;

use crate::client::ClientError;
use crate::session::error::SessionError;

/// How long it asks again, and how long after a refusal.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(5);

/// What was asked, unless the agent is busy with something longer.
pub(super) fn unless_busy<T>(mut ask: impl FnMut() -> Result<T, SessionError>) -> Result<T, SessionError> {
    let began = Instant::now();
    loop {
        match ask() {
            Err(SessionError::Client(ClientError::Agent(error)))
                if error.code() == Code::Busy && began.elapsed() < PATIENCE =>
            {
                sleep(PAUSE);
            }
            answer => return answer,
        }
    }
}

//! An error of a session as an answer: a status, and what failed, why and what to do.

use std::time::Duration;

use rgops_http::reply::{self, Reply};
use rgops_inspect::client::ClientError;
use rgops_inspect::session::{ErrorKind, SessionError};
use rgops_protocol::error::Code;

/// When to ask an agent again that is busy with somebody else's command: it does not say for how long.
const BUSY: Duration = Duration::from_secs(2);

/// The answer of an error.
pub(super) fn failed(error: &SessionError) -> Reply {
    let (what, why, fix) = (error.what(), error.why(), error.fix().replace('\n', "; "));
    let status = match (error, error.kind()) {
        (SessionError::Client(ClientError::Agent(agent)), _)
            if matches!(agent.code(), Code::Busy | Code::TooManyConnections) =>
        {
            return reply::try_again(&format!("{what}: {why}"), BUSY);
        }
        (SessionError::Client(ClientError::Agent(agent)), _) if agent.code() == Code::Unsupported => {
            return missing(&what, &why, &fix);
        }
        (SessionError::NoTokio { .. } | SessionError::NoAges | SessionError::NotCounted { .. }, _)
        | (SessionError::Client(ClientError::UnsupportedCommand(_)), _) => return missing(&what, &why, &fix),
        (_, ErrorKind::Usage) => 400,
        (_, ErrorKind::Refused) => 403,
        (_, ErrorKind::NotFound) => 404,
        (_, ErrorKind::Partial) => 503,
        (_, ErrorKind::TimedOut) => 504,
        _ => 500,
    };
    let fix = if fix.is_empty() { fix } else { format!("; fix: {fix}") };
    let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    reply::error(status, &format!("{what}: {why}{fix}"))
}

fn missing(what: &str, why: &str, fix: &str) -> Reply {
    let fix = if fix.is_empty() { "there is nothing to do about it" } else { fix };
    reply::unavailable(&format!("{what}: {why}"), fix)
}

//! Why an answer is not taken any further.

use crate::budget::Exhausted;
use crate::client::ClientError;

/// Why nothing more is taken of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no memory or no time for it.
    Exhausted(Exhausted),
    /// The agent tells more of these than were asked for.
    NotAsked(&'static str),
}

impl From<Exhausted> for Refused {
    fn from(exhausted: Exhausted) -> Refused {
        Refused::Exhausted(exhausted)
    }
}

impl From<Refused> for ClientError {
    fn from(refused: Refused) -> ClientError {
        match refused {
            Refused::Exhausted(exhausted) => exhausted.into(),
            Refused::NotAsked(what) => ClientError::Protocol(format!("{what} that were not requested")),
        }
    }
}

//! Why the rest of an answer is refused.

use crate::budget::Exhausted;
use crate::client::ClientError;

/// Why the rest of an answer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// Memory or time does not suffice.
    Exhausted(Exhausted),
    /// The agent sends more of these than requested.
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

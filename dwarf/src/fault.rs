//! Why debug information cannot be read further.

use std::fmt;

use crate::budget::Exhausted;
use crate::read_at::Unreadable;

/// Why debug information, or a part of it, cannot be read.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It contradicts itself or is truncated.
    Damaged(gimli::Error),
    /// Reading it would exceed a limit of the command.
    Exhausted(Exhausted),
    /// It contains data that no compiler writes, or a related file is missing.
    Refused(String),
}

impl Fault {
    /// The fault for data that no compiler writes.
    pub fn refused(why: &str) -> Fault {
        Fault::Refused(why.to_owned())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Damaged(error) => error.fmt(formatter),
            Fault::Exhausted(limit) => limit.fmt(formatter),
            Fault::Refused(why) => formatter.write_str(why),
        }
    }
}

impl From<gimli::Error> for Fault {
    fn from(error: gimli::Error) -> Fault {
        Fault::Damaged(error)
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Fault {
        error.limit().map_or_else(|| Fault::Refused(error.into()), Fault::Exhausted)
    }
}

impl From<Exhausted> for Fault {
    fn from(limit: Exhausted) -> Fault {
        Fault::Exhausted(limit)
    }
}

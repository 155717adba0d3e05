//! Why debug information cannot be read further.

use std::fmt;

use crate::budget::Exhausted;
use crate::read_at::Unreadable;

/// Why debug information, or a part of it, cannot be read.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It contradicts itself or is cut short.
    Damaged(gimli::Error),
    /// It would take more than the command may.
    Exhausted(Exhausted),
    /// It claims what no compiler writes, or what belongs to it is not there.
    Refused(String),
}

impl Fault {
    /// Says what no compiler writes.
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

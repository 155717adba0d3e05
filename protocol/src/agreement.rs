//! Selects the version of a command that two peers use: the highest that both support.

use std::ops::RangeInclusive;

/// The fix when the client is too old for the agent.
pub const UPDATE_CLIENT: &str = "update rgops";

/// The fix when the agent is too old for the client.
pub const UPDATE_AGENT: &str = "update rgops-agent in the program and restart it";

/// No version of a command is supported by both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disagreement {
    /// The client supports only older versions.
    ClientTooOld,
    /// The agent supports only older versions.
    AgentTooOld,
}

impl Disagreement {
    /// Which side to update.
    pub fn fix(self) -> &'static str {
        match self {
            Disagreement::ClientTooOld => UPDATE_CLIENT,
            Disagreement::AgentTooOld => UPDATE_AGENT,
        }
    }
}

/// The highest version that is in both ranges.
///
/// # Errors
/// [`Disagreement`], when there is none.
pub fn agree(client: &RangeInclusive<u16>, agent: &RangeInclusive<u16>) -> Result<u16, Disagreement> {
    let highest = *client.end().min(agent.end());
    if highest >= *client.start().max(agent.start()) {
        Ok(highest)
    } else if agent.end() < client.start() {
        Err(Disagreement::AgentTooOld)
    } else {
        Err(Disagreement::ClientTooOld)
    }
}

/// Which side is too old when a client requests a `version` that an agent does not support.
pub fn disagreement(agent: &RangeInclusive<u16>, version: u16) -> Disagreement {
    if version < *agent.start() { Disagreement::ClientTooOld } else { Disagreement::AgentTooOld }
}

#[cfg(test)]
mod tests {
    use super::{Disagreement, agree};

    #[test]
    fn the_highest_version_that_both_support_is_used() {
        assert_eq!(agree(&(1..=1), &(1..=1)), Ok(1));
        assert_eq!(agree(&(1..=3), &(1..=1)), Ok(1));
        assert_eq!(agree(&(1..=1), &(1..=3)), Ok(1));
        assert_eq!(agree(&(2..=5), &(1..=3)), Ok(3));
        assert_eq!(agree(&(1..=3), &(3..=9)), Ok(3));
    }

    #[test]
    fn without_a_common_version_the_older_side_is_reported() {
        assert_eq!(agree(&(2..=3), &(1..=1)), Err(Disagreement::AgentTooOld));
        assert_eq!(agree(&(1..=1), &(2..=3)), Err(Disagreement::ClientTooOld));
        // An empty range, which no agent sends.
        assert!(agree(&(1..=1), &(0..=0)).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "a peer may send it")]
        let empty = 9..=0;
        assert!(agree(&(1..=1), &empty).is_err());
    }
}

//! Which version of a command two peers use: the highest that both know.

use std::ops::RangeInclusive;

/// What to do when the client is too old for the agent.
pub const UPDATE_CLIENT: &str = "update rgops";

/// What to do when the agent is too old for the client.
pub const UPDATE_AGENT: &str = "update rgops-agent in the program and restart it";

/// No version of a command is known to both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disagreement {
    /// The client knows older versions only.
    ClientTooOld,
    /// The agent knows older versions only.
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

/// Which side is too old when a client asks for a `version` that an agent does not know.
pub fn disagreement(agent: &RangeInclusive<u16>, version: u16) -> Disagreement {
    if version < *agent.start() { Disagreement::ClientTooOld } else { Disagreement::AgentTooOld }
}

#[cfg(test)]
mod tests {
    use super::{Disagreement, agree};

    #[test]
    fn the_highest_version_both_know_is_spoken() {
        assert_eq!(agree(&(1..=1), &(1..=1)), Ok(1));
        assert_eq!(agree(&(1..=3), &(1..=1)), Ok(1));
        assert_eq!(agree(&(1..=1), &(1..=3)), Ok(1));
        assert_eq!(agree(&(2..=5), &(1..=3)), Ok(3));
        assert_eq!(agree(&(1..=3), &(3..=9)), Ok(3));
    }

    #[test]
    fn where_nothing_fits_it_is_known_which_side_is_too_old() {
        assert_eq!(agree(&(2..=3), &(1..=1)), Err(Disagreement::AgentTooOld));
        assert_eq!(agree(&(1..=1), &(2..=3)), Err(Disagreement::ClientTooOld));
        // What no agent says: a range that is empty.
        assert!(agree(&(1..=1), &(0..=0)).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "what a peer may say")]
        let empty = 9..=0;
        assert!(agree(&(1..=1), &empty).is_err());
    }
}

//! The agent's own trouble in the window: what it dropped and whom it refused. Counts from before are not news.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::AgentStats;

use super::finding::{Finding, Gap, Kind};
use super::look::Look;
use super::seen::Seen;

pub(super) fn look(seen: &Seen) -> Look {
    let windows = match &seen.stats {
        Known::Value(windows) => windows,
        Known::Unavailable(why) => {
            return Look { gaps: vec![Gap::new("the agent's counters", why)], ..Look::default() };
        }
    };
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Look::default() };
    let more = |pick: fn(&AgentStats) -> u64| pick(&last.agent).saturating_sub(pick(&first.agent));
    let counts = [
        (more(|agent| agent.dropped), "samples or stacks dropped"),
        (more(|agent| agent.malformed), "malformed packets"),
        (more(|agent| agent.refused_tokens), "peers refused because of their token"),
        (more(|agent| agent.refused_users), "peers of other users refused"),
    ];
    let evidence: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what} in the window"))
        .collect();
    let at = "the agent's counters".to_owned();
    if evidence.is_empty() {
        return Look { at, ..Look::default() };
    }
    let what = "the agent lost data or refused peers meanwhile".to_owned();
    let finding = Finding::new(Kind::Agent, what, evidence).more("stats PID", "all counters of the agent");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

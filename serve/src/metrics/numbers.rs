//! The answer of `stats` as samples: the process, its cgroup and the agent.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::{AgentStats, StatsReply};

use super::runtimes::runtimes;
use super::samples::{Reason, Samples, Value};
use super::table::Metric;

/// Context switches of threads that ended are not in the program's sum: it may fall. A counter may not, so only what
/// is added from one answer to the next counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rising {
    last: u64,
    total: u64,
}

impl Rising {
    pub(super) fn next(&mut self, now: u64) -> u64 {
        self.total = self.total.saturating_add(now.saturating_sub(self.last));
        self.last = now;
        self.total
    }
}

/// Switches of a program over all its answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Switches {
    voluntary: Rising,
    involuntary: Rising,
}

/// Puts the numbers of an answer. `started` is when the process started, in nanoseconds since the Unix epoch.
pub(super) fn put(
    samples: &mut Samples,
    reply: &StatsReply,
    started_ns: Option<u64>,
    switches: &mut Switches,
) {
    process(samples, reply, started_ns);
    let kinds = [
        ("voluntary", &reply.voluntary_switches, &mut switches.voluntary),
        ("involuntary", &reply.involuntary_switches, &mut switches.involuntary),
    ];
    for (kind, known, rising) in kinds {
        match known {
            Known::Value(now) => {
                samples.put_with(Metric::Switches, &[kind], Value::Integer(rising.next(*now)));
            }
            Known::Unavailable(_) => samples.missing(Metric::Switches, Reason::NotReadable),
        }
    }
    samples.known(Metric::AllowedCpus, &reply.cpus_allowed, |cpus| Value::Integer(cpus.into()));
    match &reply.cpu_quota_milli {
        Known::Value(Some(milli)) => samples.put(Metric::CgroupQuota, Value::Real(*milli as f64 / 1000.0)),
        Known::Value(None) => samples.missing(Metric::CgroupQuota, Reason::NoLimit),
        Known::Unavailable(_) => samples.missing(Metric::CgroupQuota, Reason::NotReadable),
    }
    samples.known(Metric::CgroupThrottled, &reply.throttled_periods, Value::Integer);
    runtimes(samples, reply);
    agent(samples, &reply.agent);
}

fn process(samples: &mut Samples, reply: &StatsReply, started_ns: Option<u64>) {
    match (&reply.user_cpu_ns, &reply.system_cpu_ns) {
        (Known::Value(user), Known::Value(system)) => {
            samples.put(Metric::ProcessCpu, Value::Nanoseconds(user.saturating_add(*system)));
            samples.put_with(Metric::CpuByMode, &["user"], Value::Nanoseconds(*user));
            samples.put_with(Metric::CpuByMode, &["system"], Value::Nanoseconds(*system));
        }
        _ => samples.missing(Metric::ProcessCpu, Reason::NotReadable),
    }
    samples.known(Metric::ProcessOpenFds, &reply.descriptors, Value::Integer);
    samples.known(Metric::ProcessMaxFds, &reply.descriptors_limit, Value::Integer);
    match started_ns {
        Some(started_ns) => samples.put(Metric::ProcessStart, Value::Nanoseconds(started_ns)),
        None => samples.missing(Metric::ProcessStart, Reason::NotReadable),
    }
    match &reply.threads {
        Known::Value(states) => {
            let all = states.iter().fold(0_u64, |sum, one| sum.saturating_add(one.count.into()));
            samples.put(Metric::ProcessThreads, Value::Integer(all));
            for one in states {
                let state = one.state.to_string();
                samples.put_with(Metric::ThreadsByState, &[&state], Value::Integer(one.count.into()));
            }
        }
        Known::Unavailable(_) => samples.missing(Metric::ProcessThreads, Reason::NotReadable),
    }
}

fn agent(samples: &mut Samples, agent: &AgentStats) {
    samples.known(Metric::AgentCpu, &agent.cpu_ns, Value::Nanoseconds);
    samples.put(Metric::AgentUptime, Value::Nanoseconds(agent.uptime_ns));
    for (metric, number) in [
        (Metric::AgentConnections, agent.connections),
        (Metric::AgentOpen, agent.open_connections),
        (Metric::AgentRequests, agent.requests),
        (Metric::AgentCancelled, agent.cancelled),
        (Metric::AgentDropped, agent.dropped),
        (Metric::AgentSent, agent.sent_bytes),
    ] {
        samples.put(metric, Value::Integer(number));
    }
    for (reason, count) in [
        ("user", Some(agent.refused_users)),
        ("token", Some(agent.refused_tokens)),
        ("limit", Some(agent.refused_limits)),
        ("malformed", Some(agent.malformed)),
        ("busy", Some(agent.busy)),
        ("denied", agent.denied.value().copied()),
    ] {
        if let Some(count) = count {
            samples.put_with(Metric::AgentRefused, &[reason], Value::Integer(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_falls_when_threads_end_is_a_counter_that_does_not() {
        let mut rising = Rising::default();
        let totals = [100, 150, 40, 60, 60, 0, 7].map(|now| rising.next(now));
        assert_eq!(totals, [100, 150, 150, 170, 170, 170, 177]);
    }
}

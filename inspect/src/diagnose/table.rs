//! The table of all kinds of findings, and the diagnosis made by going through it.

use super::finding::{Finding, Gap, Kind};
use super::look::Look;
use super::seen::Seen;
use super::{
    agent_trouble, blocking_call, blocking_pool, cpu_starvation, deadlock, descriptors, futurelock,
    growing_heap, growing_tasks, lock_convoy, memory_limit, stuck_worker, timers_late,
};

type Row = (Kind, fn(&Seen) -> Look);

/// One row for each kind.
const LOOKS: [Row; 13] = [
    (Kind::Deadlock, deadlock::look),
    (Kind::Futurelock, futurelock::look),
    (Kind::StuckWorker, stuck_worker::look),
    (Kind::LockConvoy, lock_convoy::look),
    (Kind::BlockingPoolFull, blocking_pool::look),
    (Kind::Descriptors, descriptors::look),
    (Kind::MemoryLimit, memory_limit::look),
    (Kind::BlockingCall, blocking_call::look),
    (Kind::TimersLate, timers_late::look),
    (Kind::CpuStarvation, cpu_starvation::look),
    (Kind::GrowingHeap, growing_heap::look),
    (Kind::GrowingTasks, growing_tasks::look),
    (Kind::Agent, agent_trouble::look),
];

/// The findings, worst first, and what was looked at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// Each kind, and what was looked at for it.
    pub looked_at: Vec<LookedAt>,
}

/// What was looked at for one kind of finding.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LookedAt {
    /// The kind.
    pub kind: Kind,
    /// What was looked at; empty if nothing could be.
    pub at: String,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
}

/// Looks for every kind of finding.
pub fn diagnose(seen: &Seen) -> Diagnosis {
    let (mut findings, mut looked_at) = (Vec::new(), Vec::new());
    for (kind, look) in LOOKS {
        let Look { findings: mut found, at, gaps } = look(seen);
        findings.append(&mut found);
        looked_at.push(LookedAt { kind, at, gaps });
    }
    // The rows are in this order, too; a look may find several kinds.
    findings.sort_by_key(|finding| finding.kind);
    Diagnosis { findings, looked_at }
}

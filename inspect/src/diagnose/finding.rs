//! A finding: what is wrong, how that is known, and who and which lines are concerned.

use rgops_protocol::reply::Unavailable;
use serde::Serialize;

/// The kinds of findings, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Tasks or threads wait only for each other.
    Deadlock,
    /// A task waits for a lock that it keeps in a future which it does not poll.
    Futurelock,
    /// A worker is in one poll all the time.
    StuckWorker,
    /// Threads wait for locks all the time.
    LockConvoy,
    /// More closures are queued than the blocking pool has threads for.
    BlockingPoolFull,
    /// Nearly all descriptors that the limit allows are open.
    Descriptors,
    /// Memory is near the limit of the cgroup or of the process.
    MemoryLimit,
    /// Workers wait in system calls while they poll.
    BlockingCall,
    /// Timers are due and do not fire.
    TimersLate,
    /// Threads are ready to run and get no CPU.
    CpuStarvation,
    /// The heap grows all the time.
    GrowingHeap,
    /// The number of tasks of a kind grows all the time.
    GrowingTasks,
    /// The agent lost or refused something.
    Agent,
}

impl Kind {
    /// The name on screens.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Deadlock => "deadlock",
            Kind::Futurelock => "futurelock",
            Kind::StuckWorker => "stuck worker",
            Kind::LockConvoy => "lock convoy",
            Kind::BlockingPoolFull => "blocking pool full",
            Kind::Descriptors => "descriptors",
            Kind::MemoryLimit => "memory limit",
            Kind::BlockingCall => "blocking call on a worker",
            Kind::TimersLate => "timers late",
            Kind::CpuStarvation => "CPU starvation",
            Kind::GrowingHeap => "growing heap",
            Kind::GrowingTasks => "growing tasks",
            Kind::Agent => "agent",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing is wrong.
    pub kind: Kind,
    /// What is wrong, as one sentence.
    pub what: String,
    /// The numbers that show it, with units.
    pub evidence: Vec<String>,
    /// Threads, tasks and lines, the most telling first; at most [`Finding::SHOWN`].
    pub concerned: Vec<Concerned>,
    /// Further ones that are not listed.
    pub concerned_left_out: usize,
    /// What else it could be; empty if nothing else.
    pub caution: String,
    /// Commands that show more: what follows `rgops`, with `PID` for the target, and what it shows.
    pub more: Vec<(String, &'static str)>,
}

impl Finding {
    /// Maximum threads and tasks that are listed in a finding.
    pub const SHOWN: usize = 8;

    /// A finding without its concerned threads and tasks.
    pub(super) fn new(kind: Kind, what: String, evidence: Vec<String>) -> Finding {
        let (concerned, more) = (Vec::new(), Vec::new());
        Finding { kind, what, evidence, concerned, concerned_left_out: 0, caution: String::new(), more }
    }

    /// The same with those that are concerned; beyond [`Finding::SHOWN`] they are counted.
    pub(super) fn concerning(mut self, concerned: impl IntoIterator<Item = Concerned>) -> Finding {
        self.concerned = concerned.into_iter().collect();
        self.concerned_left_out += self.concerned.len().saturating_sub(Finding::SHOWN);
        self.concerned.truncate(Finding::SHOWN);
        self
    }

    /// The same with what else it could be.
    pub(super) fn but(mut self, caution: impl Into<String>) -> Finding {
        self.caution = caution.into();
        self
    }

    /// The same with a command that shows more.
    pub(super) fn more(mut self, command: impl Into<String>, shows: &'static str) -> Finding {
        self.more.push((command.into(), shows));
        self
    }
}

/// A thread, a task or several alike, with the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Concerned {
    /// Who: `thread 4712 tokio-rt-worker`, `task 29 shop::sell`, `4 threads`.
    pub who: String,
    /// What it does: `sleep`, `waits for Mutex 0x7f… held by task 31`.
    pub does: String,
    /// The thread ids; some, if there are many.
    pub threads: Vec<u32>,
    /// The ids of the tasks; some, if there are many.
    pub tasks: Vec<u64>,
    /// The line of the program.
    pub place: Option<Place>,
}

/// A line of the program, or a function where lines are not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Place {
    /// The function, or `module+0xoffset`.
    pub function: String,
    /// Source file, as the compiler saw its path; `null` if not known.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// What was not looked at: `tasks`, `threads waiting for a CPU`.
    pub what: String,
    /// Why, and what would help.
    pub why: Unavailable,
}

impl Gap {
    /// What was not looked at, and why.
    pub(super) fn new(what: &str, why: &Unavailable) -> Gap {
        Gap { what: what.to_owned(), why: why.clone() }
    }
}

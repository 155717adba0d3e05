//! The text format of `schedtrace`. The agent prints it because of `RGOPS_DEBUG`, the inspector for
//! `rgops schedtrace`, so both use this definition. An unknown value is `-`, never 0.

use std::fmt::{self, Display, Formatter};

/// A runtime at one moment: `SCHED 1004ms: runtime=main workers=4 …`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchedLine<'l> {
    /// Time since tracing started, in milliseconds.
    pub elapsed_ms: u64,
    /// The runtime's name.
    pub runtime: &'l str,
    /// Worker threads.
    pub workers: u64,
    /// Parked workers.
    pub idle_workers: Option<u64>,
    /// Workers that search for work.
    pub searching: Option<u64>,
    /// Threads of the process.
    pub threads: Option<u64>,
    /// Threads of the blocking pool, without the workers.
    pub blocking: Option<u64>,
    /// Idle threads of the blocking pool.
    pub idle_blocking: Option<u64>,
    /// Closures that wait for a blocking thread.
    pub blocking_queue: Option<u64>,
    /// Tasks in the global queue.
    pub run_queue: Option<u64>,
    /// Tasks in each worker's own queue, without the LIFO slot.
    pub local_queues: Vec<Option<u64>>,
    /// Busy share of each worker in the interval, in percent.
    pub busy_percent: Vec<Option<u64>>,
    /// Tasks that have not ended.
    pub alive: Option<u64>,
    /// Whether the numbers of queued tasks are of another moment than the others: marked with `~`.
    pub is_approximate: bool,
}

/// A worker at one moment: `W0: tid=4711 state=polling …`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerLine<'l> {
    /// Its index.
    pub index: usize,
    /// Its thread.
    pub tid: Option<u64>,
    /// `parked`, `searching`, `polling`, or `running` if no more is known.
    pub state: Option<&'l str>,
    /// The task it polls.
    pub task: Option<u64>,
    /// Tasks in its own queue.
    pub queue: Option<u64>,
    /// Tasks in its LIFO slot: 0 or 1.
    pub lifo: Option<u64>,
    /// Polls since the runtime started.
    pub polls: Option<u64>,
    /// Parks since the runtime started.
    pub parks: Option<u64>,
}

/// A task at one moment: `T1041: state=running worker=0 name=shop::checkout`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskLine<'l> {
    /// Its id.
    pub id: u64,
    /// `running`, `scheduled`, `complete`.
    pub state: &'l str,
    /// Index of the worker that polls it.
    pub worker: Option<u64>,
    /// The future it was spawned with.
    pub name: Option<&'l str>,
}

impl Display for SchedLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SCHED {}ms: runtime={} workers={}", self.elapsed_ms, Word(self.runtime), self.workers)?;
        write!(f, " idleworkers={} searching={}", Or(self.idle_workers), Or(self.searching))?;
        write!(f, " threads={} blocking={}", Or(self.threads), Or(self.blocking))?;
        write!(f, " idleblocking={}", Or(self.idle_blocking))?;
        let about = if self.is_approximate { "~" } else { "" };
        write!(f, " blockingqueue={} runqueue={about}{} [", Or(self.blocking_queue), Or(self.run_queue))?;
        for queue in &self.local_queues {
            write!(f, " {about}{}", Or(*queue))?;
        }
        f.write_str(" ] busy=[")?;
        for busy in &self.busy_percent {
            match busy {
                Some(percent) => write!(f, " {percent}%")?,
                None => f.write_str(" -")?,
            }
        }
        write!(f, " ] alive={}", Or(self.alive))
    }
}

impl Display for WorkerLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "W{}: tid={} state={}", self.index, Or(self.tid), self.state.unwrap_or("-"))?;
        write!(f, " task={} queue={} lifo={}", Or(self.task), Or(self.queue), Or(self.lifo))?;
        write!(f, " polls={} parks={}", Or(self.polls), Or(self.parks))
    }
}

impl Display for TaskLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name.unwrap_or("-");
        write!(f, "T{}: state={} worker={} name={}", self.id, self.state, Or(self.worker), Word(name))
    }
}

/// A number, or `-`.
struct Or(Option<u64>);

impl Display for Or {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("-"),
        }
    }
}

/// A name without spaces, so that a line stays one line and can be split at its spaces.
struct Word<'w>(&'w str);

impl Display for Word<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let safe = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
        self.0.chars().map(safe).try_for_each(|c| write!(f, "{c}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_documented_format() {
        let line = SchedLine {
            elapsed_ms: 1004,
            runtime: "main",
            workers: 4,
            idle_workers: Some(2),
            searching: Some(0),
            threads: Some(9),
            blocking: Some(3),
            idle_blocking: Some(1),
            blocking_queue: Some(0),
            run_queue: Some(0),
            local_queues: [0, 0, 1, 1].map(Some).to_vec(),
            busy_percent: [12, 0, 100, 3].map(Some).to_vec(),
            alive: Some(1041),
            is_approximate: false,
        };
        let about = SchedLine { is_approximate: true, ..line.clone() }.to_string();
        assert!(about.contains(" runqueue=~0 [ ~0 ~0 ~1 ~1 ] busy="), "{about}");
        assert_eq!(
            line.to_string(),
            "SCHED 1004ms: runtime=main workers=4 idleworkers=2 searching=0 threads=9 blocking=3 idleblocking=1 \
             blockingqueue=0 runqueue=0 [ 0 0 1 1 ] busy=[ 12% 0% 100% 3% ] alive=1041"
        );
    }

    #[test]
    fn an_unknown_value_is_a_dash_and_a_name_is_one_word() {
        let line = SchedLine {
            runtime: "my\npool \u{1b}x",
            workers: 1,
            local_queues: vec![None],
            busy_percent: vec![None],
            ..SchedLine::default()
        };
        assert_eq!(
            line.to_string(),
            "SCHED 0ms: runtime=my_pool__x workers=1 idleworkers=- searching=- threads=- blocking=- idleblocking=- \
             blockingqueue=- runqueue=- [ - ] busy=[ - ] alive=-"
        );
        let worker = WorkerLine { state: Some("polling"), task: Some(1041), ..WorkerLine::default() };
        assert_eq!(worker.to_string(), "W0: tid=- state=polling task=1041 queue=- lifo=- polls=- parks=-");
        let task = TaskLine { id: 7, state: "running", worker: Some(0), name: Some("shop::checkout") };
        assert_eq!(task.to_string(), "T7: state=running worker=0 name=shop::checkout");
    }
}

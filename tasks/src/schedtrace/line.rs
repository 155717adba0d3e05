//! One runtime at one moment, each number from the source where it is available.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::schedtrace::{RuntimeMoment, SchedtraceMoment, SchedtraceRuntime};
use rgops_protocol::reply::tasks::RuntimeKind;

use crate::schedtrace::detail::Detail;
use crate::schedtrace::limits::MAX_WORKERS;

/// One runtime at one moment.
#[derive(Debug, Clone)]
pub struct RuntimeLine {
    /// Time since the trace started, in nanoseconds.
    pub elapsed_ns: u64,
    /// Time since the previous line, in nanoseconds.
    pub interval_ns: u64,
    /// The runtime's name.
    pub runtime: String,
    /// Its kind.
    pub kind: RuntimeKind,
    /// Each worker, by index; none when the runtime was shut down. At most [`MAX_WORKERS`].
    pub workers: Vec<Worker>,
    /// Number of workers beyond that.
    pub workers_left_out: u64,
    /// Parked workers among all of them.
    parked: u64,
    /// Workers that search for work.
    pub searching: Known<u64>,
    /// Threads of the process.
    pub threads: Known<u64>,
    /// Threads of the blocking pool, without the workers.
    pub blocking_threads: Known<u64>,
    /// Idle threads among these.
    pub idle_blocking_threads: Known<u64>,
    /// Closures that wait for a blocking thread.
    pub blocking_queue: Known<u64>,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Tasks that have not ended.
    pub alive_tasks: u64,
    /// Source of the numbers that stable Tokio does not report.
    pub source: Source,
    /// The details, if requested.
    pub detail: Option<Detail>,
}

/// A worker at one moment.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Whether it is parked.
    pub parked: bool,
    /// Parks since the runtime started.
    pub parks: u64,
    /// Busy time in the interval, in nanoseconds, including a poll that is stuck.
    pub busy_ns: Known<u64>,
    /// The same as a share of the interval, in percent.
    pub busy_percent: Option<u64>,
    /// Tasks in its own queue, without the LIFO slot.
    pub queue: Known<u64>,
    /// Polls since the runtime started.
    pub polls: Known<u64>,
}

/// Source of the numbers that stable Tokio does not report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The runtime's memory, with debug information.
    Memory,
    /// Tokio's own unstable metrics.
    Unstable,
    /// Not available.
    None,
}

/// The numbers of a runtime that stable Tokio does not report.
#[derive(Debug, Clone)]
pub struct Hidden {
    /// Workers that search for work.
    pub searching: Known<u64>,
    /// Threads of the blocking pool, without the workers.
    pub blocking_threads: Known<u64>,
    /// Idle threads among these.
    pub idle_blocking_threads: Known<u64>,
    /// Closures that wait for a blocking thread.
    pub blocking_queue: Known<u64>,
    /// Lengths of the workers' own queues.
    pub local_queues: Known<Vec<u64>>,
    /// Source of these numbers.
    pub source: Source,
}

impl RuntimeLine {
    /// The lines of a sample, one for each runtime. `hidden` has the numbers read from memory, in the same
    /// order; values that are missing there are taken from Tokio's unstable metrics.
    pub fn of_moment(
        runtimes: &[SchedtraceRuntime],
        moment: &SchedtraceMoment,
        hidden: Vec<Hidden>,
    ) -> Vec<RuntimeLine> {
        let together = runtimes.iter().zip(&moment.runtimes).zip(hidden);
        together.map(|((runtime, numbers), hidden)| line(runtime, moment, numbers, hidden)).collect()
    }

    /// Workers that are parked.
    pub fn idle_workers(&self) -> u64 {
        self.parked
    }

    /// Whether its parts are of different moments: all workers are parked, and tasks are queued. That lasts
    /// microseconds, until a worker is woken.
    pub fn is_approximate(&self) -> bool {
        let local = self.workers.iter().filter_map(|worker| worker.queue.value()).any(|queue| *queue > 0);
        let all = (self.workers.len() as u64).saturating_add(self.workers_left_out);
        let is_multi_thread = self.kind == RuntimeKind::MultiThread;
        is_multi_thread && all > 0 && self.parked == all && (self.global_queue > 0 || local)
    }

    /// Whether the runtime was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.workers.is_empty()
    }
}

fn line(
    runtime: &SchedtraceRuntime,
    moment: &SchedtraceMoment,
    numbers: &RuntimeMoment,
    hidden: Hidden,
) -> RuntimeLine {
    let unstable = numbers.unstable.value();
    let or_unstable = |known: Known<u64>, own: Option<u64>| match (known, own) {
        (Known::Unavailable(_), Some(own)) => Known::Value(own),
        (known, _) => known,
    };
    let queue = |index: usize| {
        let own = unstable.and_then(|own| own.local_queues.get(index).copied());
        match &hidden.local_queues {
            Known::Value(queues) => match queues.get(index) {
                Some(queue) => Known::Value(*queue),
                None => or_unstable(Known::unavailable("no such worker in memory", ""), own),
            },
            Known::Unavailable(missing) => or_unstable(Known::Unavailable(missing.clone()), own),
        }
    };
    let polls = |index: usize| match &numbers.unstable {
        Known::Value(own) => match own.polls.get(index) {
            Some(polls) => Known::Value(*polls),
            None => Known::unavailable("no such worker", ""),
        },
        Known::Unavailable(missing) => Known::Unavailable(missing.clone()),
    };
    let workers = numbers.workers.iter().take(MAX_WORKERS).enumerate().map(|(index, worker)| Worker {
        parked: worker.parked,
        parks: worker.parks,
        busy_ns: worker.busy_ns.clone(),
        busy_percent: worker.busy_percent(moment.interval_ns),
        queue: queue(index),
        polls: polls(index),
    });
    RuntimeLine {
        elapsed_ns: moment.time_ns,
        interval_ns: moment.interval_ns,
        runtime: runtime.name.clone(),
        kind: runtime.kind,
        workers: workers.collect(),
        workers_left_out: numbers.workers.len().saturating_sub(MAX_WORKERS) as u64,
        parked: numbers.workers.iter().filter(|worker| worker.parked).count() as u64,
        searching: hidden.searching,
        threads: moment.threads.clone(),
        blocking_threads: or_unstable(hidden.blocking_threads, unstable.map(|own| own.blocking_threads)),
        idle_blocking_threads: or_unstable(
            hidden.idle_blocking_threads,
            unstable.map(|own| own.idle_blocking_threads),
        ),
        blocking_queue: or_unstable(hidden.blocking_queue, unstable.map(|own| own.blocking_queue)),
        global_queue: numbers.global_queue,
        alive_tasks: numbers.alive_tasks,
        source: match hidden.source {
            Source::None if unstable.is_some() => Source::Unstable,
            source => source,
        },
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedtrace::tests::made::{moment, runtime};

    fn hidden() -> Hidden {
        let missing = || Known::unavailable("not read", "");
        Hidden {
            searching: missing(),
            blocking_threads: missing(),
            idle_blocking_threads: missing(),
            blocking_queue: missing(),
            local_queues: Known::Value(vec![3; 100_000]),
            source: Source::Memory,
        }
    }

    #[test]
    fn workers_beyond_the_limit_are_counted() {
        let moment = moment(1, 100_000, &Known::Value(0));
        let lines = RuntimeLine::of_moment(&[runtime("main")], &moment, vec![hidden()]);
        let [line] = lines.as_slice() else { unreachable!("a line a runtime") };
        assert_eq!((line.workers.len(), line.workers_left_out), (4096, 95_904));
        assert_eq!((line.idle_workers(), &line.workers[4095].queue), (100_000, &Known::Value(3)));
    }
}

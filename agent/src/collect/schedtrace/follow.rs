//! Follows the watched runtimes from one moment to the next.

use std::time::{Duration, Instant};

use rgops_capture::procfs::known;
use rgops_capture::procfs::process::{STAT, Stat};
use rgops_protocol::reply::Known;
use rgops_protocol::reply::schedtrace::{
    RuntimeMoment, SchedtraceMoment, SchedtraceRuntime, UnstableMoment, WorkerMoment,
};
use rgops_protocol::reply::tasks::RuntimeKind;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::busy::BusyMeter;
use crate::runtimes::{Watched, WatchedRuntimes};

/// Time between two readings of the counters, see [`crate::busy`]. Short enough that a poll that gets stuck
/// in the middle of an interval is visible in it, and long enough that the wakeups do not matter.
const READING_INTERVAL: Duration = Duration::from_millis(100);

/// How often the counters of a moment are read until they fit together.
const TRIES: u32 = 5;

/// The runtimes, each with its meter.
pub(crate) struct Follower {
    followed: Vec<Followed>,
    last: Instant,
}

struct Followed {
    runtime: Watched,
    meter: BusyMeter,
}

impl Follower {
    pub(crate) fn new(watched: &WatchedRuntimes) -> Follower {
        let followed = watched.list().into_iter().map(Followed::new).collect();
        Follower { followed, last: Instant::now() }
    }

    /// Follows runtimes that were watched since the last call; returns whether there are any.
    pub(crate) fn follow_new(&mut self, watched: &WatchedRuntimes) -> bool {
        let known = self.followed.len();
        // The list only grows, at its end.
        self.followed.extend(watched.list().into_iter().skip(known).map(Followed::new));
        self.followed.len() > known
    }

    /// Descriptions of the followed runtimes.
    pub(crate) fn runtimes(&self) -> Vec<SchedtraceRuntime> {
        let describe = |followed: &Followed| SchedtraceRuntime {
            name: followed.runtime.name.clone(),
            kind: match followed.runtime.handle.runtime_flavor() {
                RuntimeFlavor::CurrentThread => RuntimeKind::CurrentThread,
                _ => RuntimeKind::MultiThread,
            },
            handle_words: handle_words(&followed.runtime.handle),
        };
        self.followed.iter().map(describe).collect()
    }

    /// The followed runtimes themselves.
    #[cfg(native_engine)]
    pub(crate) fn watched(&self) -> Vec<Watched> {
        self.followed.iter().map(|followed| followed.runtime.clone()).collect()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.followed.iter().map(|followed| followed.runtime.name.clone()).collect()
    }

    /// How long to wait until the next reading, if the next moment is at `due`.
    pub(crate) fn reading_interval(&self, due: Instant) -> Duration {
        match self.followed.is_empty() {
            true => due.saturating_duration_since(Instant::now()).min(Duration::from_secs(1)),
            false => READING_INTERVAL,
        }
    }

    /// Reads the counters.
    pub(crate) fn read(&mut self) {
        self.followed.iter_mut().for_each(|followed| followed.meter.read());
    }

    /// Reads the counters once more and returns the changes since the last moment. `began` is time 0.
    pub(crate) fn moment(&mut self, began: Instant) -> SchedtraceMoment {
        let now = Instant::now();
        let runtimes = self.followed.iter_mut().map(Followed::moment).collect();
        let interval_ns = nanoseconds(now - self.last);
        self.last = now;
        SchedtraceMoment {
            time_ns: nanoseconds(now - began),
            interval_ns,
            threads: known(STAT, Stat::read(STAT).map(|stat| stat.threads)),
            runtimes,
            memory: Known::Value(Vec::new()),
        }
    }
}

impl Followed {
    fn new(runtime: Watched) -> Followed {
        Followed { meter: BusyMeter::new(&runtime.handle), runtime }
    }

    fn moment(&mut self) -> RuntimeMoment {
        let mut moment = self.numbers();
        for _ in 1..TRIES {
            if is_of_one_moment(&moment) {
                break;
            }
            std::thread::yield_now();
            moment = self.numbers();
        }
        self.meter.begin_window();
        moment
    }

    fn numbers(&mut self) -> RuntimeMoment {
        self.meter.read();
        let metrics = self.runtime.handle.metrics();
        let workers = match self.meter.is_shut_down() {
            true => Vec::new(),
            false => self.meter.workers(),
        };
        let workers = workers.into_iter().enumerate().map(|(index, worker)| WorkerMoment {
            parked: worker.parked,
            parks: metrics.worker_park_count(index),
            busy_ns: worker.busy_ns,
        });
        RuntimeMoment {
            workers: workers.collect(),
            alive_tasks: self.runtime.alive_tasks(),
            global_queue: self.runtime.global_queue(),
            unstable: unstable(&metrics),
        }
    }
}

/// Whether tasks are not queued while all workers are parked. A worker is woken for each, within microseconds.
fn is_of_one_moment(moment: &RuntimeMoment) -> bool {
    moment.global_queue == 0 || !moment.workers.iter().all(|worker| worker.parked)
}

/// The metrics of a Tokio built with `--cfg tokio_unstable`. The agent and the program share one Tokio, so the
/// flag is the same for both.
#[cfg(tokio_unstable)]
fn unstable(metrics: &tokio::runtime::RuntimeMetrics) -> Known<UnstableMoment> {
    let workers = 0..metrics.num_workers();
    Known::Value(UnstableMoment {
        blocking_threads: metrics.num_blocking_threads() as u64,
        idle_blocking_threads: metrics.num_idle_blocking_threads() as u64,
        blocking_queue: metrics.blocking_queue_depth() as u64,
        local_queues: workers.clone().map(|index| metrics.worker_local_queue_depth(index) as u64).collect(),
        polls: workers.map(|index| metrics.worker_poll_count(index)).collect(),
    })
}

#[cfg(not(tokio_unstable))]
fn unstable(_metrics: &tokio::runtime::RuntimeMetrics) -> Known<UnstableMoment> {
    Known::unavailable("Tokio reports it only when built with --cfg tokio_unstable", "")
}

#[cfg(native_engine)]
fn handle_words(handle: &Handle) -> Vec<u64> {
    rgops_capture::handle::words(handle)
}

#[cfg(not(native_engine))]
fn handle_words(_handle: &Handle) -> Vec<u64> {
    Vec::new()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_stuck_worker_is_busy_in_every_moment_and_a_new_runtime_is_followed() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (started, wait) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            started.send(()).unwrap();
            let _ = held.recv();
        });
        wait.recv().unwrap();
        let watched = WatchedRuntimes::default();
        watched.add(runtime.handle(), "main");
        let before = Instant::now();
        let mut follower = Follower::new(&watched);
        let began = Instant::now();
        let (mut intervals, mut busy_ns) = (0, 0);
        for _ in 0..3 {
            std::thread::park_timeout(Duration::from_millis(30));
            let requested = Instant::now();
            let moment = follower.moment(began);
            assert!(*moment.threads.value().unwrap() >= 3);
            let busiest = moment.runtimes[0].workers.iter().map(|w| *w.busy_ns.value().unwrap()).max();
            // It is busy at every moment from the first reading to the last. Both are between our clocks.
            busy_ns += busiest.unwrap();
            intervals += moment.interval_ns;
            let (least, most) = (nanoseconds(requested - began), nanoseconds(before.elapsed()));
            assert!((least..=most).contains(&busy_ns), "{least} to {most} ns: {busy_ns}, {moment:?}");
            assert!((least..=most).contains(&intervals), "{least} to {most} ns: {intervals}, {moment:?}");
            assert_eq!(moment.runtimes[0].alive_tasks, 1);
        }
        assert!(!follower.follow_new(&watched));
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        watched.add(other.handle(), "other");
        assert!(follower.follow_new(&watched));
        let runtimes = follower.runtimes();
        assert_eq!(runtimes[1].kind, RuntimeKind::CurrentThread);
        if cfg!(native_engine) {
            assert!(
                runtimes[0].handle_words.iter().any(|word| word % 8 == 0 && *word > 4096),
                "{runtimes:?}"
            );
        }
        drop(release);
    }
}

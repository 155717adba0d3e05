//! How busy the workers of a Tokio runtime are, with stuck polls repaired.
//!
//! Tokio publishes a worker's busy time when the worker parks or does its maintenance between
//! polls, so it stands still while a poll is stuck: a worker that spins for an hour reports 0 %.
//! Two other counters tell the truth meanwhile, `worker_park_unpark_count` (odd: parked) and
//! `worker_park_count`. Between two readings a worker that did not park and is not parked was busy
//! all the time; one that stayed parked was idle; otherwise Tokio's own difference counts.
//!
//! So each reading adds an error of at most the interval to the one before, and only when the worker
//! went to sleep or woke up in between. Readings are atomic loads: no lock, nothing of the program waits.
//!
//! A `current_thread` runtime looks the same when its one poll is stuck and when nobody drives it
//! (both from Tokio 1.54's `scheduler/current_thread`: the count is even outside `block_on`), so
//! its busy time is unknown while nothing moves.

use std::time::{Duration, Instant};

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::WorkerStats;
use tokio::runtime::{Handle, RuntimeFlavor};

/// What Tokio says of a worker at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reading {
    busy: Duration,
    parks: u64,
    parks_and_unparks: u64,
}

impl Reading {
    fn is_parked(&self) -> bool {
        self.parks_and_unparks % 2 == 1
    }
}

/// One worker over time.
#[derive(Debug, Clone)]
struct Worker {
    first: Reading,
    last: Reading,
    /// Busy time found so far.
    busy: Duration,
    /// Busy time we counted that Tokio has yet to publish.
    unpublished: Duration,
    /// Time in which nothing moved, the worker unparked.
    still: Duration,
}

impl Worker {
    fn new(first: Reading) -> Worker {
        let zero = Duration::ZERO;
        Worker { first, last: first, busy: zero, unpublished: zero, still: zero }
    }

    fn read(&mut self, now: Reading, interval: Duration) {
        let published = now.busy.saturating_sub(self.last.busy);
        let unmoved = now.parks_and_unparks == self.last.parks_and_unparks;
        if unmoved && now.is_parked() {
            self.unpublished = Duration::ZERO;
        } else if unmoved {
            self.busy += interval;
            self.unpublished = (self.unpublished + interval).saturating_sub(published);
            if published.is_zero() {
                self.still += interval;
            }
        } else {
            // What was published for earlier intervals has been counted when they passed.
            self.busy += published.saturating_sub(self.unpublished).min(interval);
            self.unpublished = Duration::ZERO;
        }
        self.last = now;
    }
}

/// Follows the workers of one runtime.
#[derive(Debug)]
pub(crate) struct BusyMeter {
    handle: Handle,
    workers: Vec<Worker>,
    began: Instant,
    last: Instant,
}

impl BusyMeter {
    /// Begins to follow a runtime.
    pub(crate) fn new(handle: &Handle) -> BusyMeter {
        BusyMeter::new_at(Instant::now(), handle)
    }

    /// Begins now, which the caller has from the clock: so that several have one window.
    pub(crate) fn new_at(now: Instant, handle: &Handle) -> BusyMeter {
        let workers = (0..handle.metrics().num_workers()).map(|index| Worker::new(reading(handle, index)));
        BusyMeter { handle: handle.clone(), workers: workers.collect(), began: now, last: now }
    }

    /// Reads the counters; what it finds holds for the time since the last call.
    pub(crate) fn read(&mut self) {
        self.read_at(Instant::now());
    }

    /// The same, now, which the caller has from the clock.
    pub(crate) fn read_at(&mut self, now: Instant) {
        let interval = now - self.last;
        for (index, worker) in self.workers.iter_mut().enumerate() {
            worker.read(reading(&self.handle, index), interval);
        }
        self.last = now;
    }

    /// Begins a new window here. What was counted and not yet published stays known, so that no
    /// busy time is in two windows.
    pub(crate) fn begin_window(&mut self) {
        for worker in &mut self.workers {
            *worker = Worker { unpublished: worker.unpublished, ..Worker::new(worker.last) };
        }
        self.began = self.last;
    }

    /// What the workers did since the window began.
    pub(crate) fn workers(&self) -> Vec<WorkerStats> {
        let window = self.last - self.began;
        self.workers.iter().map(|worker| self.worker(worker, window)).collect()
    }

    /// Busy time Tokio had published for all workers when the meter began, in nanoseconds.
    pub(crate) fn published_before_ns(&self) -> u64 {
        self.workers.iter().map(|worker| nanoseconds(worker.first.busy)).fold(0, u64::saturating_add)
    }

    fn worker(&self, worker: &Worker, window: Duration) -> WorkerStats {
        let is_unknown = self.handle.runtime_flavor() == RuntimeFlavor::CurrentThread
            && worker.still == window
            && !window.is_zero();
        let busy_ns = if is_unknown {
            Known::unavailable(
                "no progress: its poll is stuck, or no thread is in this runtime's block_on",
                "run: rgops stack PID",
            )
        } else {
            Known::Value(nanoseconds(worker.busy.min(window)))
        };
        WorkerStats {
            parked: worker.last.is_parked(),
            parks: worker.last.parks.saturating_sub(worker.first.parks),
            tokio_busy_ns: nanoseconds(worker.last.busy.saturating_sub(worker.first.busy)),
            busy_ns,
        }
    }

    /// Whether the runtime was shut down: its workers stand still, unparked and without a task.
    /// A live worker that has no task parks. (One in `block_in_place` has a task.)
    pub(crate) fn is_shut_down(&self) -> bool {
        let window = self.last - self.began;
        let metrics = self.handle.metrics();
        self.handle.runtime_flavor() != RuntimeFlavor::CurrentThread
            && metrics.num_alive_tasks() == 0
            && !window.is_zero()
            && self.workers.iter().all(|worker| worker.still == window)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(target_has_atomic = "64")]
fn reading(handle: &Handle, worker: usize) -> Reading {
    let metrics = handle.metrics();
    Reading {
        busy: metrics.worker_total_busy_duration(worker),
        parks: metrics.worker_park_count(worker),
        parks_and_unparks: metrics.worker_park_unpark_count(worker),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};

    const MS: Duration = Duration::from_millis(1);

    fn at(busy_ms: u32, parks: u64, parks_and_unparks: u64) -> Reading {
        Reading { busy: MS * busy_ms, parks, parks_and_unparks }
    }

    #[test]
    fn a_stuck_worker_is_busy_though_tokio_says_nothing() {
        let mut worker = Worker::new(at(5, 1, 2));
        (0..10).for_each(|_| worker.read(at(5, 1, 2), 20 * MS));
        assert_eq!(worker.busy, 200 * MS);
        // The poll ends and Tokio publishes all of it at once, from before the window, too.
        worker.read(at(5 + 900, 2, 3), 20 * MS);
        assert_eq!(worker.busy, 220 * MS);
        worker.read(at(5 + 900, 2, 3), 20 * MS);
        assert_eq!(worker.busy, 220 * MS);
    }

    #[test]
    fn published_time_is_not_counted_twice() {
        let mut worker = Worker::new(at(0, 1, 1));
        worker.read(at(0, 1, 2), 20 * MS); // woke up in here: nothing published yet
        worker.read(at(0, 1, 2), 20 * MS); // stuck: 20
        worker.read(at(25, 2, 3), 20 * MS); // ended 5 ms into this one
        assert_eq!(worker.busy, 25 * MS);
    }

    #[test]
    fn short_polls_are_tokios_own_number() {
        let mut worker = Worker::new(at(0, 1, 1));
        (1..=10).for_each(|n| worker.read(at(n * 3, u64::from(n) * 9, u64::from(n) * 18 + 1), 20 * MS));
        assert_eq!(worker.busy, 30 * MS);
    }

    fn meter(handle: &Handle) -> BusyMeter {
        let mut meter = BusyMeter::new(handle);
        let end = Instant::now() + 100 * MS;
        while Instant::now() < end {
            std::thread::park_timeout(10 * MS);
            meter.read();
        }
        meter
    }

    #[test]
    fn spinning_and_blocked_workers_are_busy_and_idle_ones_are_not() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (started, wait) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let (spinner, spin_started) = (stop.clone(), started.clone());
        runtime.spawn(async move {
            spin_started.send(()).unwrap();
            while !spinner.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        runtime.spawn(async move {
            started.send(()).unwrap();
            let _ = held.recv(); // as a std Mutex would: asleep inside a poll
        });
        (0..2).for_each(|_| wait.recv().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let workers = meter(runtime.handle()).workers();
            let mut shares: Vec<u64> =
                workers.iter().map(|w| w.busy_ns.value().unwrap() / 1_000_000).collect();
            shares.sort_unstable();
            // The third worker may still be looking for work when the first window begins.
            if shares[0] < 10 && shares[1] >= 99 && shares[2] >= 99 {
                break;
            }
            assert!(Instant::now() < deadline, "{workers:?}");
        }
        stop.store(true, Ordering::Relaxed);
        drop(release);
    }

    #[test]
    fn a_runtime_that_is_shut_down_is_told_apart() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let handle = runtime.handle().clone();
        assert!(!meter(&handle).is_shut_down());
        runtime.shutdown_background();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !meter(&handle).is_shut_down() {
            assert!(Instant::now() < deadline);
        }
    }

    #[test]
    fn a_current_thread_runtime_nobody_drives_is_unknown_and_a_driven_one_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(meter(runtime.handle()).workers()[0].busy_ns.value().is_none());
        let handle = runtime.handle().clone();
        // Who drives it waits for a CPU in the middle of a poll as long as the machine likes: in some window
        // it did not.
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let handle = handle.clone();
            let measured = std::thread::spawn(move || meter(&handle));
            let idle = runtime.block_on(async {
                while !measured.is_finished() {
                    tokio::time::sleep(5 * MS).await;
                }
                measured.join().unwrap().workers()
            });
            assert!(idle[0].parks > 0);
            if *idle[0].busy_ns.value().unwrap() < 50_000_000 {
                break;
            }
            assert!(Instant::now() < deadline, "{idle:?}");
        }
    }
}

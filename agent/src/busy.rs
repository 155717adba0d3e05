//! How busy the workers of a Tokio runtime are, including workers that are inside a stuck poll.
//!
//! Tokio publishes a worker's busy time when the worker parks or does its maintenance between
//! polls. While a poll is stuck, the published time does not change: a worker that spins for an hour
//! reports 0 %. Two other counters show the difference: `worker_park_unpark_count` (odd: parked) and
//! `worker_park_count`. If a worker did not park between two readings and is not parked, it was busy
//! all the time. If it stayed parked, it was idle. Otherwise Tokio's own difference is used.
//!
//! Each reading therefore adds an error of at most one interval, and only if the worker parked or
//! unparked in that interval. Readings are atomic loads: they take no lock and never make the program wait.
//!
//! A `current_thread` runtime looks the same when its one poll is stuck and when no thread drives it
//! (source: `scheduler/current_thread` of Tokio 1.54; the count is even outside `block_on`). So its
//! busy time is unknown while no counter changes.

use std::time::{Duration, Instant};

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::{RuntimeTotals, WorkerStats, WorkerTotals};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Tokio's counters of a worker at one moment.
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
    /// Busy time counted so far.
    busy: Duration,
    /// Busy time counted here that Tokio has not published yet.
    unpublished: Duration,
    /// Time in which the worker was not parked and no counter changed.
    still: Duration,
}

impl Worker {
    fn new(first: Reading) -> Worker {
        let zero = Duration::ZERO;
        Worker { first, last: first, busy: zero, unpublished: zero, still: zero }
    }

    fn read(&mut self, now: Reading, interval: Duration) {
        let published = now.busy.saturating_sub(self.last.busy);
        let is_unchanged = now.parks_and_unparks == self.last.parks_and_unparks;
        if is_unchanged && now.is_parked() {
            self.unpublished = Duration::ZERO;
        } else if is_unchanged {
            self.busy += interval;
            self.unpublished = (self.unpublished + interval).saturating_sub(published);
            if published.is_zero() {
                self.still += interval;
            }
        } else {
            // Time published now for earlier intervals was already counted in those intervals.
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
    /// Starts to follow a runtime.
    pub(crate) fn new(handle: &Handle) -> BusyMeter {
        BusyMeter::new_at(Instant::now(), handle)
    }

    /// Starts at a time the caller read from the clock, so that several meters share one window.
    pub(crate) fn new_at(now: Instant, handle: &Handle) -> BusyMeter {
        let workers = (0..handle.metrics().num_workers()).map(|index| Worker::new(reading(handle, index)));
        BusyMeter { handle: handle.clone(), workers: workers.collect(), began: now, last: now }
    }

    /// Reads the counters. The difference is for the time since the last call.
    pub(crate) fn read(&mut self) {
        self.read_at(Instant::now());
    }

    /// Reads the counters at a time the caller read from the clock.
    pub(crate) fn read_at(&mut self, now: Instant) {
        let interval = now - self.last;
        for (index, worker) in self.workers.iter_mut().enumerate() {
            worker.read(reading(&self.handle, index), interval);
        }
        self.last = now;
    }

    /// Starts a new window at the last reading. Busy time that Tokio has not published yet is kept, so that
    /// no busy time is counted in two windows.
    pub(crate) fn begin_window(&mut self) {
        for worker in &mut self.workers {
            *worker = Worker { unpublished: worker.unpublished, ..Worker::new(worker.last) };
        }
        self.began = self.last;
    }

    /// The workers' activity since the window started.
    pub(crate) fn workers(&self) -> Vec<WorkerStats> {
        let window = self.last - self.began;
        self.workers.iter().map(|worker| self.worker(worker, window)).collect()
    }

    /// The workers' counters since the runtime started, at the last reading.
    pub(crate) fn totals(&self) -> RuntimeTotals {
        let last = self.workers.iter().map(|worker| worker.last);
        let totals = |last: Reading| WorkerTotals { parks: last.parks, busy_ns: nanoseconds(last.busy) };
        RuntimeTotals { workers: last.map(totals).collect() }
    }

    /// Busy time that Tokio had published for all workers when the meter started, in nanoseconds.
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

    /// Whether the runtime was shut down: no counter of its workers changes, none is parked, and there are no
    /// tasks. A live worker without a task parks. (A worker in `block_in_place` has a task.)
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
    fn a_stuck_worker_is_busy_before_tokio_publishes_its_busy_time() {
        let mut worker = Worker::new(at(5, 1, 2));
        (0..10).for_each(|_| worker.read(at(5, 1, 2), 20 * MS));
        assert_eq!(worker.busy, 200 * MS);
        // The poll ends. Tokio publishes all its busy time at once, including the part before the window.
        worker.read(at(5 + 900, 2, 3), 20 * MS);
        assert_eq!(worker.busy, 220 * MS);
        worker.read(at(5 + 900, 2, 3), 20 * MS);
        assert_eq!(worker.busy, 220 * MS);
    }

    #[test]
    fn published_time_is_not_counted_twice() {
        let mut worker = Worker::new(at(0, 1, 1));
        worker.read(at(0, 1, 2), 20 * MS); // unparked in this interval: nothing is published yet
        worker.read(at(0, 1, 2), 20 * MS); // stuck: 20 ms
        worker.read(at(25, 2, 3), 20 * MS); // the poll ended 5 ms into this interval
        assert_eq!(worker.busy, 25 * MS);
    }

    #[test]
    fn the_busy_time_of_short_polls_is_the_one_tokio_publishes() {
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
            let _ = held.recv(); // asleep inside a poll, as with a std Mutex
        });
        (0..2).for_each(|_| wait.recv().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let workers = meter(runtime.handle()).workers();
            let mut shares: Vec<u64> =
                workers.iter().map(|w| w.busy_ns.value().unwrap() / 1_000_000).collect();
            shares.sort_unstable();
            // The third worker may still search for work when the first window begins.
            if shares[0] < 10 && shares[1] >= 99 && shares[2] >= 99 {
                break;
            }
            assert!(Instant::now() < deadline, "{workers:?}");
        }
        stop.store(true, Ordering::Relaxed);
        drop(release);
    }

    #[test]
    fn a_runtime_that_is_shut_down_is_recognized() {
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
    fn the_busy_time_of_a_current_thread_runtime_is_unknown_only_while_no_thread_drives_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(meter(runtime.handle()).workers()[0].busy_ns.value().is_none());
        let handle = runtime.handle().clone();
        // On a loaded machine the driving thread may wait for a CPU in the middle of a poll. Measure until
        // there is a window in which it did not.
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

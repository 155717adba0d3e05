//! Counters of Tokio runtimes over the window, as tracks and as sums.

use std::io::{self, Write};

use rgops_protocol::reply::trace::RuntimePoint;

use super::packets::Packets;
use super::proto::TrackEvent;

/// `TrackEvent.Type.TYPE_COUNTER`.
const COUNTER: i32 = 4;
/// Tracks of one runtime: busy workers, parked workers, alive tasks, global queue.
const TRACKS: u64 = 4;

/// A runtime in the window.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RuntimeSummary {
    /// Its name.
    pub name: String,
    /// Number of workers.
    pub workers: u32,
    /// Busy time of all workers from the first point to the last, in nanoseconds.
    pub busy_ns: u64,
    /// Time from the first point to the last, in nanoseconds.
    pub window_ns: u64,
    /// Maximum alive tasks at any reading.
    pub max_alive_tasks: u64,
    /// Maximum length of the global queue at any reading.
    pub max_global_queue: u64,
}

impl RuntimeSummary {
    /// Share of its workers' time that was busy, 0 to 1; `None` without workers or time.
    pub fn busy_share(&self) -> Option<f64> {
        let available = self.window_ns as f64 * f64::from(self.workers);
        (available > 0.0).then(|| (self.busy_ns as f64 / available).min(1.0))
    }
}

/// The runtimes of a trace.
#[derive(Debug, Default)]
pub(super) struct Runtimes {
    runtimes: Vec<Runtime>,
}

#[derive(Debug)]
struct Runtime {
    name: String,
    /// Number of its first track.
    uuid: u64,
    first: Option<RuntimePoint>,
    last: Option<RuntimePoint>,
    workers: u32,
    max_alive_tasks: u64,
    max_global_queue: u64,
}

impl Runtimes {
    /// Writes the tracks of all runtimes, numbered from `next_uuid`.
    pub(super) fn begin<W: Write>(
        &mut self,
        names: &[String],
        next_uuid: &mut u64,
        packets: &mut Packets<W>,
    ) -> io::Result<()> {
        for name in names {
            let uuid = *next_uuid;
            *next_uuid += TRACKS;
            let tracks = [
                ("busy workers", "workers"),
                ("parked workers", "workers"),
                ("alive tasks", "tasks"),
                ("global queue", "tasks"),
            ];
            for (track, (what, unit)) in (uuid..).zip(tracks) {
                packets.counter(track, format!("runtime {name}: {what}"), unit)?;
            }
            self.runtimes.push(Runtime {
                name: name.clone(),
                uuid,
                first: None,
                last: None,
                workers: 0,
                max_alive_tasks: 0,
                max_global_queue: 0,
            });
        }
        Ok(())
    }

    /// Writes the counters of a runtime at one moment.
    pub(super) fn add<W: Write>(&mut self, point: &RuntimePoint, packets: &mut Packets<W>) -> io::Result<()> {
        let Some(runtime) = self.runtimes.get_mut(point.runtime as usize) else { return Ok(()) };
        let mut counter = |at: u64, time_ns, value| {
            packets.event(
                time_ns,
                TrackEvent {
                    r#type: Some(COUNTER),
                    track_uuid: Some(runtime.uuid + at),
                    double_counter_value: Some(value),
                    ..TrackEvent::default()
                },
            )
        };
        // A counter value holds until the next one, and the busy share is only known at the end of its interval.
        if let Some(last) = &runtime.last
            && point.time_ns > last.time_ns
        {
            let busy_ns = point.busy_ns.saturating_sub(last.busy_ns) as f64;
            let workers = busy_ns / (point.time_ns - last.time_ns) as f64;
            counter(0, last.time_ns, workers.min(f64::from(point.workers.max(last.workers))))?;
        }
        counter(1, point.time_ns, f64::from(point.parked))?;
        counter(2, point.time_ns, point.alive_tasks as f64)?;
        counter(3, point.time_ns, point.global_queue as f64)?;
        runtime.workers = runtime.workers.max(point.workers);
        runtime.max_alive_tasks = runtime.max_alive_tasks.max(point.alive_tasks);
        runtime.max_global_queue = runtime.max_global_queue.max(point.global_queue);
        runtime.first.get_or_insert_with(|| point.clone());
        runtime.last = Some(point.clone());
        Ok(())
    }

    pub(super) fn summary(&self) -> Vec<RuntimeSummary> {
        let summary = |runtime: &Runtime| {
            let between = |pick: fn(&RuntimePoint) -> u64| {
                let ends = runtime.first.as_ref().zip(runtime.last.as_ref());
                ends.map_or(0, |(first, last)| pick(last).saturating_sub(pick(first)))
            };
            RuntimeSummary {
                name: runtime.name.clone(),
                workers: runtime.workers,
                busy_ns: between(|point| point.busy_ns),
                window_ns: between(|point| point.time_ns),
                max_alive_tasks: runtime.max_alive_tasks,
                max_global_queue: runtime.max_global_queue,
            }
        };
        self.runtimes.iter().map(summary).collect()
    }
}

//! The counters of the watched Tokio runtimes in a trace.

use rgops_protocol::reply::trace::RuntimePoint;
use rgops_protocol::reply::{Known, Note, NoteKind};

use crate::busy::BusyMeter;
use crate::runtimes::Watched;

/// Follows the runtimes that were watched when the trace started.
pub(super) struct Runtimes(Vec<Followed>);

struct Followed {
    runtime: Watched,
    meter: BusyMeter,
    /// The largest busy time sent so far: it never decreases.
    busy_ns: u64,
    /// Why the busy time of a worker is not known.
    unknown: Option<String>,
}

impl Runtimes {
    pub(super) fn new(watched: Vec<Watched>) -> Runtimes {
        let follow = |runtime: Watched| {
            let meter = BusyMeter::new(&runtime.handle);
            Followed { busy_ns: meter.published_before_ns(), meter, runtime, unknown: None }
        };
        Runtimes(watched.into_iter().map(follow).collect())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|followed| followed.runtime.name.clone()).collect()
    }

    /// Adds a point for each runtime.
    pub(super) fn read(&mut self, time_ns: u64, points: &mut Vec<RuntimePoint>) {
        for (runtime, followed) in (0_u32..).zip(&mut self.0) {
            points.push(followed.read(time_ns, runtime));
        }
    }

    /// The notes that report what is unknown.
    pub(super) fn notes(&self) -> Vec<Note> {
        let unknown = |followed: &Followed| {
            let why = followed.unknown.as_ref()?;
            Some(Note {
                kind: NoteKind::Approximate,
                what: "runtime's busy time".to_owned(),
                count: 1,
                why: format!("{}: {why}", followed.runtime.name),
            })
        };
        self.0.iter().filter_map(unknown).collect()
    }
}

impl Followed {
    fn read(&mut self, time_ns: u64, runtime: u32) -> RuntimePoint {
        self.meter.read();
        let workers = if self.meter.is_shut_down() { Vec::new() } else { self.meter.workers() };
        let mut busy_ns = self.meter.published_before_ns();
        self.unknown = None;
        for worker in &workers {
            match &worker.busy_ns {
                Known::Value(ns) => busy_ns = busy_ns.saturating_add(*ns),
                Known::Unavailable(missing) => self.unknown = Some(missing.reason.clone()),
            }
        }
        self.busy_ns = self.busy_ns.max(busy_ns);
        RuntimePoint {
            time_ns,
            runtime,
            alive_tasks: self.runtime.alive_tasks(),
            global_queue: self.runtime.global_queue(),
            parked: workers.iter().filter(|worker| worker.parked).count() as u32,
            workers: workers.len() as u32,
            busy_ns: self.busy_ns,
        }
    }
}

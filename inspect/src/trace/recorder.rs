//! Makes a Perfetto file and a summary from the parts of a `trace` answer while they arrive. Memory grows with the
//! number of threads and of distinct stacks, not with time.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;

use rgops_protocol::reply::Module;
use rgops_protocol::reply::trace::{ThreadPoint, TracePart, TraceStart, TraceThread, TraceTotals};

use super::classify::Kind;
use super::model::{Segment, Timeline};
use super::packets::{Begin, PROCESS_TRACK, Packets, Stop};
use super::proto::{EventName, InternedData, TracePacket, TrackEvent};
use super::runtimes::{RuntimeSummary, Runtimes};
use super::samples::Samples;
use super::summary::Summary;
use crate::budget::{self, Budget, Exhausted};
use crate::output::Numbered;
use crate::symbols::ModuleSymbols;
use crate::text::system_call::Architecture;

/// `TrackEvent.Type`.
const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;

/// The process of a trace.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Process {
    /// Its name.
    pub name: String,
    /// The process on this host, see [`crate::symbols::Symbolizer::new`].
    pub local_pid: Option<u32>,
    /// Directories with symbol files.
    pub symbol_directories: Vec<PathBuf>,
    /// The budget that is charged for everything kept.
    pub budget: Budget,
}

impl Default for Process {
    fn default() -> Process {
        Process {
            name: String::new(),
            local_pid: None,
            symbol_directories: Vec::new(),
            budget: budget::standard(),
        }
    }
}

/// Bytes charged for a thread until the summary is written.
const THREAD_BYTES: u64 = 2048;

/// Maximum size of a trace file in bytes. A minute of a hundred busy threads takes a few hundred million.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Default names for a trace: `rgops.NAME.PID.NNN.perfetto-trace`.
pub fn file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, "", ".perfetto-trace")
}

/// Writes a trace while it is taken.
#[derive(Debug)]
pub struct Recorder<W> {
    exhausted: Option<Exhausted>,
    process: Process,
    packets: Packets<W>,
    start: Option<TraceStart>,
    totals: Option<TraceTotals>,
    architecture: Architecture,
    threads: HashMap<u32, Thread>,
    summary: Summary,
    samples: Samples,
    runtimes: Runtimes,
    next_uuid: u64,
    /// The time of the latest data.
    latest_ns: u64,
    settled: Vec<Segment>,
}

#[derive(Debug)]
struct Thread {
    uuid: u64,
    timeline: Timeline,
    /// Its last segment, which the next one may extend.
    open: Option<Segment>,
}

impl<W: Write> Recorder<W> {
    /// A recorder that writes to `out`. It does not write before the first part.
    pub fn new(out: W, process: Process) -> Recorder<W> {
        let samples = Samples::new(process.local_pid, &process.symbol_directories, &process.budget);
        Recorder {
            exhausted: None,
            process,
            packets: Packets::new(out),
            start: None,
            totals: None,
            architecture: Architecture::of(&[]),
            threads: HashMap::new(),
            summary: Summary::default(),
            samples,
            runtimes: Runtimes::default(),
            next_uuid: PROCESS_TRACK + 1,
            latest_ns: 0,
            settled: Vec::new(),
        }
    }

    /// Takes the next part of the answer. Ignored after the budget is exhausted.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, part: TracePart) -> io::Result<()> {
        if self.exhausted.is_some() {
            return Ok(());
        }
        match self.take(part) {
            Err(Stop::Exhausted(exhausted)) => {
                self.exhausted = Some(exhausted);
                Ok(())
            }
            Err(Stop::File(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    /// Which limit was reached, if any.
    pub fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }

    fn take(&mut self, part: TracePart) -> Result<(), Stop> {
        match part {
            TracePart::Start(start) => return self.begin(start),
            TracePart::Threads(threads) => {
                for thread in &threads {
                    self.add_thread(thread)?;
                }
            }
            TracePart::Modules(modules) => self.set_modules(&modules)?,
            TracePart::Activity(points) => {
                for point in &points {
                    self.add_point(point)?;
                }
            }
            TracePart::Samples(mut samples) => {
                samples.sort_by_key(|sample| sample.time_ns);
                let pid = self.start.as_ref().map_or(0, |start| start.pid);
                for sample in &samples {
                    self.check_file()?;
                    self.samples.write(sample, pid, &mut self.packets)?;
                }
            }
            TracePart::Runtimes(points) => {
                for point in &points {
                    self.latest_ns = self.latest_ns.max(point.time_ns);
                    self.runtimes.add(point, &mut self.packets)?;
                }
            }
            TracePart::Totals(totals) => self.totals = Some(totals),
        }
        self.check_file()
    }

    /// A sample of a few bytes can become a thousand packets in the file.
    fn check_file(&self) -> Result<(), Stop> {
        self.process.budget.check_time()?;
        match self.packets.written_bytes() {
            ..=MAX_FILE_BYTES => Ok(()),
            _ => Err(Exhausted::File(MAX_FILE_BYTES).into()),
        }
    }

    /// Ends the trace: writes the last segments of all threads. Without totals, the answer ended early; then every
    /// thread is assumed to continue its last activity until the time of the latest data.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let broken_off = self.totals.is_none().then_some(self.latest_ns);
        let mut tids: Vec<u32> = self.threads.keys().copied().collect();
        tids.sort_unstable();
        for tid in tids {
            if let Some(mut thread) = self.threads.remove(&tid) {
                let mut settled = std::mem::take(&mut self.settled);
                thread.timeline.finish(broken_off, &mut settled);
                self.settled = settled;
                self.write_settled(tid, &mut thread)?;
                self.close(&mut thread)?;
            }
        }
        self.packets.flush()
    }

    /// The writer.
    pub fn output_mut(&mut self) -> &mut W {
        self.packets.output_mut()
    }

    /// How the trace is taken, once it has arrived.
    pub fn start(&self) -> Option<&TraceStart> {
        self.start.as_ref()
    }

    /// Clocks and losses; `None` until the trace is complete.
    pub fn totals(&self) -> Option<&TraceTotals> {
        self.totals.as_ref()
    }

    /// The times of every thread; complete after [`Recorder::finish`].
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The budget that is charged for everything kept.
    pub fn budget(&self) -> &Budget {
        &self.process.budget
    }

    /// Sets another budget for the report.
    #[cfg(test)]
    pub(crate) fn set_budget(&mut self, budget: Budget) {
        self.process.budget = budget;
    }

    /// The watched runtimes.
    pub fn runtimes(&self) -> Vec<RuntimeSummary> {
        self.runtimes.summary()
    }

    /// Length of the window in nanoseconds, as far as known.
    pub fn duration_ns(&self) -> u64 {
        self.totals.as_ref().map_or(self.latest_ns, |totals| totals.duration_ns)
    }

    /// Samples written, the sum of their weights, and the number of samples without a stack because there were too
    /// many distinct stacks.
    pub fn samples(&self) -> (u64, u64, u64) {
        (self.samples.count(), self.samples.weight(), self.samples.without_stack())
    }

    /// Which names each module with samples provides, and why not more.
    pub fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.samples.module_symbols()
    }

    fn begin(&mut self, start: TraceStart) -> Result<(), Stop> {
        self.process.budget.charge(THREAD_BYTES.saturating_mul(start.runtimes.len() as u64))?;
        self.packets.begin(&Begin {
            unix_ns: start.unix_ns,
            monotonic_ns: start.monotonic_ns,
            pid: start.pid,
            name: &self.process.name,
            sample_period_ns: (start.period_ns > 0).then_some(start.period_ns),
        })?;
        let name = |kind: &Kind| EventName { iid: Some(name_iid(*kind)), name: Some(kind.name().to_owned()) };
        let event_names = Kind::ALL.iter().map(name).collect();
        self.packets.data(TracePacket {
            interned_data: Some(InternedData { event_names, ..InternedData::default() }),
            ..TracePacket::default()
        })?;
        self.samples.set_period(start.period_ns);
        self.runtimes.begin(&start.runtimes, &mut self.next_uuid, &mut self.packets)?;
        self.start = Some(start);
        Ok(())
    }

    fn set_modules(&mut self, modules: &[Module]) -> Result<(), Stop> {
        let modules = budget::charge_modules(&self.process.budget, modules)?;
        self.architecture = Architecture::of(modules);
        self.samples.set_modules(modules);
        Ok(())
    }

    fn add_thread(&mut self, found: &TraceThread) -> Result<(), Stop> {
        if !self.threads.contains_key(&found.tid) {
            self.process.budget.charge(THREAD_BYTES)?;
        }
        let summary = self.summary.thread(found.tid);
        summary.name.clone_from(&found.name);
        summary.is_agent = found.is_agent;
        if !self.threads.contains_key(&found.tid) {
            summary.first_ns = found.first_ns;
        }
        let next_uuid = &mut self.next_uuid;
        let thread = self.threads.entry(found.tid).or_insert_with(|| {
            *next_uuid += 1;
            Thread { uuid: *next_uuid, timeline: Timeline::new(found.is_agent), open: None }
        });
        let pid = self.start.as_ref().map_or(0, |start| start.pid);
        Ok(self.packets.thread(thread.uuid, pid, found.tid, &found.name)?)
    }

    fn add_point(&mut self, point: &ThreadPoint) -> Result<(), Stop> {
        self.latest_ns = self.latest_ns.max(point.time_ns);
        // A thread is announced before its first point; a thread that was not announced has already ended.
        let Some(mut thread) = self.threads.remove(&point.tid) else { return Ok(()) };
        let held_before = thread.timeline.held_bytes();
        thread.timeline.add(point, self.architecture, &mut self.settled);
        let held = thread.timeline.held_bytes();
        self.process.budget.charge(held.saturating_sub(held_before))?;
        self.write_settled(point.tid, &mut thread)?;
        if point.state == 'X' {
            self.close(&mut thread)?;
            self.summary.end(point.tid);
            self.process.budget.release(held + THREAD_BYTES / 2);
        } else {
            self.threads.insert(point.tid, thread);
        }
        Ok(())
    }

    /// Writes the final segments; the last one stays open, because the next may extend it.
    fn write_settled(&mut self, tid: u32, thread: &mut Thread) -> io::Result<()> {
        let mut settled = std::mem::take(&mut self.settled);
        for segment in settled.drain(..) {
            self.summary.thread(tid).add(&segment);
            match &mut thread.open {
                Some(open) if open.kind == segment.kind && open.end_ns == segment.start_ns => {
                    open.end_ns = segment.end_ns;
                }
                _ => {
                    self.close(thread)?;
                    thread.open = Some(segment);
                }
            }
        }
        self.settled = settled;
        Ok(())
    }

    fn close(&mut self, thread: &mut Thread) -> io::Result<()> {
        let Some(segment) = thread.open.take() else { return Ok(()) };
        let event = |r#type, name_iid| TrackEvent {
            r#type: Some(r#type),
            name_iid,
            track_uuid: Some(thread.uuid),
            ..TrackEvent::default()
        };
        self.packets.event(segment.start_ns, event(SLICE_BEGIN, Some(name_iid(segment.kind))))?;
        self.packets.event(segment.end_ns, event(SLICE_END, None))
    }
}

fn name_iid(kind: Kind) -> u64 {
    kind as u64 + 1
}

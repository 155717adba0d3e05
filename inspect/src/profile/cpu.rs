//! From the parts of a `pprof-cpu` answer to a profile: addresses become locations while they
//! arrive, because the modules they belong to may be unloaded later.

use std::collections::HashMap;
use std::path::PathBuf;

use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuTotals, FIRST_NUMBERED_THREAD, PprofCpuPart};
use rgops_protocol::reply::{End, Note, NoteKind};

use super::locations::Locations;
use super::proto::{Label, Profile, Sample, ValueType};
use crate::budget::{Budget, Exhausted};
use crate::symbols::ModuleSymbols;
use crate::text::known::missing_text;
use crate::text::{duration, escape};

/// Frames kept over all distinct stacks. A real profile has some thousands; an agent that sends
/// ever new stacks must not fill our memory.
const MAX_KEPT_FRAMES: usize = 32 * 1024 * 1024;

/// What a distinct stack costs in bytes until the file and the table are made, and each of its frames.
pub(crate) const STACK_BYTES: u64 = 768;
pub(crate) const FRAME_BYTES: u64 = 48;

/// Whose profile it is.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Its name, for the comments.
    pub name: String,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// Build-id of its executable, which tells the executable among the modules.
    pub build_id: Vec<u8>,
    /// The process on this host, see [`Symbolizer::new`](crate::symbols::Symbolizer::new).
    pub local_pid: Option<u32>,
    /// Directories with symbol files, see [`Symbolizer::new`](crate::symbols::Symbolizer::new).
    pub symbol_directories: Vec<PathBuf>,
    /// To what everything that is kept of it is charged.
    pub budget: Budget,
}

/// Why a profile lacks its end.
#[derive(Debug, Clone)]
pub struct Incomplete {
    /// What happened, lower case.
    pub reason: String,
    /// How long samples arrived, in nanoseconds.
    pub duration_ns: u64,
}

/// A CPU profile being gathered.
#[derive(Debug)]
pub struct CpuProfile {
    process: Process,
    exhausted: Option<Exhausted>,
    start: Option<CpuStart>,
    totals: Option<CpuTotals>,
    notes: Vec<Note>,
    locations: Locations,
    /// By thread and stack: the sum of weights.
    weights: HashMap<(u32, Box<[u64]>), u64>,
    kept_frames: usize,
    weight: u64,
    samples: u64,
    not_kept: u64,
}

impl CpuProfile {
    /// An empty profile of a process.
    pub fn new(process: Process) -> CpuProfile {
        let locations = Locations::new(&process);
        CpuProfile {
            process,
            exhausted: None,
            start: None,
            totals: None,
            notes: Vec::new(),
            locations,
            weights: HashMap::new(),
            kept_frames: 0,
            weight: 0,
            samples: 0,
            not_kept: 0,
        }
    }

    /// Takes the next part of the answer; nothing more once the budget is exhausted.
    pub fn add(&mut self, part: PprofCpuPart) {
        if self.exhausted.is_none() {
            self.exhausted = self.take(part).err();
        }
    }

    /// To what everything that is kept of it is charged.
    pub fn budget(&self) -> &Budget {
        &self.process.budget
    }

    /// Why nothing more is taken.
    pub fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }

    fn take(&mut self, part: PprofCpuPart) -> Result<(), Exhausted> {
        match part {
            PprofCpuPart::Start(start) => self.start = Some(start),
            PprofCpuPart::Modules(modules) => self.locations.set_modules(&modules)?,
            PprofCpuPart::Samples(samples) => {
                samples.iter().try_for_each(|sample| self.add_sample(sample))?
            }
            PprofCpuPart::Totals(totals) => self.totals = Some(totals),
        }
        Ok(())
    }

    /// Takes the end of the answer: a reader of the file is told what it says is missing.
    pub fn end(&mut self, end: &End) {
        self.notes.clone_from(&end.notes);
    }

    /// How samples were taken, once it was said.
    pub fn start(&self) -> Option<&CpuStart> {
        self.start.as_ref()
    }

    /// Clocks and losses; missing while the profile is not complete.
    pub fn totals(&self) -> Option<&CpuTotals> {
        self.totals.as_ref()
    }

    /// Sum of the weights of all samples so far.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Weight of samples that were not kept because the profile has too many different stacks.
    pub fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// CPU time all samples stand for, in nanoseconds.
    pub fn sampled_ns(&self) -> u64 {
        self.weight.saturating_mul(self.period_ns())
    }

    /// What each module with samples gave for names, and why not more.
    pub fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.locations.module_symbols()
    }

    fn period_ns(&self) -> u64 {
        self.start.as_ref().map_or(0, |start| start.period_ns)
    }

    fn add_sample(&mut self, sample: &CpuSample) -> Result<(), Exhausted> {
        let weight = u64::from(sample.weight);
        self.samples += 1;
        self.weight = self.weight.saturating_add(weight);
        let stack: Box<[u64]> = sample
            .stack
            .frames
            .iter()
            .enumerate()
            .map(|(position, avma)| self.locations.of(*avma, position > 0))
            .collect::<Result<_, _>>()?;
        let length = stack.len();
        if let Some(sum) = self.weights.get_mut(&(sample.tid, stack.clone())) {
            *sum = sum.saturating_add(weight);
        } else if self.kept_frames + length <= MAX_KEPT_FRAMES {
            self.process.budget.charge(STACK_BYTES + FRAME_BYTES.saturating_mul(length as u64))?;
            self.kept_frames += length;
            self.weights.insert((sample.tid, stack), weight);
        } else {
            self.not_kept = self.not_kept.saturating_add(weight);
        }
        Ok(())
    }

    /// The finished profile; `incomplete` says why it ended without its totals.
    pub fn build(mut self, incomplete: Option<&Incomplete>) -> Profile {
        let comments = self.comments(incomplete);
        let period = i64::try_from(self.period_ns()).unwrap_or(i64::MAX);
        let strings = self.locations.strings();
        let comment = comments.iter().map(|comment| strings.index(&escape(comment))).collect();
        let thread_names: HashMap<u32, i64> = self
            .totals
            .iter()
            .flat_map(|totals| &totals.threads)
            .map(|thread| (thread.tid, strings.index(&thread.name)))
            .collect();
        let (thread, tid_key) = (strings.index("thread"), strings.index("tid"));
        let mut weights: Vec<_> = self.weights.drain().collect();
        // Neither the file nor a comparison of two may depend on the order of a hash map.
        weights.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
        let sample = weights
            .into_iter()
            .map(|((tid, stack), weight)| {
                let weight = i64::try_from(weight).unwrap_or(i64::MAX);
                let mut label = Vec::new();
                if tid < FIRST_NUMBERED_THREAD {
                    label.push(Label { key: tid_key, str: 0, num: i64::from(tid), num_unit: 0 });
                }
                if let Some(name) = thread_names.get(&tid).filter(|name| **name != 0) {
                    label.push(Label { key: thread, str: *name, num: 0, num_unit: 0 });
                }
                let value = vec![weight, weight.saturating_mul(period)];
                Sample { location_id: stack.into_vec(), value, label }
            })
            .collect();
        let mut value_type =
            |name, unit| ValueType { r#type: strings.index(name), unit: strings.index(unit) };
        let sample_type = vec![value_type("samples", "count"), value_type("cpu", "nanoseconds")];
        let default_sample_type = sample_type[1].r#type;
        let duration = match (&self.totals, incomplete) {
            (Some(totals), _) => totals.duration_ns,
            (None, Some(incomplete)) => incomplete.duration_ns,
            (None, None) => 0,
        };
        Profile {
            period_type: Some(sample_type[1]),
            sample_type,
            sample,
            time_nanos: self.start.as_ref().map_or(0, |start| i64::try_from(start.unix_ns).unwrap_or(0)),
            duration_nanos: i64::try_from(duration).unwrap_or(i64::MAX),
            period,
            comment,
            default_sample_type,
            ..self.locations.into_profile(&self.process.build_id)
        }
    }

    /// What a reader of the file must know. pprof prints those without `#` above every report.
    fn comments(&self, incomplete: Option<&Incomplete>) -> Vec<String> {
        let mut comments = Vec::new();
        if let Some(incomplete) = incomplete {
            let after = duration(incomplete.duration_ns);
            comments.push(format!("Partial: {} after {after}", incomplete.reason));
        }
        for note in self.notes.iter().filter(|note| note.kind == NoteKind::EndedEarly) {
            comments.push(format!("Ended early: {}", note.why));
        }
        comments.push(format!(
            "# rgops {}: pid {} {}",
            env!("CARGO_PKG_VERSION"),
            self.process.pid,
            self.process.name
        ));
        if let Some(start) = &self.start {
            let hz = 1e9 / start.period_ns.max(1) as f64;
            comments.push(format!("# engine: {} at {hz:.0} Hz", start.engine));
            if !start.fallback.is_empty() {
                comments.push(format!("# a better engine was not used: {}", start.fallback));
            }
        }
        let Some(totals) = &self.totals else { return comments };
        let lost = totals.dropped_ring.saturating_add(totals.dropped_cache).saturating_add(self.not_kept);
        if lost > 0 {
            let of = self.weight.saturating_add(lost);
            comments.insert(usize::from(incomplete.is_some()), format!("Lost: weight {lost} of {of}"));
        }
        comments.push(format!(
            "# cpu clock: process {} ns, of this agent {} ns, not sampled {} ns, ticks too late {} ns; samples {} ns",
            totals.process_cpu_ns,
            totals.agent_cpu_ns,
            totals.unsampled_cpu_ns,
            totals.late_cpu_ns,
            self.sampled_ns()
        ));
        comments.push(format!(
            "# samples: {} of weight {}; lost weight: ring full {}, no cache {}, too many stacks {}",
            self.samples, self.weight, totals.dropped_ring, totals.dropped_cache, self.not_kept
        ));
        comments.push(format!(
            "# walks: cut at the depth limit {}, lost before the root {}",
            totals.truncated, totals.lost_walks
        ));
        comments.push(format!(
            "# signals passed on {}; threads without a timer {}",
            totals.foreign_signals, totals.timer_failures
        ));
        // Samples that were lost or cut are in the lines above.
        for note in self.notes.iter().filter(|note| note.kind == NoteKind::Missing) {
            comments.push(format!("# missing: {}", missing_text(note)));
        }
        comments
    }
}

#[cfg(test)]
mod tests;

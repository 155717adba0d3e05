//! The parts of a `pprof-cpu` answer while they arrive: addresses become locations at once, because their modules
//! may be unloaded later.

use std::collections::HashMap;

use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::{End, Note};

use crate::budget::{Budget, Exhausted};
use crate::profile::locations::Locations;
use crate::profile::process::{FRAME_BYTES, Process, STACK_BYTES};
use crate::symbols::ModuleSymbols;

/// Maximum frames kept, over all distinct stacks. A real profile has a few thousand; an agent that keeps sending new
/// stacks must not fill our memory.
const MAX_KEPT_FRAMES: usize = 32 * 1024 * 1024;

/// A CPU profile that is being collected.
#[derive(Debug)]
pub struct CpuProfile {
    pub(super) process: Process,
    exhausted: Option<Exhausted>,
    pub(super) start: Option<CpuStart>,
    pub(super) totals: Option<CpuTotals>,
    pub(super) notes: Vec<Note>,
    pub(super) locations: Locations,
    /// Sum of weights by thread, stack and time.
    pub(super) weights: HashMap<(u32, Box<[u64]>, u64), u64>,
    /// Whether samples keep their times; otherwise the time of all is 0.
    pub(super) has_times: bool,
    kept_frames: usize,
    pub(super) weight: u64,
    pub(super) samples: u64,
    pub(super) not_kept: u64,
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
            has_times: false,
            kept_frames: 0,
            weight: 0,
            samples: 0,
            not_kept: 0,
        }
    }

    /// The same, whose samples keep the time at which they were taken, as a label. The file is as much larger as samples
    /// with the same stack are not joined.
    #[must_use]
    pub fn with_times(self, has_times: bool) -> CpuProfile {
        CpuProfile { has_times, ..self }
    }

    /// Takes the next part of the answer. Ignored after the budget is exhausted.
    pub fn add(&mut self, part: PprofCpuPart) {
        if self.exhausted.is_none() {
            self.exhausted = self.take(part).err();
        }
    }

    /// The budget that is charged for everything kept.
    pub fn budget(&self) -> &Budget {
        &self.process.budget
    }

    /// Which limit was reached, if any.
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

    /// Takes the end of the answer, whose notes on missing parts go into the comments of the file.
    pub fn end(&mut self, end: &End) {
        self.notes.clone_from(&end.notes);
    }

    /// How samples are taken, once it has arrived.
    pub fn start(&self) -> Option<&CpuStart> {
        self.start.as_ref()
    }

    /// Clocks and losses; `None` until the profile is complete.
    pub fn totals(&self) -> Option<&CpuTotals> {
        self.totals.as_ref()
    }

    /// Sum of the weights of all samples received so far.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Samples received so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Weight of samples that were not kept because the profile has too many different stacks.
    pub fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// CPU time that all samples account for, in nanoseconds.
    pub fn sampled_ns(&self) -> u64 {
        self.weight.saturating_mul(self.period_ns())
    }

    /// Which names each module with samples provides, and why not more.
    pub fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.locations.module_symbols()
    }

    pub(super) fn period_ns(&self) -> u64 {
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
            .map(|(position, avma)| match position {
                0 => self.locations.of_leaf(*avma),
                _ => self.locations.of(*avma, true),
            })
            .collect::<Result<_, _>>()?;
        let length = stack.len();
        let time_ns = if self.has_times { sample.time_ns } else { 0 };
        if let Some(sum) = self.weights.get_mut(&(sample.tid, stack.clone(), time_ns)) {
            *sum = sum.saturating_add(weight);
        } else if self.kept_frames + length <= MAX_KEPT_FRAMES {
            self.process.budget.charge(STACK_BYTES + FRAME_BYTES.saturating_mul(length as u64))?;
            self.kept_frames += length;
            self.weights.insert((sample.tid, stack, time_ns), weight);
        } else {
            self.not_kept = self.not_kept.saturating_add(weight);
        }
        Ok(())
    }
}

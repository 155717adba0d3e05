//! From the parts of a `pprof-cpu` answer to a profile: addresses become locations while they
//! arrive, because the modules they belong to may be unloaded later.

use std::collections::HashMap;
use std::path::PathBuf;

use rgops_protocol::reply::cpu::{CpuPart, CpuSample, CpuStart, CpuTotals, FIRST_NUMBERED_THREAD};
use rgops_protocol::reply::{End, Module, Note, NoteKind};

use super::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use super::strings::Strings;
use crate::report::text::{duration, hex};
use crate::symbols::{Detail, Frame, ModuleSymbols, Symbolizer};

/// Frames kept over all distinct stacks. A real profile has some thousands; an agent that sends
/// ever new stacks must not fill our memory.
const MAX_KEPT_FRAMES: usize = 32 * 1024 * 1024;

/// Whose profile it is.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Its name, for the comments.
    pub name: String,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// Build-id of its executable, which tells the executable among the modules.
    pub build_id: Vec<u8>,
    /// The process on this host, see [`Symbolizer::new`].
    pub local_pid: Option<u32>,
    /// Directories with symbol files, see [`Symbolizer::new`].
    pub symbol_directories: Vec<PathBuf>,
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
    start: Option<CpuStart>,
    totals: Option<CpuTotals>,
    notes: Vec<Note>,
    symbolizer: Symbolizer,
    strings: Strings,
    mappings: Vec<(Module, Mapping)>,
    locations: Vec<Location>,
    location_ids: HashMap<(u64, u64), u64>,
    functions: Vec<Function>,
    function_ids: HashMap<[i64; 3], u64>,
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
        let symbolizer = Symbolizer::new(&[], process.local_pid, &process.symbol_directories);
        CpuProfile {
            process,
            start: None,
            totals: None,
            notes: Vec::new(),
            symbolizer,
            strings: Strings::new(),
            mappings: Vec::new(),
            locations: Vec::new(),
            location_ids: HashMap::new(),
            functions: Vec::new(),
            function_ids: HashMap::new(),
            weights: HashMap::new(),
            kept_frames: 0,
            weight: 0,
            samples: 0,
            not_kept: 0,
        }
    }

    /// Takes the next part of the answer.
    pub fn add(&mut self, part: CpuPart) {
        match part {
            CpuPart::Start(start) => self.start = Some(start),
            CpuPart::Modules(modules) => self.symbolizer.set_modules(&modules),
            CpuPart::Samples(samples) => samples.iter().for_each(|sample| self.add_sample(sample)),
            CpuPart::Totals(totals) => self.totals = Some(totals),
        }
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
        self.symbolizer.module_symbols()
    }

    fn period_ns(&self) -> u64 {
        self.start.as_ref().map_or(0, |start| start.period_ns)
    }

    fn add_sample(&mut self, sample: &CpuSample) {
        let weight = u64::from(sample.weight);
        self.samples += 1;
        self.weight = self.weight.saturating_add(weight);
        let stack: Box<[u64]> = sample
            .stack
            .frames
            .iter()
            .enumerate()
            .map(|(position, avma)| self.location(*avma, position > 0))
            .collect();
        let length = stack.len();
        if let Some(sum) = self.weights.get_mut(&(sample.tid, stack.clone())) {
            *sum = sum.saturating_add(weight);
        } else if self.kept_frames + length <= MAX_KEPT_FRAMES {
            self.kept_frames += length;
            self.weights.insert((sample.tid, stack), weight);
        } else {
            self.not_kept = self.not_kept.saturating_add(weight);
        }
    }

    /// The location of an address. As profile.proto asks, the address of a caller lies within its
    /// call instruction: one byte before the return address.
    fn location(&mut self, avma: u64, is_return_address: bool) -> u64 {
        let address = if is_return_address { avma.wrapping_sub(1) } else { avma };
        let mapping = self.mapping(avma);
        let mapping_id = mapping.map_or(0, |index| self.mappings[index].1.id);
        if let Some(id) = self.location_ids.get(&(mapping_id, address)) {
            return *id;
        }
        let frames = self.symbolizer.shared_frames(avma, is_return_address);
        let mut line = Vec::new();
        if frames.iter().any(|frame| frame.function.is_some()) {
            line.extend(frames.iter().map(|frame| self.line(frame)));
        }
        if let Some(index) = mapping {
            let detail = self.symbolizer.symbols_of(avma).map_or(Detail::Nothing, |symbols| symbols.detail);
            let mapping = &mut self.mappings[index].1;
            let has_lines = line.iter().any(|line| line.line > 0);
            mapping.has_functions &= !line.is_empty();
            mapping.has_filenames |= has_lines;
            mapping.has_line_numbers |= has_lines;
            mapping.has_inline_frames |= detail == Detail::Lines;
        }
        let id = self.locations.len() as u64 + 1;
        self.locations.push(Location { id, mapping_id, address, line, is_folded: false });
        self.location_ids.insert((mapping_id, address), id);
        id
    }

    /// The index of the mapping an address is in.
    fn mapping(&mut self, avma: u64) -> Option<usize> {
        let module = self.symbolizer.module(avma)?;
        if let Some(index) = self.mappings.iter().position(|(known, _)| known == module) {
            return Some(index);
        }
        let path = module.path.strip_suffix(" (deleted)").unwrap_or(&module.path);
        let mapping = Mapping {
            id: self.mappings.len() as u64 + 1,
            memory_start: module.start_avma,
            memory_limit: module.end_avma,
            file_offset: 0,
            filename: self.strings.index(path),
            build_id: self.strings.index(&hex(&module.build_id)),
            // Taken back by the first location without a function: pprof then looks for the file.
            has_functions: true,
            has_filenames: false,
            has_line_numbers: false,
            has_inline_frames: false,
        };
        self.mappings.push((module.clone(), mapping));
        Some(self.mappings.len() - 1)
    }

    fn line(&mut self, frame: &Frame) -> Line {
        let name = self.strings.index(&frame.name());
        // Where both names are the same pprof takes the name for one of C++ and cuts what is between
        // `<` and `>`, which merges functions: without a mangled name the system name stays empty.
        let system_name = frame.mangled.as_deref().map_or(0, |mangled| self.strings.index(mangled));
        let filename = self.strings.index(frame.file.as_deref().unwrap_or(""));
        let next = self.functions.len() as u64 + 1;
        let function_id = *self.function_ids.entry([name, system_name, filename]).or_insert(next);
        if function_id == next {
            self.functions.push(Function { id: next, name, system_name, filename, start_line: 0 });
        }
        let column = frame.column.map_or(0, i64::from);
        Line { function_id, line: frame.line.map_or(0, i64::from), column }
    }

    /// The finished profile; `incomplete` says why it ended without its totals.
    pub fn build(mut self, incomplete: Option<&Incomplete>) -> Profile {
        let comment = self.comments(incomplete).iter().map(|comment| self.strings.index(comment)).collect();
        let period = i64::try_from(self.period_ns()).unwrap_or(i64::MAX);
        let thread_names: HashMap<u32, i64> = self
            .totals
            .iter()
            .flat_map(|totals| &totals.threads)
            .map(|thread| (thread.tid, self.strings.index(&thread.name)))
            .collect();
        let (thread, tid_key) = (self.strings.index("thread"), self.strings.index("tid"));
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
        let program = self.program();
        let mut mapping: Vec<Mapping> = self.mappings.iter().map(|(_, mapping)| *mapping).collect();
        if let Some(program) = program {
            mapping[..=program].rotate_right(1);
        }
        let mut value_type =
            |name, unit| ValueType { r#type: self.strings.index(name), unit: self.strings.index(unit) };
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
            mapping,
            location: self.locations,
            function: self.functions,
            string_table: self.strings.into_table(),
            time_nanos: self.start.as_ref().map_or(0, |start| i64::try_from(start.unix_ns).unwrap_or(0)),
            duration_nanos: i64::try_from(duration).unwrap_or(i64::MAX),
            period,
            comment,
            default_sample_type,
            ..Profile::default()
        }
    }

    /// The mapping of the executable, which pprof wants first: by its build-id, else the first that
    /// looks like a program.
    fn program(&self) -> Option<usize> {
        let by_id = |(module, _): &(Module, Mapping)| {
            !module.build_id.is_empty() && module.build_id == self.process.build_id
        };
        let looks_so =
            |(module, _): &(Module, Mapping)| module.path.starts_with('/') && !module.path.contains(".so");
        self.mappings.iter().position(by_id).or_else(|| self.mappings.iter().position(looks_so))
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
            comments.push(format!("# missing: {} {}: {}", note.count, note.what, note.why));
        }
        comments
    }
}

#[cfg(test)]
mod tests;

//! A profile of stacks that have names already, while it is built.

use std::collections::{BTreeMap, HashMap};

use rgops_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use rgops_pprof::write::Tables;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::Module;

use super::path::AsyncFrame;
use crate::budget::MOST_MODULES;
use crate::symbols::Frame;
use crate::text::{escape, hex};

/// What a profile counts, as Go's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `goroutine/count`.
    Goroutine,
    /// `threadcreate/count`.
    Threadcreate,
    /// `contentions/count`, `delay/nanoseconds`.
    Contention,
}

/// Samples with the same stack and the same labels are one.
type Key = (Vec<u64>, Vec<(i64, i64)>);

/// Tables and samples.
#[derive(Debug)]
pub(crate) struct Draft {
    tables: Tables,
    modules: Vec<(Module, Option<u64>)>,
    program: Option<u64>,
    natives: HashMap<u64, u64>,
    futures: HashMap<(u64, u32), u64>,
    samples: BTreeMap<Key, [i64; 2]>,
    comments: Vec<String>,
}

impl Draft {
    /// Without samples. The program is the first mapping, also if no address is in it.
    pub(crate) fn new(hello: &AgentHello, mut modules: Vec<Module>) -> Draft {
        modules.truncate(MOST_MODULES);
        let is_program = |module: &Module| {
            !module.build_id.is_empty() && module.build_id == hello.build_id && module.path.starts_with('/')
        };
        let program = modules.iter().find(|module| is_program(module)).cloned();
        let mut draft = Draft {
            tables: Tables::new(),
            modules: modules.into_iter().map(|module| (module, None)).collect(),
            program: None,
            natives: HashMap::new(),
            futures: HashMap::new(),
            samples: BTreeMap::new(),
            comments: Vec::new(),
        };
        draft.program = match program {
            Some(module) => draft.mapping(module.start_avma),
            None => {
                let filename = draft.tables.text(&escape(&hello.name));
                let build_id = draft.tables.text(&hex(&hello.build_id));
                let mapping = Mapping { filename, build_id, has_functions: true, ..Mapping::default() };
                Some(draft.tables.add_mapping(mapping))
            }
        };
        draft.comment(format!("# rgops {}: pid {} {}", env!("CARGO_PKG_VERSION"), hello.pid, hello.name));
        draft
    }

    /// A remark for readers of the file. pprof prints those without `#` above every report.
    pub(crate) fn comment(&mut self, comment: impl Into<String>) {
        self.comments.push(comment.into());
    }

    /// The locations of a native stack. `frames` has those of all addresses, inlined ones included.
    pub(crate) fn native(&mut self, addresses: &[u64], frames: &[Frame]) -> Vec<u64> {
        let calls = frames.split_inclusive(|frame| !frame.is_inlined);
        let mut stack = Vec::with_capacity(addresses.len());
        for (place, (avma, frames)) in addresses.iter().zip(calls).enumerate() {
            // As profile.proto requires, the address of a caller is inside its call instruction.
            let address = if place == 0 { *avma } else { avma.wrapping_sub(1) };
            let id = match self.natives.get(&address) {
                Some(id) => *id,
                None => {
                    let id = self.native_location(*avma, address, frames);
                    self.natives.insert(address, id);
                    id
                }
            };
            stack.push(id);
        }
        if stack.is_empty() {
            stack.push(self.named("<stack not captured>"));
        }
        stack
    }

    fn native_location(&mut self, avma: u64, address: u64, frames: &[Frame]) -> u64 {
        let mapping_id = self.mapping(avma).unwrap_or(0);
        let mut line = Vec::new();
        if frames.iter().any(|frame| frame.function.is_some() || frame.function_offset.is_some()) {
            for frame in frames {
                let name = self.tables.text(&frame.name());
                let system_name = frame.mangled.as_deref().map_or(0, |mangled| self.tables.text(mangled));
                let filename = self.tables.text(frame.file.as_deref().unwrap_or(""));
                let function = Function { name, system_name, filename, ..Function::default() };
                let function_id = self.tables.add_function(function);
                let column = frame.column.map_or(0, i64::from);
                line.push(Line { function_id, line: frame.line.map_or(0, i64::from), column });
            }
        }
        if let Some(mapping) = self.tables.mapping_mut(mapping_id) {
            let has_lines = line.iter().any(|line| line.line > 0);
            mapping.has_functions &= frames.iter().any(|frame| frame.function.is_some());
            mapping.has_filenames |= has_lines;
            mapping.has_line_numbers |= has_lines;
            mapping.has_inline_frames |= has_lines;
        }
        self.tables.add_location(Location { mapping_id, address, line, ..Location::default() })
    }

    /// The locations of an async stack: they have no address, since no code is there.
    pub(crate) fn futures(&mut self, frames: &[AsyncFrame]) -> Vec<u64> {
        frames.iter().map(|frame| self.future(frame)).collect()
    }

    /// The location of a frame that only explains.
    pub(crate) fn named(&mut self, name: &str) -> u64 {
        self.future(&AsyncFrame::named(name))
    }

    fn future(&mut self, frame: &AsyncFrame) -> u64 {
        let (name, filename) = (self.tables.text(&frame.name), self.tables.text(&frame.file));
        let function_id = self.tables.add_function(Function { name, filename, ..Function::default() });
        if let Some(id) = self.futures.get(&(function_id, frame.line)) {
            return *id;
        }
        let line = vec![Line { function_id, line: i64::from(frame.line), column: 0 }];
        let id = self.tables.add_location(Location { line, ..Location::default() });
        self.futures.insert((function_id, frame.line), id);
        id
    }

    fn mapping(&mut self, avma: u64) -> Option<u64> {
        let is_in = |(module, _): &&mut (Module, _)| (module.start_avma..module.end_avma).contains(&avma);
        let (module, id) = self.modules.iter_mut().find(is_in)?;
        if id.is_none() {
            let path = module.path.strip_suffix(" (deleted)").unwrap_or(&module.path);
            let mapping = Mapping {
                memory_start: module.start_avma,
                memory_limit: module.end_avma,
                filename: self.tables.text(path),
                build_id: self.tables.text(&hex(&module.build_id)),
                // Cleared at the first location without a function: then pprof searches for the file.
                has_functions: true,
                ..Mapping::default()
            };
            *id = Some(self.tables.add_mapping(mapping));
        }
        *id
    }

    /// Counts a stack. Of a profile with one type, only the first value.
    pub(crate) fn add(&mut self, stack: Vec<u64>, labels: &[(&str, &str)], values: [i64; 2]) {
        let tables = &mut self.tables;
        let labels = labels.iter().filter(|(_, value)| !value.is_empty());
        let labels = labels.map(|(key, value)| (tables.text(key), tables.text(&escape(value)))).collect();
        let sums = self.samples.entry((stack, labels)).or_default();
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.saturating_add(value);
        }
    }

    /// The profile. Times in nanoseconds, the first since the Unix epoch; a duration of 0 for one moment.
    pub(crate) fn finish(mut self, kind: Kind, unix_ns: u64, duration_ns: u64) -> Profile {
        let tables = &mut self.tables;
        let mut value_type = |name, unit| ValueType { r#type: tables.text(name), unit: tables.text(unit) };
        let sample_type = match kind {
            Kind::Goroutine => vec![value_type("goroutine", "count")],
            Kind::Threadcreate => vec![value_type("threadcreate", "count")],
            Kind::Contention => vec![value_type("contentions", "count"), value_type("delay", "nanoseconds")],
        };
        let default_sample_type = sample_type.last().map_or(0, |last| last.r#type);
        let period_type = sample_type.first().copied();
        let mut sample: Vec<Sample> = Vec::with_capacity(self.samples.len());
        for ((location_id, labels), values) in self.samples {
            let label = labels.into_iter().map(|(key, str)| Label { key, str, ..Label::default() }).collect();
            sample.push(Sample { location_id, value: values[..sample_type.len()].to_vec(), label });
        }
        sample.sort_by(|left, right| right.value.last().cmp(&left.value.last()));
        let comment = self.comments.iter().map(|comment| self.tables.text(&escape(comment))).collect();
        Profile {
            sample_type,
            sample,
            period_type,
            period: 1,
            time_nanos: i64::try_from(unix_ns).unwrap_or(i64::MAX),
            duration_nanos: i64::try_from(duration_ns).unwrap_or(i64::MAX),
            comment,
            default_sample_type,
            ..self.tables.into_profile(self.program)
        }
    }
}

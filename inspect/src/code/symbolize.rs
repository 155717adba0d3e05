//! Names for a profile that was saved without them: functions, lines and inlined calls from files with the build-ids
//! that the profile states.

use std::collections::HashMap;

use rgops_dwarf::{Budget, Exhausted};
use rgops_pprof::profile::{Function, FunctionId, Line, Mapping, MappingId};
use rgops_pprof::{Profile, Stop};
use rgops_protocol::reply::Module;

use super::demangle::demangle;
use super::located::Finders;
use super::mapped::Mapped;
use super::mode::{Demangle, Mode};
use super::settings::FileSettings;
use crate::budget::MOST_MODULES;
use crate::symbols::{Detail, Frame, ModuleSymbols, Symbolizer};

/// Bytes charged for a location, and for a function.
const LOCATION_BYTES: u64 = 512;
/// Locations named between two questions whether to stop.
const AT_A_TIME: usize = 256;

/// Why a module has no names when `stop` said so.
const STOPPED: &str = "it was stopped";

/// What was found for a module of a profile.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NamedModule {
    /// Its build-id in hexadecimal digits; empty if the profile states none.
    pub build_id: String,
    /// Addresses of the profile in it.
    pub addresses: usize,
    /// Those that had lines before.
    pub had_lines: usize,
    /// Those that got names of functions now.
    pub named: usize,
    /// The file that was used, and why names are missing.
    pub symbols: ModuleSymbols,
}

/// Names the functions of a profile as `mode` says, from the files that `settings` lead to, those that the mappings
/// name, and the debug files that belong to them. Returns what was found for each mapping with addresses. What no memory
/// or time was left for stays without names, and its mapping says so; so does all that is left when `stop` says so.
pub fn symbolize(
    mut profile: Profile,
    mode: Mode,
    settings: &FileSettings,
    budget: &Budget,
    stop: Stop<'_>,
) -> (Profile, Vec<NamedModule>) {
    let mut modules = Vec::new();
    if mode.is_local {
        modules =
            Naming { profile: &mut profile, mode, budget, functions: HashMap::new() }.run(settings, stop);
    }
    if let Some(how) = mode.demangle {
        demangle(&mut profile, how, mode.is_forced);
    }
    (profile, modules)
}

/// Mappings that do not overlap, whose files are searched in the same place.
struct Round {
    process: Option<u32>,
    mappings: Vec<Named>,
}

/// A mapping with the locations in it.
struct Named {
    mapping: MappingId,
    locations: Vec<usize>,
    module: Module,
}

impl Round {
    /// Whether a module overlaps none. Those of merged profiles may be of different processes.
    fn fits(&self, module: &Module, process: Option<u32>) -> bool {
        let is_apart =
            |other: &Module| module.end_avma <= other.start_avma || other.end_avma <= module.start_avma;
        self.process == process && self.mappings.iter().all(|other| is_apart(&other.module))
    }
}

/// Mappings that were not looked at.
#[derive(Default)]
struct LeftOut {
    mappings: usize,
    addresses: usize,
    had_lines: usize,
}

impl LeftOut {
    fn add(&mut self, profile: &Profile, locations: &[usize]) {
        self.mappings += 1;
        self.addresses += locations.len();
        self.had_lines += locations.iter().filter(|at| !profile.locations[**at].lines.is_empty()).count();
    }

    /// All of them as one module; `None` if there are none.
    fn named(self, why: String) -> Option<NamedModule> {
        let LeftOut { mappings, addresses, had_lines } = self;
        let module = match mappings {
            0 => return None,
            1 => "1 other mapping".to_owned(),
            _ => format!("{mappings} other mappings"),
        };
        let symbols = ModuleSymbols { reason: why, ..nothing(&module) };
        Some(NamedModule { build_id: String::new(), addresses, had_lines, named: 0, symbols })
    }
}

struct Naming<'p> {
    profile: &'p mut Profile,
    mode: Mode,
    budget: &'p Budget,
    functions: HashMap<Function, FunctionId>,
}

impl Naming<'_> {
    fn run(mut self, settings: &FileSettings, stop: Stop<'_>) -> Vec<NamedModule> {
        let mut by_mapping: Vec<Vec<usize>> = vec![Vec::new(); self.profile.mappings.len()];
        for (at, location) in self.profile.locations.iter().enumerate() {
            let of = location.mapping.and_then(|mapping| by_mapping.get_mut(mapping.0 as usize));
            if let Some(of) = of.filter(|_| location.address != 0) {
                of.push(at);
            }
        }
        let finders = Finders::new(settings, self.budget);
        let mut rounds: Vec<Round> = Vec::new();
        let mut modules = Vec::new();
        let mut left_out = [LeftOut::default(), LeftOut::default()];
        for (at, locations) in by_mapping.into_iter().enumerate() {
            let mapping = self.profile.mappings[at];
            let is_named = mapping.has_functions && mapping.has_filenames && mapping.has_line_numbers;
            if locations.is_empty() || is_named && !self.mode.is_forced {
                continue;
            }
            let is_stopped = stop.check().is_err();
            if is_stopped || at >= MOST_MODULES {
                left_out[usize::from(is_stopped)].add(self.profile, &locations);
                continue;
            }
            let (path, build_id) = self.texts(MappingId(at as u32));
            let Mapping { start, limit, offset, .. } = mapping;
            let mapped = Mapped { start, limit, offset, path: &path, build_id: &build_id };
            let located = finders.locate(&mapped, false);
            let mapping = Named { mapping: MappingId(at as u32), locations, module: located.module };
            match rounds.iter_mut().find(|round| round.fits(&mapping.module, located.process)) {
                Some(round) => round.mappings.push(mapping),
                None => rounds.push(Round { process: located.process, mappings: vec![mapping] }),
            }
        }
        for round in rounds {
            let all: Vec<Module> = round.mappings.iter().map(|mapping| mapping.module.clone()).collect();
            let directories = &settings.symbol_directories;
            let mut symbolizer = Symbolizer::with_budget(&all, round.process, directories, self.budget);
            for mapping in &round.mappings {
                let module = self.name(mapping.mapping, &mapping.locations, &mut symbolizer, stop);
                symbolizer.close(mapping.module.start_avma);
                modules.push((mapping.mapping, module));
            }
        }
        modules.sort_by_key(|(mapping, _)| *mapping);
        let whys = [format!("only the first {MOST_MODULES} mappings are named"), STOPPED.to_owned()];
        let left_out = left_out.into_iter().zip(whys).filter_map(|(left_out, why)| left_out.named(why));
        modules.into_iter().map(|(_, module)| module).chain(left_out).collect()
    }

    fn texts(&self, mapping: MappingId) -> (String, String) {
        let mapping = self.profile.mapping(mapping);
        (self.profile.text(mapping.file).to_owned(), self.profile.text(mapping.build_id).to_owned())
    }

    fn name(
        &mut self,
        id: MappingId,
        locations: &[usize],
        symbolizer: &mut Symbolizer,
        stop: Stop<'_>,
    ) -> NamedModule {
        let (path, build_id) = self.texts(id);
        let mut symbols = None;
        let (mut had_lines, mut named) = (0, 0);
        let mut why = String::new();
        for (count, at) in locations.iter().enumerate() {
            if count % AT_A_TIME == 0 && stop.check().is_err() {
                why = STOPPED.to_owned();
                break;
            }
            let location = &self.profile.locations[*at];
            let has_file = |line: &Line| !self.profile.function(line.function).file.is_empty();
            if location.lines.iter().any(has_file) && !self.mode.is_forced {
                had_lines += 1;
                continue;
            }
            // The address is already within the call (profile.proto).
            let address = location.address;
            let frames = symbolizer.shared_frames(address, false);
            symbols = symbolizer.symbols_of(address).cloned().or(symbols);
            if frames.iter().all(|frame| frame.function.is_none()) {
                continue;
            }
            if let Err(limit) = self.charge(frames.len()) {
                why = limit.to_string();
                break;
            }
            let lines = frames.iter().map(|frame| self.line(frame)).collect();
            self.profile.locations[*at].lines = lines;
            named += 1;
        }
        if named > 0 {
            let has_lines = symbols.as_ref().is_some_and(|symbols| symbols.detail == Detail::Lines);
            let of = &mut self.profile.mappings[id.0 as usize];
            of.has_functions |= named + had_lines == locations.len();
            of.has_filenames |= has_lines;
            of.has_line_numbers |= has_lines;
            of.has_inline_frames |= has_lines;
        }
        let mut symbols = ModuleSymbols { module: path.clone(), ..symbols.unwrap_or_else(|| nothing(&path)) };
        if !why.is_empty() {
            symbols.reason = why;
        } else if path.starts_with('[') {
            // The kernel maps it: nothing can be done about that.
            symbols.reason.clear();
        }
        NamedModule { build_id, addresses: locations.len(), had_lines, named, symbols }
    }

    fn charge(&self, frames: usize) -> Result<(), Exhausted> {
        self.budget.check_time()?;
        self.budget.charge(LOCATION_BYTES * (1 + frames as u64))
    }

    fn line(&mut self, frame: &Frame) -> Line {
        let texts = &mut self.profile.texts;
        let system_name = texts.intern(frame.mangled.as_deref().unwrap_or_default());
        let name = match (self.mode.demangle, &frame.mangled) {
            (Some(Demangle::None), Some(mangled)) => texts.intern(mangled),
            _ => texts.intern(&frame.name()),
        };
        let file = texts.intern(frame.file.as_deref().unwrap_or_default());
        let wanted = Function { name, system_name, file, start_line: 0 };
        let functions = &mut self.profile.functions;
        let function = *self.functions.entry(wanted).or_insert_with(|| {
            functions.push(wanted);
            FunctionId((functions.len() - 1) as u32)
        });
        Line { function, line: frame.line.map_or(0, i64::from), column: frame.column.map_or(0, i64::from) }
    }
}

fn nothing(path: &str) -> ModuleSymbols {
    ModuleSymbols {
        module: path.to_owned(),
        file: None,
        detail: Detail::Nothing,
        reason: String::new(),
        fix: String::new(),
    }
}

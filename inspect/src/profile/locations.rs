//! The tables of a profile while it is built: addresses become locations, with their functions and
//! mappings, each once.
//!
//! They are looked up while an answer arrives, because the modules they are in may be unloaded later.

use std::collections::HashMap;

use rgops_protocol::reply::Module;

use super::cpu::Process;
use super::proto::{Function, Line, Location, Mapping, Profile};
use super::strings::Strings;
use crate::budget::{Budget, Exhausted};
use crate::symbols::{Detail, Frame, ModuleSymbols, Symbolizer};
use crate::text::hex;

/// What a location costs in bytes, with its place in all tables, the symbolizer's included, and in the
/// tables that `top` makes; what each function at it costs; and what a function costs that is new, besides
/// its texts. Measured with the shapes of `p26_hostile_process.rs`.
const LOCATION_BYTES: u64 = 512;
const LINE_BYTES: u64 = 256;
const FUNCTION_BYTES: u64 = 512;
/// Times a text is held: here, in the symbolizer's frames, in `top`, and in the encoded file.
const TEXT_COPIES: u64 = 6;

/// Locations, functions, mappings and texts of one profile.
#[derive(Debug)]
pub(crate) struct Locations {
    budget: Budget,
    symbolizer: Symbolizer,
    strings: Strings,
    mappings: Vec<(Module, Mapping)>,
    locations: Vec<Location>,
    /// By mapping, address, and how many of the innermost functions there are left out.
    ids: HashMap<(u64, u64, usize), u64>,
    functions: Vec<Function>,
    function_ids: HashMap<[i64; 3], u64>,
}

impl Locations {
    pub(crate) fn new(process: &Process) -> Locations {
        Locations {
            budget: process.budget.clone(),
            symbolizer: Symbolizer::with_budget(
                &[],
                process.local_pid,
                &process.symbol_directories,
                &process.budget,
            ),
            strings: Strings::new(),
            mappings: Vec::new(),
            locations: Vec::new(),
            ids: HashMap::new(),
            functions: Vec::new(),
            function_ids: HashMap::new(),
        }
    }

    /// Replaces the list of loaded modules.
    ///
    /// # Errors
    /// When there is no memory, or time, for them.
    pub(crate) fn set_modules(&mut self, modules: &[Module]) -> Result<(), Exhausted> {
        let modules = self.budget.charge_modules(modules)?;
        self.symbolizer.set_modules(modules);
        Ok(())
    }

    /// What each module with locations gave for names, and why not more.
    pub(crate) fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.symbolizer.module_symbols()
    }

    /// The texts, for what else is in the profile.
    pub(crate) fn strings(&mut self) -> &mut Strings {
        &mut self.strings
    }

    /// Names of the functions at an address, innermost first; see [`Symbolizer::shared_frames`].
    pub(crate) fn frames(&mut self, avma: u64, is_return_address: bool) -> std::sync::Arc<[Frame]> {
        self.symbolizer.shared_frames(avma, is_return_address)
    }

    /// The location of an address. As profile.proto asks, the address of a caller lies within its
    /// call instruction: one byte before the return address.
    ///
    /// # Errors
    /// When there is no memory, or time, for another one.
    pub(crate) fn of(&mut self, avma: u64, is_return_address: bool) -> Result<u64, Exhausted> {
        self.without_innermost(avma, is_return_address, 0)
    }

    /// The same, of which so many of the functions inlined there are left out, innermost first; the
    /// function that was really called always stays.
    ///
    /// # Errors
    /// As [`Locations::of`].
    pub(crate) fn without_innermost(
        &mut self,
        avma: u64,
        is_return_address: bool,
        left_out: usize,
    ) -> Result<u64, Exhausted> {
        let address = if is_return_address { avma.wrapping_sub(1) } else { avma };
        let mapping = self.mapping(avma);
        let mapping_id = mapping.map_or(0, |index| self.mappings[index].1.id);
        if let Some(id) = self.ids.get(&(mapping_id, address, left_out)) {
            return Ok(*id);
        }
        self.budget.check_time()?;
        let frames = self.symbolizer.shared_frames(avma, is_return_address);
        self.budget.charge(LOCATION_BYTES + LINE_BYTES.saturating_mul(frames.len() as u64))?;
        let mut line = Vec::new();
        if frames.iter().any(|frame| frame.function.is_some()) {
            for frame in &frames[left_out.min(frames.len() - 1)..] {
                line.push(self.line(frame)?);
            }
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
        self.ids.insert((mapping_id, address, left_out), id);
        Ok(id)
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

    fn line(&mut self, frame: &Frame) -> Result<Line, Exhausted> {
        let name = self.strings.index(&frame.name());
        // Where both names are the same pprof takes the name for one of C++ and cuts what is between
        // `<` and `>`, which merges functions: without a mangled name the system name stays empty.
        let system_name = frame.mangled.as_deref().map_or(0, |mangled| self.strings.index(mangled));
        let filename = self.strings.index(frame.file.as_deref().unwrap_or(""));
        let next = self.functions.len() as u64 + 1;
        let function_id = *self.function_ids.entry([name, system_name, filename]).or_insert(next);
        if function_id == next {
            let texts = [&frame.function, &frame.mangled, &frame.file].into_iter().flatten();
            let texts: usize = texts.map(|text| text.len()).sum();
            self.budget.charge(FUNCTION_BYTES + TEXT_COPIES.saturating_mul(texts as u64))?;
            self.functions.push(Function { id: next, name, system_name, filename, start_line: 0 });
        }
        let column = frame.column.map_or(0, i64::from);
        Ok(Line { function_id, line: frame.line.map_or(0, i64::from), column })
    }

    /// A profile of these tables, without samples; `build_id` is that of the executable.
    pub(crate) fn into_profile(self, build_id: &[u8]) -> Profile {
        let program = self.program(build_id);
        let mut mapping: Vec<Mapping> = self.mappings.iter().map(|(_, mapping)| *mapping).collect();
        if let Some(program) = program {
            mapping[..=program].rotate_right(1);
        }
        Profile {
            mapping,
            location: self.locations,
            function: self.functions,
            string_table: self.strings.into_table(),
            ..Profile::default()
        }
    }

    /// The mapping of the executable, which pprof wants first: by its build-id, else the first that
    /// looks like a program.
    fn program(&self, build_id: &[u8]) -> Option<usize> {
        let by_id =
            |(module, _): &(Module, Mapping)| !module.build_id.is_empty() && module.build_id == build_id;
        let looks_so =
            |(module, _): &(Module, Mapping)| module.path.starts_with('/') && !module.path.contains(".so");
        self.mappings.iter().position(by_id).or_else(|| self.mappings.iter().position(looks_so))
    }
}

//! The tables of a profile while it is built: addresses become locations, with their functions and
//! mappings, each once.
//!
//! They are added while an answer arrives, because their modules may be unloaded later.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_pprof::proto::{Function, Line, Location, Mapping, Profile};
use rgops_pprof::write::Tables;
use rgops_protocol::reply::{Module, Unavailable};

use super::process::Process;
use crate::budget::{self, Budget, Exhausted};
use crate::symbols::{CodePlace, Detail, Frame, ModuleSymbols, Symbolizer};
use crate::text::hex;

/// Bytes charged for a location in all tables, including those of the symbolizer and of `top`; for each function at a
/// location; and for each new function, besides its texts. Measured with the shapes of the tests in `p26_hostile_process`.
const LOCATION_BYTES: u64 = 512;
const LINE_BYTES: u64 = 256;
const FUNCTION_BYTES: u64 = 512;
/// Bytes charged for where a leaf is.
const LEAF_BYTES: u64 = 96;
/// Copies of a text: here, in the frames of the symbolizer, in `top`, and in the encoded file.
const TEXT_COPIES: u64 = 6;

/// Locations, functions, mappings and texts of one profile.
#[derive(Debug)]
pub(crate) struct Locations {
    budget: Budget,
    symbolizer: Symbolizer,
    tables: Tables,
    /// The module of each mapping, and its id in the tables.
    mappings: Vec<(Module, u64)>,
    /// By mapping, address, and number of omitted innermost functions.
    ids: HashMap<(u64, u64, usize), u64>,
    /// Where the leaves of stacks are in their modules, by location; `None` for code of no module.
    leaves: HashMap<u64, Option<CodePlace>>,
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
            tables: Tables::new(),
            mappings: Vec::new(),
            ids: HashMap::new(),
            leaves: HashMap::new(),
        }
    }

    /// Replaces the list of loaded modules.
    ///
    /// # Errors
    /// When memory or time does not suffice for them.
    pub(crate) fn set_modules(&mut self, modules: &[Module]) -> Result<(), Exhausted> {
        let modules = budget::charge_modules(&self.budget, modules)?;
        self.symbolizer.set_modules(modules);
        Ok(())
    }

    /// Which names each module with locations provides, and why not more.
    pub(crate) fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.symbolizer.module_symbols()
    }

    /// The tables, to add other parts of the profile.
    pub(crate) fn tables(&mut self) -> &mut Tables {
        &mut self.tables
    }

    /// Names of the functions at an address, innermost first; see [`Symbolizer::shared_frames`].
    pub(crate) fn frames(&mut self, avma: u64, is_return_address: bool) -> std::sync::Arc<[Frame]> {
        self.symbolizer.shared_frames(avma, is_return_address)
    }

    /// The location of an address. As profile.proto requires, the address of a caller is inside its call
    /// instruction: one byte before the return address.
    ///
    /// # Errors
    /// When memory or time does not suffice for another one.
    pub(crate) fn of(&mut self, avma: u64, is_return_address: bool) -> Result<u64, Exhausted> {
        self.without_innermost(avma, is_return_address, 0)
    }

    /// The location of the leaf of a stack.
    ///
    /// # Errors
    /// As [`Locations::of`].
    pub(crate) fn of_leaf(&mut self, avma: u64) -> Result<u64, Exhausted> {
        let id = self.of(avma, false)?;
        if !self.leaves.contains_key(&id) {
            self.budget.charge(LEAF_BYTES)?;
            self.leaves.insert(id, self.symbolizer.code_place(avma));
        }
        Ok(id)
    }

    /// For each location of a leaf whether it is at a system call, or why that is not known. Code of no module makes
    /// none.
    pub(crate) fn leaves_at_system_calls(&self) -> HashMap<u64, Result<bool, Arc<Unavailable>>> {
        let (ids, places): (Vec<u64>, Vec<CodePlace>) =
            self.leaves.iter().filter_map(|(id, place)| Some((*id, (*place)?))).unzip();
        ids.into_iter().zip(self.symbolizer.at_system_calls(&places)).collect()
    }

    /// [`Locations::of`] without a number of the innermost inlined functions. The function that was really called is
    /// always kept.
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
        let mapping_id = mapping.unwrap_or(0);
        if let Some(id) = self.ids.get(&(mapping_id, address, left_out)) {
            return Ok(*id);
        }
        self.budget.check_time()?;
        let frames = self.symbolizer.shared_frames(avma, is_return_address);
        self.budget.charge(LOCATION_BYTES + LINE_BYTES.saturating_mul(frames.len() as u64))?;
        let mut line = Vec::new();
        // A function without a name has that of its first byte: one row a function.
        if frames.iter().any(|frame| frame.function_offset.is_some()) {
            for frame in &frames[left_out.min(frames.len() - 1)..] {
                line.push(self.line(frame)?);
            }
        }
        if let Some(mapping) = self.tables.mapping_mut(mapping_id) {
            let detail = self.symbolizer.symbols_of(avma).map_or(Detail::Nothing, |symbols| symbols.detail);
            let has_lines = line.iter().any(|line| line.line > 0);
            mapping.has_functions &= frames.iter().any(|frame| frame.function.is_some());
            mapping.has_filenames |= has_lines;
            mapping.has_line_numbers |= has_lines;
            mapping.has_inline_frames |= detail == Detail::Lines;
        }
        let location = Location { mapping_id, address, line, ..Location::default() };
        let id = self.tables.add_location(location);
        self.ids.insert((mapping_id, address, left_out), id);
        Ok(id)
    }

    /// The id of the mapping that contains an address.
    fn mapping(&mut self, avma: u64) -> Option<u64> {
        let module = self.symbolizer.module(avma)?;
        if let Some((_, id)) = self.mappings.iter().find(|(known, _)| known == module) {
            return Some(*id);
        }
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
        let id = self.tables.add_mapping(mapping);
        self.mappings.push((module.clone(), id));
        Some(id)
    }

    fn line(&mut self, frame: &Frame) -> Result<Line, Exhausted> {
        let name = self.tables.text(&frame.name());
        // If both names are equal, pprof treats the name as C++ and removes the text between `<` and `>`, which
        // merges functions. So without a mangled name, the system name stays empty.
        let system_name = frame.mangled.as_deref().map_or(0, |mangled| self.tables.text(mangled));
        let filename = self.tables.text(frame.file.as_deref().unwrap_or(""));
        let function_id = match self.tables.function_id(name, system_name, filename) {
            Some(id) => id,
            None => {
                let texts = [&frame.function, &frame.mangled, &frame.file].into_iter().flatten();
                let texts: usize = texts.map(|text| text.len()).sum();
                self.budget.charge(FUNCTION_BYTES + TEXT_COPIES.saturating_mul(texts as u64))?;
                self.tables.add_function(Function { name, system_name, filename, ..Function::default() })
            }
        };
        let column = frame.column.map_or(0, i64::from);
        Ok(Line { function_id, line: frame.line.map_or(0, i64::from), column })
    }

    /// A profile of these tables, without samples; `build_id` is that of the executable.
    pub(crate) fn into_profile(mut self, build_id: &[u8]) -> Profile {
        // Without samples there is the program, too, so that the profile has a name.
        if self.mappings.is_empty() {
            let program = self.symbolizer.modules().find(|module| {
                !module.build_id.is_empty() && module.build_id == build_id && module.path.starts_with('/')
            });
            if let Some(start) = program.map(|module| module.start_avma) {
                self.mapping(start);
            }
        }
        let program = self.program(build_id);
        self.tables.into_profile(program)
    }

    /// The mapping of the executable, which pprof expects first: found by its build-id, otherwise the first that
    /// looks like a program.
    fn program(&self, build_id: &[u8]) -> Option<u64> {
        let by_id = |(module, _): &&(Module, u64)| !module.build_id.is_empty() && module.build_id == build_id;
        let looks_so =
            |(module, _): &&(Module, u64)| module.path.starts_with('/') && !module.path.contains(".so");
        let program = self.mappings.iter().find(by_id).or_else(|| self.mappings.iter().find(looks_so));
        program.map(|(_, id)| *id)
    }
}

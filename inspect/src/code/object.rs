//! An object file: its functions, their instructions, and the lines that these belong to.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use rgops_dwarf::elf::Elf;
use rgops_dwarf::{Budget, Charge, SymbolTables, Work, read_range};
use rgops_pprof::Stop;
use rgops_pprof::environment::{Code, CodeFrame, Instruction};
use rgops_protocol::received::{SYMBOL_CHARACTERS, cut};

use super::listed::{Asked, Listed};
use super::located::Finders;
use super::mapped::Mapped;
use super::settings::FileSettings;
use super::x86::{Syntax, disassemble};
use crate::debuginfod;
use crate::files::{Checked, within};
use crate::symbols::{Detail, Frame, Symbolizer, demangle};

/// `EM_X86_64`, `EM_AARCH64`.
const X86_64: u64 = 62;
const AARCH64: u64 = 183;
/// Bytes of code that are read at once.
const MOST_CODE: u64 = 16 << 20;
/// Bytes charged for an instruction, besides its text.
const INSTRUCTION_BYTES: u64 = 128;
/// Bytes of names at targets in the instructions that are made at once; behind them longer names are cut to so many
/// characters.
const MOST_TARGET_BYTES: usize = 4 << 20;
const SHORT_TARGET: usize = 256;
/// Instructions between two questions whether to stop.
const AT_A_TIME: usize = 256;

/// An open object file.
pub(super) struct Object {
    path: String,
    elf: Elf,
    code: Arc<Checked>,
    tables: SymbolTables,
    symbolizer: Mutex<Symbolizer>,
    /// Its functions, listed when they are first asked for.
    listed: Mutex<Option<Arc<Listed>>>,
    /// What to add to an address as stated in the file to get the one in memory.
    pub(super) bias: u64,
    budget: Budget,
}

impl Object {
    /// Opens the object file of a mapping, and what belongs to it.
    pub(super) fn open(
        mapped: &Mapped<'_>,
        settings: &FileSettings,
        finders: &Finders<'_>,
        budget: &Budget,
    ) -> Result<Object, String> {
        if mapped.path.is_empty() {
            return Err("the profile does not name the object file".to_owned());
        }
        let located = finders.locate(mapped, true);
        let (finder, module) = (finders.of(&located), &located.module);
        let found = finder.complete(module, finder.find(module), debuginfod::WHOLE);
        let Some(code) = found.code.clone() else {
            let (reason, fix) = found.explain(Detail::Nothing);
            let fix = if fix.is_empty() { fix } else { format!("; {fix}") };
            return Err(format!("{}: {reason}{fix}", mapped.path));
        };
        let named = found.file.map(|file| file.opened().clone()).unwrap_or_else(|| code.clone());
        let (own, work, file) = (budget.clone(), Work::new(budget), code.clone());
        let read = move || {
            let elf = Elf::read(&*file, &own).map_err(String::from)?;
            Ok((elf, SymbolTables::read(&*named, &work).unwrap_or_default()))
        };
        let why = |why: String| format!("{}: {why}", mapped.path);
        let (elf, tables) = within(budget, read).map_err(String::from).and_then(|read| read).map_err(why)?;
        let bias = module.bias;
        let symbolizer = Symbolizer::with_budget(
            std::slice::from_ref(module),
            located.process,
            &settings.symbol_directories,
            budget,
        );
        let (path, symbolizer) = (mapped.path.to_owned(), Mutex::new(symbolizer));
        let listed = Mutex::default();
        Ok(Object { path, elf, code, tables, symbolizer, listed, bias, budget: budget.clone() })
    }

    /// The functions that are wanted by a name, or that contain an address in memory.
    pub(super) fn functions(
        &self,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        avma: Option<u64>,
        stop: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        let asked =
            Asked { is_wanted, address: avma.map(|avma| avma.wrapping_sub(self.bias)), bias: self.bias };
        let found =
            self.listed(stop).and_then(|listed| listed.find(&asked, &self.tables, &self.budget, stop));
        found.map_err(|why| format!("{}: {why}", self.path))
    }

    fn listed(&self, stop: Stop<'_>) -> Result<Arc<Listed>, String> {
        let mut known = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = &*known {
            return Ok(listed.clone());
        }
        // That a limit was reached is not kept: later there may be more.
        let listed = Arc::new(Listed::new(&self.elf, &self.tables, &self.budget, stop)?);
        *known = Some(listed.clone());
        Ok(listed)
    }

    /// The instructions from `start` to `end`.
    pub(super) fn instructions(
        &self,
        start: u64,
        end: u64,
        syntax: Syntax,
        stop: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        match self.elf.machine {
            X86_64 if self.elf.is_64 => {}
            AARCH64 => return Err(format!("{}: instructions of aarch64 are not supported here", self.path)),
            _ => return Err(format!("{}: only instructions of x86-64 are supported", self.path)),
        }
        let bytes = self.bytes(start, end).map_err(|why| format!("{}: {why}", self.path))?;
        let mut symbolizer = self.symbolizer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut instructions: Vec<Instruction> = Vec::new();
        // Of those that are made here; a report keeps them only while it is written.
        let mut charge = Charge::none(&self.budget);
        let mut limit: Option<String> = None;
        let target_bytes = Cell::new(0_usize);
        let names = |svma: u64| {
            let is_short = target_bytes.get() > MOST_TARGET_BYTES;
            let name = self.name(svma, if is_short { SHORT_TARGET } else { SYMBOL_CHARACTERS })?;
            target_bytes.set(target_bytes.get() + name.len());
            Some(name)
        };
        // A symbol in the middle begins an instruction.
        let mut starts: Vec<u64> = self.tables.functions().map(|(start, ..)| start).collect();
        starts.retain(|symbol| *symbol > start && *symbol < end);
        starts.dedup();
        let mut from = start;
        for to in starts.into_iter().chain([end]) {
            let range = (from - start) as usize..((to - start) as usize).min(bytes.len());
            let part = bytes.get(range).unwrap_or_default();
            disassemble(part, from, syntax, &names, &mut |address, text| {
                let charged = charge.grow(INSTRUCTION_BYTES + text.len() as u64);
                if let Err(reached) = charged.and_then(|()| self.budget.check_time()) {
                    limit = Some(reached.to_string());
                    return false;
                }
                if instructions.len().is_multiple_of(AT_A_TIME)
                    && let Err(stopped) = stop.check()
                {
                    limit = Some(stopped.to_string());
                    return false;
                }
                let frames = symbolizer.shared_frames(address.wrapping_add(self.bias), false);
                let last = instructions.last().map(|last| &last.frames);
                let frames = code_frames(&frames, last);
                instructions.push(Instruction { address, text, frames });
                true
            });
            if limit.is_some() {
                break;
            }
            from = to;
        }
        match limit {
            Some(limit) => Err(format!("{}: {limit}", self.path)),
            None => Ok(instructions),
        }
    }

    fn bytes(&self, start: u64, end: u64) -> Result<Arc<[u8]>, String> {
        let mut loaded = self.elf.segments.iter().filter(|segment| segment.is_loaded());
        let is_in = |address: u64, size: u64| start >= address && start - address < size;
        let segment = loaded.find(|segment| is_in(segment.address, segment.file_size));
        let segment = segment.ok_or_else(|| format!("it has no code at {start:#x}"))?;
        let limit = segment.address.saturating_add(segment.file_size);
        let size = end.min(limit).checked_sub(start).filter(|size| *size <= MOST_CODE);
        let size = size.ok_or_else(|| format!("the code from {start:#x} to {end:#x} is too long"))?;
        let offset = segment.offset.saturating_add(start - segment.address);
        let (file, own) = (self.code.clone(), self.budget.clone());
        let read =
            within(&self.budget, move || read_range(&*file, offset, size, &own).map(|(bytes, _)| bytes));
        read.and_then(|read| read).map_err(String::from)
    }

    /// What is at an address: `main+0x10`, of a name at most so many characters.
    fn name(&self, svma: u64, characters: usize) -> Option<String> {
        let symbol = self.tables.find(svma)?;
        let mut name = demangle(&symbol.name);
        cut(&mut name, characters);
        match svma - symbol.start {
            0 => Some(name),
            offset => Some(format!("{name}+{offset:#x}")),
        }
    }
}

/// Frames of an instruction; those of the one before if they are the same.
fn code_frames(frames: &[Frame], last: Option<&Arc<[CodeFrame]>>) -> Arc<[CodeFrame]> {
    let is_unknown = frames.iter().all(|frame| frame.function.is_none() && frame.file.is_none());
    let frames = if is_unknown { &[] } else { frames };
    let empty = || Arc::from("");
    let line = |frame: &Frame| frame.line.map_or(0, i64::from);
    let is_same = |(own, other): (&Frame, &CodeFrame)| {
        own.function.as_deref().unwrap_or_default() == &*other.function
            && own.file.as_deref().unwrap_or_default() == &*other.file
            && line(own) == other.line
    };
    if let Some(last) =
        last.filter(|last| last.len() == frames.len() && frames.iter().zip(&***last).all(is_same))
    {
        return last.clone();
    }
    let each = frames.iter().map(|frame| CodeFrame {
        function: frame.function.clone().unwrap_or_else(empty),
        system_name: frame.mangled.clone().unwrap_or_else(empty),
        file: frame.file.clone().unwrap_or_else(empty),
        line: line(frame),
    });
    each.collect()
}

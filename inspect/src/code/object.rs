//! An object file: its functions, their instructions, and the lines that these belong to.

use std::sync::{Arc, Mutex, PoisonError};

use rgops_dwarf::elf::Elf;
use rgops_dwarf::{Budget, Charge, SymbolTables, Work, read_range};
use rgops_pprof::environment::{Code, CodeFrame, Instruction};

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
/// Functions that are listed, and the names of one.
const MOST_FUNCTIONS: usize = 4096;
const MOST_NAMES: usize = 16;
/// Bytes charged for an instruction, besides its text.
const INSTRUCTION_BYTES: u64 = 128;
/// Longest function of which the table states no size.
const SIZELESS_BYTES: u64 = 1 << 16;

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

/// The functions of an object file, and their memory.
struct Listed {
    functions: Vec<Code>,
    _charge: Charge,
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
        is_wanted: &dyn Fn(&str) -> bool,
        avma: Option<u64>,
    ) -> Result<Vec<Code>, String> {
        let address = avma.map(|avma| avma.wrapping_sub(self.bias));
        let listed = self.listed()?;
        let mut found = Vec::new();
        for (count, code) in listed.functions.iter().enumerate() {
            if count % 1024 == 0 {
                self.budget.check_time().map_err(|limit| limit.to_string())?;
            }
            let is_at = address.is_some_and(|address| (code.start..code.end).contains(&address));
            let first = code.names.iter().position(|name| !name.is_empty() && is_wanted(name));
            if first.is_none() && !is_at {
                continue;
            }
            let mut code = code.clone();
            // The name that matches first; without the linker's.
            code.names.swap(0, first.filter(|first| *first < MOST_NAMES).unwrap_or(0));
            let mut known = std::collections::HashSet::new();
            let is_mangled = |name: &String| demangle(name) != *name;
            code.names.retain(|name| known.insert(name.clone()) && !is_mangled(name));
            found.push(code);
            if found.len() == MOST_FUNCTIONS {
                break;
            }
        }
        Ok(found)
    }

    /// All functions with their readable names, and behind these the linker's, by address.
    fn listed(&self) -> Result<Arc<Listed>, String> {
        let mut known = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = &*known {
            return Ok(listed.clone());
        }
        // That a limit was reached is not kept: later there may be more.
        let listed = Arc::new(self.list()?);
        *known = Some(listed.clone());
        Ok(listed)
    }

    fn list(&self) -> Result<Listed, String> {
        let mut charge = Charge::none(&self.budget);
        let mut listed: Vec<Code> = Vec::new();
        let is_code = |symbol: &(u64, u64, &[u8])| self.section_end(symbol.0).is_some();
        let mut symbols = self.tables.functions().filter(is_code).peekable();
        while let Some((start, mut size, name)) = symbols.next() {
            let mut names = vec![name];
            while let Some((_, other, name)) = symbols.next_if(|(other, ..)| *other == start) {
                size = size.max(other);
                if names.len() < MOST_NAMES {
                    names.push(name);
                }
            }
            let limit = self.section_end(start).unwrap_or(start);
            let next = symbols.peek().map_or(limit, |(next, ..)| *next).min(limit);
            let end = match size {
                0 => next.min(start.saturating_add(SIZELESS_BYTES)),
                size => start.saturating_add(size).min(limit),
            };
            if end <= start {
                continue;
            }
            let linkers: Vec<String> =
                names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let mut names: Vec<String> = linkers.iter().map(|name| demangle(name)).collect();
            names.extend(linkers.into_iter().filter(|name| demangle(name) != *name));
            let bytes: usize = names.iter().map(|name| name.len() + 64).sum();
            let charged = charge.grow(bytes as u64).and_then(|()| self.budget.check_time());
            charged.map_err(|limit| format!("{}: {limit}", self.path))?;
            listed.push(Code { names, start, end, bias: self.bias });
        }
        Ok(Listed { functions: listed, _charge: charge })
    }

    /// Where the section with code ends that contains an address.
    fn section_end(&self, svma: u64) -> Option<u64> {
        let mut code = self.elf.sections.iter().filter(|section| section.is_code());
        let is_in = |start: u64, size: u64| svma >= start && svma - start < size;
        if self.elf.sections.is_empty() {
            let mut loaded = self.elf.segments.iter().filter(|segment| segment.is_loaded());
            let segment = loaded.find(|segment| is_in(segment.address, segment.memory_size))?;
            return Some(segment.address.saturating_add(segment.memory_size));
        }
        let section = code.find(|section| is_in(section.address, section.size))?;
        Some(section.address.saturating_add(section.size))
    }

    /// The instructions from `start` to `end`.
    pub(super) fn instructions(
        &self,
        start: u64,
        end: u64,
        syntax: Syntax,
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
        let mut limit = None;
        let names = |svma: u64| self.name(svma);
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
                    limit = Some(reached);
                    return false;
                }
                let frames = symbolizer.shared_frames(address.wrapping_add(self.bias), false);
                let last = instructions.last().map(|last| &last.frames);
                let frames = code_frames(&frames, last);
                instructions.push(Instruction { address, text, frames });
                true
            });
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

    /// What is at an address: `main+0x10`.
    fn name(&self, svma: u64) -> Option<String> {
        let symbol = self.tables.find(svma)?;
        let name = demangle(&symbol.name);
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

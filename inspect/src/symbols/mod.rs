//! Resolves addresses to names: functions, inlined frames, files and lines, from the files of the modules.
//!
//! Files are opened when the [`Symbolizer`] is made, so that names are available after the process has ended.
//! A file is used only if its build-id is that of the running build. The files are not trusted: a damaged or
//! hostile file costs names and nothing else.

mod debug;
pub(crate) mod files;
mod names;
mod source;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use rgops_protocol::reply::{Module, Stack};

pub use source::{Detail, ModuleSymbols};

use rgops_dwarf::{Budget, Charge, Exhausted, Work};
use source::Source;

use crate::budget;

/// A function at an address: one call, or one of the calls inlined there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Demangled name without its hash; `None` when there is no symbol.
    pub function: Option<Arc<str>>,
    /// The linker's name; `None` when unknown, or when it is not mangled.
    pub mangled: Option<Arc<str>>,
    /// Source file, with the path that the compiler used.
    pub file: Option<Arc<str>>,
    /// Line in `file`, from 1.
    pub line: Option<u32>,
    /// Column in `line`, from 1.
    pub column: Option<u16>,
    /// Whether the compiler copied this function into the next frame's.
    pub is_inlined: bool,
    /// Path of the module as the process sees it; `None` when no module has the address.
    pub module: Option<Arc<str>>,
    /// Address in the module's file (svma); the avma itself when no module contains it.
    pub module_offset: u64,
    /// Bytes from the start of the function that was called; the same for all frames inlined at the address.
    /// `None` without a symbol.
    pub function_offset: Option<u64>,
}

impl Frame {
    /// The function's name, otherwise `module+0xoffset`, otherwise the bare address.
    pub fn name(&self) -> String {
        self.shared_name().into_owned()
    }

    /// Like [`Frame::name`], without a copy of the function's name.
    pub(crate) fn shared_name(&self) -> Cow<'_, str> {
        match (&self.function, &self.module) {
            (Some(function), _) => Cow::Borrowed(function),
            (None, Some(module)) => format!("{}+{:#x}", file_name(module), self.module_offset).into(),
            (None, None) => format!("{:#x}", self.module_offset).into(),
        }
    }
}

/// The last component of a module's path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// Resolves the addresses of one process to names.
#[derive(Debug)]
pub struct Symbolizer {
    local_pid: Option<u32>,
    symbol_directories: Vec<PathBuf>,
    budget: Budget,
    /// All modules seen; an index stays valid when modules are unloaded.
    sources: Vec<Source>,
    /// Indexes into `sources` by the hash of the module.
    known: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    /// Modules that are loaded now: start avma to index into `sources`.
    loaded: BTreeMap<u64, usize>,
    /// Results by source and requested svma.
    found: HashMap<(usize, u64), Arc<[Frame]>>,
    /// Charge of the results.
    charge: Charge,
}

impl Symbolizer {
    /// Opens the files of `modules`. `local_pid` is the process on this host; its `/proc/PID` leads to files
    /// that were replaced, deleted or are in another mount namespace. Without it only files at the same paths
    /// are tried. `symbol_directories` are searched also.
    pub fn new(modules: &[Module], local_pid: Option<u32>, symbol_directories: &[PathBuf]) -> Symbolizer {
        Symbolizer::with_budget(modules, local_pid, symbol_directories, &budget::standard())
    }

    /// Like [`Symbolizer::new`], with the budget of the whole command.
    pub fn with_budget(
        modules: &[Module],
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        budget: &Budget,
    ) -> Symbolizer {
        let mut symbolizer = Symbolizer {
            local_pid,
            symbol_directories: symbol_directories.to_vec(),
            budget: budget.clone(),
            sources: Vec::new(),
            known: HashMap::new(),
            hasher: RandomState::new(),
            loaded: BTreeMap::new(),
            found: HashMap::new(),
            charge: Charge::none(budget),
        };
        symbolizer.set_modules(modules);
        symbolizer
    }

    /// Resolves the addresses of a file in memory, one that was sent or generated. Reads at most `steps` of
    /// its entries, instructions and symbols, so that the result is the same on every machine.
    pub fn of_file(bytes: &[u8], budget: &Budget, steps: u64) -> Symbolizer {
        let module = module_in_memory();
        let mut symbolizer = Symbolizer::with_budget(&[], None, &[], budget);
        symbolizer.sources.push(Source::of_bytes(&module, bytes, &Work::limited(budget, steps)));
        symbolizer.loaded.insert(0, 0);
        symbolizer
    }

    /// Replaces the list of loaded modules; files that are already open are kept.
    pub fn set_modules(&mut self, modules: &[Module]) {
        self.loaded.clear();
        if modules.is_empty() {
            return;
        }
        let finder = files::Finder::new(self.local_pid, &self.symbol_directories, &self.budget);
        for module in modules {
            let alike = self.known.entry(hash(&self.hasher, module)).or_default();
            let known = alike.iter().find(|index| self.sources[**index].module() == module);
            let index = known.copied().unwrap_or_else(|| {
                // After the command's time limit no more files are searched for.
                self.sources.push(match self.budget.check_time() {
                    Ok(()) => Source::open(module, &finder),
                    Err(limit) => Source::unopened(module, &finder, limit),
                });
                alike.push(self.sources.len() - 1);
                self.sources.len() - 1
            });
            self.loaded.insert(module.start_avma, index);
        }
    }

    /// The functions at an address, innermost first: the calls inlined there, then the function that was
    /// called. Never empty: an unknown address is one frame without a function.
    ///
    /// A return address belongs to the call before it, which may be in another line or another function: it
    /// is resolved one byte earlier.
    pub fn frames(&mut self, avma: u64, is_return_address: bool) -> Vec<Frame> {
        self.shared_frames(avma, is_return_address).to_vec()
    }

    /// Like [`Symbolizer::frames`], without a copy. After the command's time limit, addresses that were not
    /// resolved before stay addresses, and their module reports that.
    pub fn shared_frames(&mut self, avma: u64, is_return_address: bool) -> Arc<[Frame]> {
        let Some(index) = self.module_index(avma) else {
            return Arc::new([Frame::unknown(avma)]);
        };
        let source = &mut self.sources[index];
        let svma = source.svma(avma);
        let lookup = if is_return_address { svma.wrapping_sub(1) } else { svma };
        if let Some(frames) = self.found.get(&(index, lookup)) {
            return frames.clone();
        }
        // Each address may be in another module, and reading a module's files takes time.
        if let Err(limit) = self.budget.check_time() {
            source.lose_names(limit);
            return Arc::new([source.bare(svma)]);
        }
        let frames: Arc<[Frame]> = source.frames(svma, lookup).into();
        if self.charge.grow(size_of_found(&frames)).is_err() {
            // Names from untrusted files must not fill our memory.
            let source = &mut self.sources[index];
            source.lose_names(self.budget.charge(u64::MAX).err().unwrap_or(Exhausted::Time));
            return Arc::new([source.bare(svma)]);
        }
        self.found.insert((index, lookup), frames.clone());
        frames
    }

    /// All frames of a captured stack, innermost first.
    pub fn stack(&mut self, stack: &Stack) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(stack.frames.len());
        for (position, avma) in stack.frames.iter().enumerate() {
            frames.extend(self.shared_frames(*avma, position > 0).iter().cloned());
        }
        frames
    }

    /// The module an address is in, as the agent described it.
    pub fn module(&self, avma: u64) -> Option<&Module> {
        self.module_index(avma).map(|index| self.sources[index].module())
    }

    /// The symbols found for each requested module, and why more are missing.
    pub fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.sources.iter().filter(|source| source.was_asked()).map(Source::symbols)
    }

    /// The symbols found for the module at an address.
    pub(crate) fn symbols_of(&self, avma: u64) -> Option<&ModuleSymbols> {
        self.module_index(avma).map(|index| self.sources[index].symbols())
    }

    fn module_index(&self, avma: u64) -> Option<usize> {
        let (_, index) = self.loaded.range(..=avma).next_back()?;
        (avma < self.sources[*index].module().end_avma).then_some(*index)
    }
}

fn hash(hasher: &RandomState, module: &Module) -> u64 {
    let Module { path, build_id, start_avma, end_avma, bias, has_unwind_data } = module;
    hasher.hash_one((path, build_id, start_avma, end_avma, bias, has_unwind_data))
}

/// A module whose file is in memory, at the addresses stated in the file.
fn module_in_memory() -> Module {
    Module {
        path: String::new(),
        build_id: Vec::new(),
        start_avma: 0,
        end_avma: u64::MAX,
        bias: 0,
        has_unwind_data: false,
    }
}

/// The memory of frames that are kept.
fn size_of_found(frames: &[Frame]) -> u64 {
    let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len() + 16);
    let bytes = |frame: &Frame| size_of::<Frame>() + text(&frame.function) + text(&frame.mangled);
    (64 + frames.iter().map(bytes).sum::<usize>()) as u64
}

impl Frame {
    fn unknown(avma: u64) -> Frame {
        Frame {
            function: None,
            mangled: None,
            file: None,
            line: None,
            column: None,
            is_inlined: false,
            module: None,
            module_offset: avma,
            function_offset: None,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests;

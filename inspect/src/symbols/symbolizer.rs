//! Resolves the addresses of one process, through its modules.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge, Work};
use rgops_protocol::reply::{Module, Stack, Unavailable};

use crate::budget;
use crate::cache::Directory;
use crate::debuginfod;
use crate::files::Process;
use crate::symbols::files::Finder;
use crate::symbols::folded;
use crate::symbols::frame::{Frame, Origin, file_name};
use crate::symbols::module_symbols::ModuleSymbols;
use crate::symbols::run_time_code::RunTimeCode;
use crate::symbols::source::Source;
use crate::symbols::system_calls::{Code, at_system_calls};

/// Bytes charged for a name that is kept, besides its text.
const NAME_BYTES: usize = 64;

/// An address in the code of a module, also after that was unloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CodePlace {
    source: usize,
    svma: u64,
}

/// Resolves the addresses of one process to names.
#[derive(Debug)]
pub struct Symbolizer {
    local_pid: Option<u32>,
    symbol_directories: Vec<PathBuf>,
    budget: Budget,
    /// Where names are kept from one command to the next.
    cache: Option<Directory>,
    /// All modules seen; an index stays valid when modules are unloaded.
    sources: Vec<Source>,
    /// Indexes into `sources` by the hash of the module.
    known: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    /// Modules that are loaded now: start avma to index into `sources`.
    loaded: BTreeMap<u64, usize>,
    /// Results by source and requested svma.
    found: HashMap<(usize, u64), Arc<[Frame]>>,
    /// The names in them, each once.
    names: HashSet<Arc<str>>,
    process: Option<Arc<Process>>,
    /// For modules without debug information, where the operator named servers that may have it.
    finder: Option<Finder>,
    /// Code of the process that no module has: read for the first such address after each list of modules.
    run_time_code: Option<RunTimeCode>,
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
        // Unit tests read files that are made to mislead.
        let cache = if cfg!(test) { None } else { Directory::from_environment() };
        Symbolizer::with_cache(modules, local_pid, symbol_directories, budget, cache)
    }

    /// Like [`Symbolizer::with_budget`], with a cache other than the user's.
    pub(super) fn with_cache(
        modules: &[Module],
        local_pid: Option<u32>,
        symbol_directories: &[PathBuf],
        budget: &Budget,
        cache: Option<Directory>,
    ) -> Symbolizer {
        let mut symbolizer = Symbolizer {
            local_pid,
            symbol_directories: symbol_directories.to_vec(),
            budget: budget.clone(),
            cache,
            sources: Vec::new(),
            known: HashMap::new(),
            hasher: RandomState::new(),
            loaded: BTreeMap::new(),
            found: HashMap::new(),
            names: HashSet::new(),
            process: None,
            finder: None,
            run_time_code: None,
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
        let finder = Finder::new(self.local_pid, &self.symbol_directories, &self.budget);
        (self.process, self.run_time_code) = (Some(finder.process().clone()), None);
        for module in modules {
            let alike = self.known.entry(hash(&self.hasher, module)).or_default();
            let known = alike.iter().find(|index| self.sources[**index].module() == module);
            let index = known.copied().unwrap_or_else(|| {
                // After the command's time limit no more files are searched for.
                self.sources.push(match self.budget.check_time() {
                    Ok(()) => Source::open(module, &finder, self.cache.as_ref()),
                    Err(limit) => Source::unopened(module, &finder, limit),
                });
                alike.push(self.sources.len() - 1);
                self.sources.len() - 1
            });
            self.loaded.insert(module.start_avma, index);
        }
        self.finder = Some(finder).filter(|_| debuginfod::is_enabled());
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
            return Arc::new([self.outside_modules(avma, is_return_address)]);
        };
        let source = &mut self.sources[index];
        if let Some(finder) = self.finder.as_ref().filter(|_| !source.was_asked()) {
            source.fetch(finder, self.cache.as_ref());
        }
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
        let mut frames = source.frames(svma, lookup);
        frames.iter_mut().for_each(|frame| frame.origin = Some(Origin::decide(frame)));
        let names = frames.iter().flat_map(|frame| [&frame.function, &frame.mangled]).flatten();
        let new = names.filter(|name| !self.names.contains(*name));
        let bytes = 64 + size_of_val(&*frames) + new.map(|name| name.len() + NAME_BYTES).sum::<usize>();
        if self.charge.grow(bytes as u64).is_err() {
            // Names from untrusted files must not fill our memory.
            let source = &mut self.sources[index];
            source.lose_names(self.budget.exhausted());
            return Arc::new([source.bare(svma)]);
        }
        for name in frames.iter_mut().flat_map(|frame| [&mut frame.function, &mut frame.mangled]).flatten() {
            match self.names.get(name) {
                Some(known) => *name = known.clone(),
                None => _ = self.names.insert(name.clone()),
            }
        }
        let frames: Arc<[Frame]> = frames.into();
        self.found.insert((index, lookup), frames.clone());
        frames
    }

    /// The frame of an address that no module has: code made at run time, or nothing that is known.
    fn outside_modules(&mut self, avma: u64, is_return_address: bool) -> Frame {
        let Some(process) = self.process.as_ref().filter(|_| self.budget.check_time().is_ok()) else {
            return Frame::unknown(avma);
        };
        let code = self.run_time_code.get_or_insert_with(|| RunTimeCode::of(process, &self.budget));
        code.frame(avma, avma.wrapping_sub(u64::from(is_return_address)))
    }

    /// All frames of a captured stack, innermost first.
    pub fn stack(&mut self, stack: &Stack) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(stack.frames.len());
        // The function whose caller is not known yet.
        let mut called: Option<usize> = None;
        for (position, avma) in stack.frames.iter().enumerate() {
            let callers = self.shared_frames(*avma, position > 0);
            if let Some(called) = called.map(|called| &mut frames[called]) {
                folded::choose(called, &callers[0]);
            }
            frames.extend(callers.iter().cloned());
            called = frames.len().checked_sub(1);
        }
        frames
    }

    /// Where an address is in a module; `None` for code of no module.
    pub(crate) fn code_place(&self, avma: u64) -> Option<CodePlace> {
        let source = self.module_index(avma)?;
        Some(CodePlace { source, svma: self.sources[source].svma(avma) })
    }

    /// For each place whether it is at a system call, or why that is not known. Each module's file is read once.
    pub(crate) fn at_system_calls(&self, places: &[CodePlace]) -> Vec<Result<bool, Arc<Unavailable>>> {
        let mut found = vec![Ok(false); places.len()];
        let mut of_source: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, place) in places.iter().enumerate() {
            of_source.entry(place.source).or_default().push(position);
        }
        for (source, positions) in of_source {
            let source = &self.sources[source];
            let symbols = source.symbols();
            let unknown = |reason: &str, fix: &str| {
                let reason = format!("{}: {reason}", file_name(&symbols.module));
                Arc::new(Unavailable { reason, fix: fix.to_owned() })
            };
            let read = match source.code() {
                Code::OfNoFile => continue,
                Code::Missing => {
                    let (mut reason, mut fix) = (&*symbols.reason, &*symbols.fix);
                    if symbols.file.is_some() || reason.is_empty() {
                        (reason, fix) = ("no file with its code was found", "");
                    }
                    Err(unknown(reason, fix))
                }
                Code::File(file) => {
                    let svmas = positions.iter().map(|position| places[*position].svma).collect();
                    at_system_calls(file, svmas, &self.budget)
                        .map_err(|why| unknown(&why.to_string(), why.limit().map_or("", |limit| limit.fix())))
                }
            };
            let absent = unknown("its file does not have this address", "");
            for (at, position) in positions.into_iter().enumerate() {
                found[position] = match &read {
                    Ok(read) => read[at].ok_or_else(|| absent.clone()),
                    Err(why) => Err(why.clone()),
                };
            }
        }
        found
    }

    /// Frees what was read of the file of the module at an address, of which no more is asked.
    pub(crate) fn close(&mut self, avma: u64) {
        if let Some(index) = self.module_index(avma) {
            self.sources[index].close();
        }
    }

    /// The module an address is in, as the agent described it.
    pub fn module(&self, avma: u64) -> Option<&Module> {
        self.module_index(avma).map(|index| self.sources[index].module())
    }

    /// The loaded modules.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.loaded.values().map(|index| self.sources[*index].module())
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

impl Drop for Symbolizer {
    fn drop(&mut self) {
        self.sources.iter_mut().for_each(Source::remember);
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

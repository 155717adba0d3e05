//! One module and the file with its names.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rgops_dwarf::{CodeRanges, Exhausted, Fault, Sections, Symbol, SymbolTables, Work};
use rgops_protocol::reply::Module;

use crate::cache::Directory;
use crate::debuginfod;
use crate::files::within;
use crate::symbols::debug::{self, DebugInformation, Place};
use crate::symbols::files::{Content, Finder, Found, SymbolFile};
use crate::symbols::frame::Frame;
use crate::symbols::module_symbols::{Detail, ModuleSymbols};
use crate::symbols::names;
use crate::symbols::reasons::{is_rust_file, left_out, short_names};
use crate::symbols::remembered::Remembered;
use crate::symbols::system_calls::Code;

/// Maximum length of a symbol without a size: the next symbol bounds it, but code without any symbol may be
/// between the two.
const SIZELESS_SYMBOL_BYTES: u64 = 4096;

/// A module with its file, if one was found.
#[derive(Debug)]
pub(super) struct Source {
    module: Module,
    path: Arc<str>,
    file: Option<SymbolFile>,
    symbols: ModuleSymbols,
    was_requested: bool,
    work: Work,
    /// Number of strings that were cut, and of addresses at which calls were left out.
    cut: (u64, u64),
    /// Read for the first requested address; `Some(None)` when it cannot be read, or was dropped to free memory.
    debug: Option<Option<DebugInformation>>,
    /// Read when debug information lacks a function or its full name.
    tables: Option<Arc<SymbolTables>>,
    /// Read for the first address without a symbol; `Some(None)` when they cannot be read.
    ranges: Option<Option<CodeRanges>>,
    /// What earlier commands found; `None` without a cache.
    remembered: Option<Remembered>,
    /// Whether names or lines were lost: what is found from then on is worse than what the file has.
    is_worse: bool,
    code: Code,
}

/// The result for an address, from debug information or the symbol table.
#[derive(Debug)]
struct Known {
    name: String,
    start: u64,
    is_sized: bool,
    place: Option<Place>,
    /// Outermost first.
    inlined: Vec<debug::Inlined>,
}

impl From<Symbol> for Known {
    fn from(symbol: Symbol) -> Known {
        let (is_sized, name) = (symbol.size.is_some(), symbol.name);
        Known { name, start: symbol.start, is_sized, place: None, inlined: Vec::new() }
    }
}

impl Source {
    pub(super) fn open(module: &Module, finder: &Finder, cache: Option<&Directory>) -> Source {
        Source::of_found(module, finder.find(module), finder, cache)
    }

    fn of_found(module: &Module, found: Found, finder: &Finder, cache: Option<&Directory>) -> Source {
        let mut source = Source::with(module, found, finder);
        // Parts in other files may change without it.
        let whole = source.file.as_ref().filter(|file| file.supplement().is_none());
        if let Some((file, cache)) = whole.zip(cache) {
            let budget = source.work.budget();
            source.remembered = Remembered::load(cache, &module.build_id, file.opened(), budget);
        }
        source
    }

    /// Uses debug information from the servers of the operator, if there is none on this host, or says why there is none.
    pub(super) fn fetch(&mut self, finder: &Finder, cache: Option<&Directory>) {
        let content = self.file.as_ref().map(|file| file.content);
        match finder.fetch(&self.module, content, debuginfod::WHILE_ANSWERED) {
            None => {}
            Some(Ok(file)) => {
                *self = Source::of_found(&self.module, Found::of(file), finder, cache);
            }
            Some(Err(missing)) => self.symbols.note(&missing),
        }
    }

    /// A module whose files were not searched for.
    pub(super) fn unopened(module: &Module, finder: &Finder, limit: Exhausted) -> Source {
        let mut source = Source::with(module, Found::default(), finder);
        source.note_lost_names(limit);
        source
    }

    fn with(module: &Module, found: Found, finder: &Finder) -> Source {
        let detail = found.file.as_ref().map_or(Detail::Nothing, |file| match file.content {
            Content::DebugInformation => Detail::Lines,
            Content::SymbolTable => Detail::Functions,
            Content::DynamicSymbols => Detail::ExportedFunctions,
            Content::Nothing => Detail::Nothing,
        });
        let (reason, fix) = found.explain(detail);
        let code = Code::of(&found);
        let symbols = ModuleSymbols {
            module: module.path.clone(),
            file: found.file.as_ref().map(|file| file.path()),
            detail,
            reason,
            fix,
        };
        Source {
            module: module.clone(),
            path: Arc::from(module.path.as_str()),
            file: found.file,
            symbols,
            was_requested: false,
            work: finder.work(),
            cut: (0, 0),
            debug: None,
            tables: None,
            ranges: None,
            remembered: None,
            is_worse: false,
            code,
        }
    }

    /// A module whose file is in memory, at the addresses stated in the file.
    pub(super) fn of_bytes(module: &Module, bytes: &[u8], work: &Work) -> Source {
        let symbols = ModuleSymbols {
            module: String::new(),
            file: None,
            detail: Detail::Lines,
            reason: String::new(),
            fix: String::new(),
        };
        let mut source = Source {
            module: module.clone(),
            path: Arc::from(""),
            file: None,
            symbols,
            was_requested: false,
            work: work.clone(),
            cut: (0, 0),
            debug: None,
            tables: None,
            ranges: None,
            remembered: None,
            is_worse: false,
            code: Code::Missing,
        };
        let sections = Sections::read(bytes, &debug::WANTED, work.budget()).map_err(Fault::from);
        let debug =
            sections.and_then(|sections| DebugInformation::new(&sections, None, Default::default(), work));
        source.debug = Some(debug.map_err(|fault| source.lose_lines(&fault)).ok());
        source.note_left_out();
        source.tables = Some(Arc::new(SymbolTables::read(bytes, work).unwrap_or_default()));
        source
    }

    pub(super) fn module(&self) -> &Module {
        &self.module
    }

    pub(super) fn symbols(&self) -> &ModuleSymbols {
        &self.symbols
    }

    pub(super) fn code(&self) -> &Code {
        &self.code
    }

    pub(super) fn was_asked(&self) -> bool {
        self.was_requested
    }

    pub(super) fn svma(&self, avma: u64) -> u64 {
        avma.wrapping_sub(self.module.bias)
    }

    /// The single frame of an address whose function is unknown.
    pub(super) fn bare(&self, svma: u64) -> Frame {
        Frame { module: Some(self.path.clone()), module_offset: svma, ..Frame::unknown(svma) }
    }

    /// Frames at `svma`, innermost first, found by resolving `lookup`.
    pub(super) fn frames(&mut self, svma: u64, lookup: u64) -> Vec<Frame> {
        self.was_requested = true;
        let bare = self.bare(svma);
        let frames = match self.remembered.as_mut().and_then(|known| known.frames(lookup, &bare)) {
            Some(frames) => frames,
            None => {
                let before = self.symbols.clone();
                let frames = self.read_frames(&bare, svma, lookup);
                // Names that damage or a limit made worse are read again. A limit is said once and holds for all later
                // addresses; some readers do without what it denies them, and say nothing.
                self.is_worse |= self.symbols != before || self.work.budget().check_time().is_err();
                if let Some(remembered) = self.remembered.as_mut().filter(|_| !self.is_worse) {
                    remembered.keep(lookup, &frames);
                }
                frames
            }
        };
        let is_cut = |frame: &Frame| frame.is_inlined && frame.mangled.is_none() && is_rust_file(frame);
        if self.symbols.reason.is_empty() && frames.iter().any(is_cut) {
            (self.symbols.reason, self.symbols.fix) = short_names();
        }
        frames
    }

    /// Keeps what was found for the next command.
    pub(super) fn remember(&mut self) {
        if let Some(remembered) = &mut self.remembered {
            remembered.store();
        }
    }

    /// Frees what was read of its file. It is read again if it is needed again.
    pub(super) fn close(&mut self) {
        if self.file.is_some() {
            (self.debug, self.tables, self.ranges) = (None, None, None);
        }
    }

    fn read_frames(&mut self, bare: &Frame, svma: u64, lookup: u64) -> Vec<Frame> {
        // The readers are fuzzed. If one panics anyway, the only cost is missing names.
        let known = catch_unwind(AssertUnwindSafe(|| self.known(lookup)));
        let known = known.unwrap_or_else(|_| {
            self.lose_lines(&Fault::refused("reading it failed"));
            (self.debug, self.file, self.symbols.detail) = (Some(None), None, Detail::Nothing);
            self.tables = Some(Arc::default());
            None
        });
        self.note_cuts();
        let Some(known) = known else { return vec![bare.clone()] };
        let offset = svma.wrapping_sub(known.start);
        if !known.is_sized && offset > SIZELESS_SYMBOL_BYTES && known.place.is_none() {
            return vec![bare.clone()];
        }
        let frame = |name: &str, place: Option<&Place>, is_inlined| Frame {
            function: (!name.is_empty()).then(|| Arc::from(names::demangle(name))),
            mangled: names::is_mangled(name).then(|| Arc::from(name)),
            file: place.map(|place| place.file.clone()),
            line: place.and_then(|place| place.line),
            column: place.and_then(|place| place.column),
            is_inlined,
            function_offset: Some(offset),
            ..bare.clone()
        };
        let mut frames = Vec::with_capacity(known.inlined.len() + 1);
        // The position of each frame is the call site of the next inner one.
        let mut place = known.place.as_ref();
        for inlined in known.inlined.iter().rev() {
            frames.push(frame(&inlined.name, place, true));
            place = inlined.called_at.as_ref();
        }
        let outer = self.full_name(lookup, &known);
        let mut outer = frame(&outer, place, false);
        outer.aliases = self.aliases(lookup, &known, &outer);
        frames.push(outer);
        frames
    }

    /// The name of the function that was called. `debug = "line-tables-only"` cuts names in the debug
    /// information to their last part (`run<…>`); the symbol table still has the full name.
    fn full_name(&mut self, lookup: u64, known: &Known) -> String {
        if !names::is_mangled_rust(&known.name)
            && known.place.is_some()
            && let Some(linked) = self.symbol(lookup)
            && names::is_mangled_rust(&linked.name)
        {
            return linked.name;
        }
        known.name.clone()
    }

    /// Names of other Rust functions that have the code of this one. Of the functions that the linker folded, debug
    /// information describes one only.
    fn aliases(&mut self, lookup: u64, known: &Known, outer: &Frame) -> Arc<[Arc<str>]> {
        if outer.mangled.is_none() {
            return Arc::default();
        }
        let Some(symbol) = self.symbol(lookup).filter(|symbol| symbol.start == known.start) else {
            return Arc::default();
        };
        let names = std::iter::once(&symbol.name).chain(&symbol.aliases);
        let names = names.filter(|name| names::is_mangled_rust(name)).map(|name| names::demangle(name));
        let mut others: Vec<Arc<str>> = Vec::new();
        for name in names {
            if outer.function.as_deref() != Some(&*name) && !others.iter().any(|other| **other == *name) {
                others.push(name.into());
            }
        }
        others.into()
    }

    fn known(&mut self, lookup: u64) -> Option<Known> {
        if self.debug.is_none() {
            let debug = self.read_debug();
            self.debug = Some(debug);
            self.note_left_out();
        }
        let found = match &mut self.debug {
            Some(Some(debug)) => debug.find(lookup),
            _ => Ok(None),
        };
        let found = found.unwrap_or_else(|fault| {
            self.lose_lines(&fault);
            if matches!(fault, Fault::Exhausted(_)) {
                // The memory is needed for other modules.
                self.debug = Some(None);
            }
            None
        });
        let Some(found) = found else { return self.linked(lookup) };
        match found.function {
            Some(function) => Some(Known {
                name: function.name,
                start: function.start,
                is_sized: true,
                place: found.place,
                inlined: found.inlined,
            }),
            // For example hand-written assembly: the symbol table has its name.
            None => Some(Known { place: found.place, ..self.linked(lookup)? }),
        }
    }

    /// The function by the symbol table, otherwise by unwind data, which has its first byte and no name.
    fn linked(&mut self, lookup: u64) -> Option<Known> {
        let symbol = self.symbol(lookup);
        if let Some(symbol) = symbol.as_ref().filter(|symbol| symbol.size.is_some()) {
            return Some(Known::from(symbol.clone()));
        }
        let Some(ranges) = self.ranges() else { return symbol.map(Known::from) };
        let Some(range) = ranges.find(lookup) else { return symbol.map(Known::from) };
        match symbol.filter(|symbol| symbol.start >= range.start) {
            Some(symbol) => Some(Known { is_sized: true, ..Known::from(symbol) }),
            None => {
                let name = ranges.name(range).unwrap_or_default().to_owned();
                Some(Known { name, start: range.start, is_sized: true, place: None, inlined: Vec::new() })
            }
        }
    }

    fn ranges(&mut self) -> Option<&CodeRanges> {
        if self.ranges.is_none() {
            let read = self.file.as_ref().map(|file| {
                let (opened, work) = (file.opened().clone(), self.work.clone());
                within(self.work.budget(), move || CodeRanges::read(&*opened, &work).ok()).ok().flatten()
            });
            self.ranges = Some(read.flatten());
        }
        self.ranges.as_ref()?.as_ref()
    }

    /// The debug information of its file; `None` if there is none or it cannot be read.
    fn read_debug(&mut self) -> Option<DebugInformation> {
        let file = self.file.as_ref().filter(|file| file.content == Content::DebugInformation)?;
        let (opened, supplement) = (file.opened().clone(), file.supplement().cloned());
        let (split, budget) = (file.split_files(&self.module, &debug::WANTED), self.work.budget().clone());
        let read = move || {
            let supplement = supplement.and_then(|file| Sections::read(&*file, &debug::WANTED, &budget).ok());
            Sections::read(&*opened, &debug::WANTED, &budget).map(|sections| (sections, supplement))
        };
        let sections = within(self.work.budget(), read).and_then(|read| read);
        let read = sections.map_err(Fault::from).and_then(|(sections, supplement)| {
            DebugInformation::new(&sections, supplement.as_ref(), split, &self.work)
        });
        read.map_err(|fault| self.lose_lines(&fault)).ok()
    }

    /// Records why lines and inlined functions are missing.
    fn lose_lines(&mut self, fault: &Fault) {
        self.symbols.detail = self.symbols.detail.min(Detail::Functions);
        self.cut = (0, 0);
        self.symbols.reason = format!("its debug information cannot be read: {fault}");
        self.symbols.fix = match fault {
            Fault::Exhausted(limit) => limit.fix().to_owned(),
            _ => String::new(),
        };
    }

    /// Records which units are left out.
    fn note_left_out(&mut self) {
        let Some(Some(debug)) = &self.debug else { return };
        if let Some(why) = left_out(debug.left_out()) {
            self.symbols.reason = why;
        }
    }

    /// Records how much was cut, unless there is a worse reason already.
    fn note_cuts(&mut self) {
        let cut = (self.work.cut_strings(), self.work.cut_calls());
        if cut == self.cut || (!self.symbols.reason.is_empty() && self.cut == (0, 0)) {
            return;
        }
        self.cut = cut;
        let mut reasons = Vec::new();
        if let count @ 1.. = cut.0 {
            let why = "names in its debug information are longer than 64 KiB and are cut";
            reasons.push(format!("{why} ({count} times)"));
        }
        if let count @ 1.. = cut.1 {
            let most = debug::MAX_INLINED;
            let why = "calls are inlined into each other; the innermost are left out";
            reasons.push(format!("more than {most} {why} (addresses: {count})"));
        }
        self.symbols.reason = reasons.join("; ");
    }

    /// Records that names are left out from now on, after an address was requested.
    pub(super) fn lose_names(&mut self, limit: Exhausted) {
        self.was_requested = true;
        self.note_lost_names(limit);
    }

    fn note_lost_names(&mut self, limit: Exhausted) {
        self.cut = (0, 0);
        self.symbols.reason = format!("{limit}: names are missing");
        self.symbols.fix = limit.fix().to_owned();
    }

    fn symbol(&mut self, lookup: u64) -> Option<Symbol> {
        if self.tables.is_none() {
            let tables = self.read_tables().unwrap_or_else(|why| {
                if self.symbols.detail < Detail::Lines {
                    self.symbols.detail = Detail::Nothing;
                    self.symbols.reason = why;
                }
                SymbolTables::default()
            });
            self.tables = Some(Arc::new(tables));
        }
        self.tables.as_ref()?.find(lookup)
    }

    fn read_tables(&self) -> Result<SymbolTables, String> {
        let Some(file) = &self.file else { return Ok(SymbolTables::default()) };
        let (file, work) = (file.opened().clone(), self.work.clone());
        within(self.work.budget(), move || SymbolTables::read(&*file, &work))?
    }
}

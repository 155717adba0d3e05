//! One module and the file its names come from.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use blazesym::symbolize::source::{Elf, Source as BlazesymSource};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer as Blazesym};
use rgops_protocol::reply::Module;

use super::Frame;
use super::files::{Content, Finder, SymbolFile};
use super::names;

/// A symbol without a size is believed for so many bytes: the next symbol bounds it, but code that
/// has no symbol at all may lie between the two.
const SIZELESS_SYMBOL_BYTES: u64 = 4096;

/// How much is known about a module's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// No names.
    Nothing,
    /// Names of exported functions only (`.dynsym`).
    ExportedFunctions,
    /// Names of functions, without inlined frames and lines (`.symtab`).
    Functions,
    /// Functions, inlined frames, files and lines (DWARF).
    Lines,
}

/// What a module gave, and why not more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModuleSymbols {
    /// Path of the module as the process sees it.
    pub module: String,
    /// The file that was used; `None` when there was none.
    pub file: Option<PathBuf>,
    /// What it knows.
    pub detail: Detail,
    /// Why names are missing, or not whole, lower case; empty when they are all there.
    pub reason: String,
    /// What would give more; empty when nothing would.
    pub fix: String,
}

/// A module with its file, if one was found.
#[derive(Debug)]
pub(super) struct Source {
    module: Module,
    path: Arc<str>,
    file: Option<SymbolFile>,
    symbols: ModuleSymbols,
    asked: bool,
    /// DWARF of this file cannot be read (a broken debug link, say): only its symbol table is used.
    symbol_table_only: bool,
}

impl Source {
    pub(super) fn open(module: &Module, finder: &Finder<'_>) -> Source {
        let found = finder.find(module);
        let detail = found.file.as_ref().map_or(Detail::Nothing, |file| match file.content {
            Content::DebugInformation => Detail::Lines,
            Content::SymbolTable => Detail::Functions,
            Content::DynamicSymbols => Detail::ExportedFunctions,
            Content::Nothing => Detail::Nothing,
        });
        let (reason, fix) = found.explain(detail);
        let symbols = ModuleSymbols {
            module: module.path.clone(),
            file: found.file.as_ref().map(|file| file.path.clone()),
            detail,
            reason,
            fix,
        };
        Source {
            module: module.clone(),
            path: Arc::from(module.path.as_str()),
            file: found.file,
            symbols,
            asked: false,
            symbol_table_only: false,
        }
    }

    pub(super) fn module(&self) -> &Module {
        &self.module
    }

    pub(super) fn symbols(&self) -> &ModuleSymbols {
        &self.symbols
    }

    pub(super) fn was_asked(&self) -> bool {
        self.asked
    }

    pub(super) fn svma(&self, avma: u64) -> u64 {
        avma.wrapping_sub(self.module.bias)
    }

    /// Frames at `svma`, innermost first, found by looking up `lookup`.
    pub(super) fn frames(&mut self, blazesym: &Blazesym, svma: u64, lookup: u64) -> Vec<Frame> {
        self.asked = true;
        let bare = Frame { module: Some(self.path.clone()), module_offset: svma, ..Frame::unknown(svma) };
        let Some(symbol) = self.symbol(blazesym, lookup) else {
            return vec![bare];
        };
        let offset = svma.wrapping_sub(symbol.addr);
        if symbol.size.is_none() && offset > SIZELESS_SYMBOL_BYTES && symbol.code_info.is_none() {
            return vec![bare];
        }
        let frame = |name: &str, code: Option<&CodeInfo<'_>>, is_inlined| Frame {
            function: (!name.is_empty()).then(|| Arc::from(names::demangle(name))),
            mangled: names::is_mangled_rust(name).then(|| Arc::from(name)),
            file: code.map(|code| Arc::from(code.to_path().to_string_lossy())),
            line: code.and_then(|code| code.line).filter(|line| *line > 0),
            column: code.and_then(|code| code.column).filter(|column| *column > 0),
            is_inlined,
            function_offset: Some(offset),
            ..bare.clone()
        };
        let mut frames: Vec<Frame> = symbol
            .inlined
            .iter()
            .rev()
            .map(|inlined| frame(&inlined.name, inlined.code_info.as_ref(), true))
            .collect();
        let outer = self.full_name(blazesym, lookup, &symbol);
        frames.push(frame(&outer, symbol.code_info.as_deref(), false));
        let is_cut = |frame: &Frame| frame.is_inlined && frame.mangled.is_none() && is_rust_file(frame);
        if self.symbols.reason.is_empty() && frames.iter().any(is_cut) {
            (self.symbols.reason, self.symbols.fix) = short_names();
        }
        if frames.iter().any(|frame| frame.line.is_some()) && self.symbols.detail < Detail::Lines {
            // A debug link led to lines that the file itself does not have.
            self.symbols.detail = Detail::Lines;
            self.symbols.reason.clear();
            self.symbols.fix.clear();
        }
        frames
    }

    /// The name of the function really called. `debug = "line-tables-only"` cuts names in the debug
    /// information to their last part (`run<…>`); the symbol table still has the whole.
    fn full_name(&self, blazesym: &Blazesym, lookup: u64, symbol: &Sym<'_>) -> String {
        if !names::is_mangled_rust(&symbol.name)
            && symbol.code_info.is_some()
            && let Some(file) = &self.file
            && let Some(linked) = look_up(blazesym, file.stable_path(), false, lookup).ok().flatten()
            && names::is_mangled_rust(&linked.name)
        {
            return linked.name.into_owned();
        }
        symbol.name.clone().into_owned()
    }

    fn symbol<'a>(&mut self, blazesym: &'a Blazesym, lookup: u64) -> Option<Sym<'a>> {
        let file = self.file.as_ref()?;
        if !self.symbol_table_only {
            match look_up(blazesym, file.stable_path(), true, lookup) {
                Ok(symbol) => return symbol,
                Err(error) => {
                    self.symbol_table_only = true;
                    self.symbols.detail = self.symbols.detail.min(Detail::Functions);
                    self.symbols.reason = format!("its debug information cannot be read: {error}");
                    self.symbols.fix.clear();
                }
            }
        }
        let found = look_up(blazesym, file.stable_path(), false, lookup);
        if found.is_err() {
            self.file = None;
            self.symbols.detail = Detail::Nothing;
        }
        found.ok().flatten()
    }
}

/// With line tables only, rustc writes `run` where full debug information has `shop::checkout::run`.
fn short_names() -> (String, String) {
    (
        "inlined functions have short names (debug = \"line-tables-only\")".to_owned(),
        "in the program's Cargo.toml, under [profile.release]: debug = 1".to_owned(),
    )
}

fn is_rust_file(frame: &Frame) -> bool {
    frame.file.as_deref().is_some_and(|file| file.ends_with(".rs"))
}

fn look_up<'a>(
    blazesym: &'a Blazesym,
    path: PathBuf,
    debug_information: bool,
    svma: u64,
) -> Result<Option<Sym<'a>>, blazesym::Error> {
    let mut elf = Elf::new(path);
    elf.debug_syms = debug_information;
    match blazesym.symbolize_single(&BlazesymSource::Elf(elf), Input::VirtOffset(svma))? {
        Symbolized::Sym(symbol) => Ok(Some(symbol)),
        Symbolized::Unknown(_) => Ok(None),
    }
}

/// The file name of a path, for texts.
pub(super) fn shown_name(path: &str) -> &str {
    std::path::Path::new(path).file_name().and_then(OsStr::to_str).unwrap_or(path)
}

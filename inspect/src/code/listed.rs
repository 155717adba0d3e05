//! The functions of an object file by address. Their names stay in its table until one asks for them.

use std::collections::{HashMap, HashSet};

use rgops_dwarf::elf::Elf;
use rgops_dwarf::{Budget, Charge, SymbolTables};
use rgops_pprof::Stop;
use rgops_pprof::environment::Code;

use crate::symbols::demangle;

/// Functions that are returned at once, and the names of one.
const MOST_FUNCTIONS: usize = 4096;
const MOST_NAMES: usize = 16;
/// Bytes of names of the functions that are returned; behind them functions have one name.
const MOST_RETURNED: usize = 64 << 20;
/// Bytes of different names that are looked at: symbols may share the bytes of a name.
const MOST_LOOKED_AT: usize = 512 << 20;
/// Longest function of which the table states no size.
const SIZELESS_BYTES: u64 = 1 << 16;
/// Functions between two questions whether to stop.
const AT_A_TIME: usize = 256;
/// Bytes charged for a function, for where a name is, and for what is known of a name.
const FUNCTION_BYTES: u64 = 2 * size_of::<Function>() as u64;
const PLACE_BYTES: u64 = 8;
const KNOWN_BYTES: u64 = 32;

/// The functions of an object file.
pub(super) struct Listed {
    functions: Vec<Function>,
    /// Where their names are in the table.
    names: Vec<u32>,
    _charge: Charge,
}

struct Function {
    start: u64,
    end: u64,
    /// The first of its names, and how many it has.
    first: usize,
    count: usize,
}

/// Who asks for functions, and how much there is for the answer.
pub(super) struct Asked<'a> {
    /// Accepts a function by a name.
    pub(super) is_wanted: Option<&'a dyn Fn(&str) -> bool>,
    /// An address of a function that is wanted, as stated in the file.
    pub(super) address: Option<u64>,
    /// That of the functions that are returned.
    pub(super) bias: u64,
}

impl Listed {
    /// Lists the functions that are in code.
    pub(super) fn new(
        elf: &Elf,
        tables: &SymbolTables,
        budget: &Budget,
        stop: Stop<'_>,
    ) -> Result<Listed, String> {
        let code = CodeRanges::of(elf);
        let mut charge = Charge::none(budget);
        let (mut functions, mut names): (Vec<Function>, Vec<u32>) = (Vec::new(), Vec::new());
        for (at, (start, size, name)) in tables.functions().enumerate() {
            if at % AT_A_TIME == 0 {
                check(budget, stop)?;
            }
            if code.end(start).is_none() {
                continue;
            }
            match functions.last_mut().filter(|last| last.start == start) {
                Some(last) => {
                    last.end = last.end.max(size);
                    if last.count == MOST_NAMES {
                        continue;
                    }
                    last.count += 1;
                }
                None => {
                    charge.grow(FUNCTION_BYTES).map_err(|limit| limit.to_string())?;
                    // The size; the end follows when the next one is known.
                    functions.push(Function { start, end: size, first: names.len(), count: 1 });
                }
            }
            charge.grow(PLACE_BYTES).map_err(|limit| limit.to_string())?;
            names.push(name);
        }
        let mut next = None;
        for function in functions.iter_mut().rev() {
            let start = function.start;
            let limit = code.end(start).unwrap_or(start);
            function.end = match function.end {
                0 => {
                    next.map_or(limit, |next: u64| next.min(limit)).min(start.saturating_add(SIZELESS_BYTES))
                }
                size => start.saturating_add(size).min(limit),
            };
            next = Some(start);
        }
        functions.retain(|function| function.end > function.start);
        Ok(Listed { functions, names, _charge: charge })
    }

    /// The functions that are asked for, with their readable names.
    pub(super) fn find(
        &self,
        asked: &Asked<'_>,
        tables: &SymbolTables,
        budget: &Budget,
        stop: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        let mut charge = Charge::none(budget);
        // Each name is looked at once: many functions may have the same.
        let mut known: HashMap<u32, bool> = HashMap::new();
        let (mut looked_at, mut returned) = (0, 0);
        let mut found = Vec::new();
        for (at, function) in self.functions.iter().enumerate() {
            if at % AT_A_TIME == 0 {
                check(budget, stop)?;
            }
            let range = function.start..function.end;
            let mut is_found = asked.address.is_some_and(|address| range.contains(&address));
            let places = self.names.get(function.first..function.first + function.count).unwrap_or_default();
            if let Some(is_wanted) = asked.is_wanted {
                for place in places {
                    let is_named = match known.get(place) {
                        Some(is_named) => *is_named,
                        None => {
                            let name = text(tables, *place);
                            looked_at += name.len();
                            if looked_at > MOST_LOOKED_AT {
                                let most = MOST_LOOKED_AT >> 20;
                                return Err(format!("the names of its functions have more than {most} MiB"));
                            }
                            charge.grow(KNOWN_BYTES).map_err(|limit| limit.to_string())?;
                            if known.len().is_multiple_of(AT_A_TIME) {
                                check(budget, stop)?;
                            }
                            let is_named = [demangle(&name), name]
                                .iter()
                                .any(|name| !name.is_empty() && is_wanted(name));
                            known.insert(*place, is_named);
                            is_named
                        }
                    };
                    is_found |= is_named;
                }
            }
            if !is_found {
                continue;
            }
            let mut names = names(places.iter().map(|place| text(tables, *place)).collect(), asked.is_wanted);
            if returned > MOST_RETURNED {
                names.truncate(1);
            }
            let bytes: usize = names.iter().map(|name| name.len() + 64).sum();
            charge.grow(bytes as u64).map_err(|limit| limit.to_string())?;
            returned += bytes;
            found.push(Code { names, start: function.start, end: function.end, bias: asked.bias });
            if found.len() == MOST_FUNCTIONS {
                break;
            }
        }
        Ok(found)
    }
}

fn check(budget: &Budget, stop: Stop<'_>) -> Result<(), String> {
    stop.check().map_err(|stopped| stopped.to_string())?;
    budget.check_time().map_err(|limit| limit.to_string())
}

fn text(tables: &SymbolTables, place: u32) -> String {
    String::from_utf8_lossy(tables.name(place)).into_owned()
}

/// The readable names of a function by the linker's: the one that matches first, without the linker's.
fn names(linkers: Vec<String>, is_wanted: Option<&dyn Fn(&str) -> bool>) -> Vec<String> {
    let mut names: Vec<String> = linkers.iter().map(|name| demangle(name)).collect();
    names.extend(linkers.into_iter().filter(|name| demangle(name) != *name));
    let first =
        is_wanted.and_then(|is_wanted| names.iter().position(|name| !name.is_empty() && is_wanted(name)));
    if let Some(first) = first.filter(|first| *first < MOST_NAMES) {
        names.swap(0, first);
    }
    let mut known = HashSet::new();
    let is_mangled = |name: &String| demangle(name) != *name;
    names.retain(|name| known.insert(name.clone()) && !is_mangled(name));
    names
}

/// Where code is, by address: start and end.
struct CodeRanges(Vec<(u64, u64)>);

impl CodeRanges {
    fn of(elf: &Elf) -> CodeRanges {
        if elf.sections.is_empty() {
            let loaded = elf.segments.iter().filter(|segment| segment.is_loaded());
            return CodeRanges::new(loaded.map(|segment| (segment.address, segment.memory_size)).collect());
        }
        let code = elf.sections.iter().filter(|section| section.is_code());
        CodeRanges::new(code.map(|section| (section.address, section.size)).collect())
    }

    /// Of starts and sizes.
    fn new(mut ranges: Vec<(u64, u64)>) -> CodeRanges {
        for (start, end) in &mut ranges {
            *end = start.saturating_add(*end);
        }
        ranges.sort_by_key(|(start, _)| *start);
        // What the one before has is its own.
        let mut last = 0;
        for (start, end) in &mut ranges {
            *start = (*start).max(last);
            last = last.max(*end);
        }
        ranges.retain(|(start, end)| start < end);
        CodeRanges(ranges)
    }

    /// The end of the code that an address is in.
    fn end(&self, svma: u64) -> Option<u64> {
        let behind = self.0.partition_point(|(start, _)| *start <= svma);
        let (_, end) = self.0.get(behind.checked_sub(1)?)?;
        (svma < *end).then_some(*end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_ends_where_its_section_ends() {
        let code = CodeRanges::new(vec![(0x30, 0x10), (0x10, 0x10), (0x18, 0x10), (0x12, 2), (0x50, 0)]);
        let ends = [0xf, 0x10, 0x13, 0x1f, 0x20, 0x27, 0x28, 0x30, 0x3f, 0x40, 0x50].map(|at| code.end(at));
        let [first, second, last] = [Some(0x20), Some(0x28), Some(0x40)];
        assert_eq!(ends, [None, first, first, first, second, second, None, last, last, None, None]);
        assert_eq!(CodeRanges::new(vec![(u64::MAX - 1, 9)]).end(u64::MAX - 1), Some(u64::MAX));
        assert_eq!(CodeRanges::new(Vec::new()).end(0), None);
    }
}

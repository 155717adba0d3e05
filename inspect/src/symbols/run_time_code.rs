//! Code that a program made at run time: its names from a perf map, otherwise one name a mapping.
//!
//! Compilers at run time (wasmtime, V8, the JVM) write `/tmp/perf-PID.map` for perf(1): a line a function with its
//! start, its length and its name. The file is another process's: it is read within limits, and its names are text
//! like any other name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge, ReadAt as _, read_range};

use crate::files::{Process, within};
use crate::symbols::frame::Frame;
use crate::symbols::names;

/// Bytes of a perf map that are read: some hundred thousand functions. Of a longer one the last, which are the newest.
const MAX_BYTES: u64 = 32 << 20;
/// Lines of a perf map that are read, the newest.
const MAX_LINES: usize = 1 << 19;
/// Memory of a line in the list of lines and in the map of code, where it can split another one.
const LINE_BYTES: u64 = 192;

/// The code of a process outside of all files.
#[derive(Debug)]
pub(super) struct RunTimeCode {
    functions: Functions,
    /// Executable memory without a file.
    mappings: Vec<Range<u64>>,
}

impl RunTimeCode {
    /// What the process has now; nothing if its files do not answer.
    pub(super) fn of(process: &Arc<Process>, budget: &Budget) -> RunTimeCode {
        let (process, own) = (process.clone(), budget.clone());
        let read = move || {
            let mappings: Vec<_> =
                process.anonymous_code().into_iter().map(|(start, end)| start..end).collect();
            // Only code that is somewhere can have names.
            let map = if mappings.is_empty() { None } else { process.perf_map() };
            let functions = map.and_then(|map| {
                let length = map.length().min(MAX_BYTES);
                let start = map.length() - length;
                let (bytes, charge) = read_range(&map, start, length, &own).ok()?;
                Functions::read(bytes, start > 0, charge)
            });
            RunTimeCode { functions: functions.unwrap_or_else(|| Functions::none(&own)), mappings }
        };
        within(budget, read)
            .unwrap_or_else(|_| RunTimeCode { functions: Functions::none(budget), mappings: Vec::new() })
    }

    /// The frame of an address that no module contains; `lookup` is within the call for a return address.
    pub(super) fn frame(&self, avma: u64, lookup: u64) -> Frame {
        let Some(mapping) = self.mappings.iter().find(|mapping| mapping.contains(&lookup)) else {
            return Frame::unknown(avma);
        };
        let (name, start) = match self.functions.at(lookup) {
            Some((name, start)) => (names::demangle(&name), start),
            None => (format!("[jit {:#x}]", mapping.start), mapping.start),
        };
        let function_offset = Some(avma.wrapping_sub(start));
        Frame { function: Some(name.into()), function_offset, ..Frame::unknown(avma) }
    }
}

/// The functions of a perf map.
#[derive(Debug)]
struct Functions {
    /// By the address where the code begins that is of this function and not of a newer one.
    code: BTreeMap<u64, Code>,
    map: Arc<[u8]>,
    _charge: Charge,
}

#[derive(Debug, Clone)]
struct Code {
    end: u64,
    /// The first byte of the function.
    start: u64,
    /// Its place in the map.
    name: Range<usize>,
}

impl Functions {
    fn none(budget: &Budget) -> Functions {
        Functions { code: BTreeMap::new(), map: Arc::new([]), _charge: Charge::none(budget) }
    }

    /// Reads lines of `START LENGTH NAME`, both in hexadecimal digits, and leaves out others. `None` when there is not
    /// enough memory.
    fn read(map: Arc<[u8]>, is_begin_missing: bool, mut charge: Charge) -> Option<Functions> {
        // What comes after the last line end is being written.
        let end = map.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = map[..end].split_inclusive(|byte| *byte == b'\n');
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        let count = lines.clone().count();
        charge.grow(count.min(MAX_LINES) as u64 * LINE_BYTES).ok()?;
        for (number, line) in lines.enumerate() {
            let place = at..at + line.len();
            at = place.end;
            let is_cut = number == 0 && is_begin_missing;
            if !is_cut && count - number <= MAX_LINES {
                places.push(place);
            }
        }
        let mut functions = Functions { code: BTreeMap::new(), map: map.clone(), _charge: charge };
        for place in places {
            let Some((begin, length, name)) = function(&map[place.clone()]) else { continue };
            let name = place.end - 1 - name..place.end - 1;
            let Some(end) = begin.checked_add(length) else { continue };
            functions.insert(begin, Code { end, start: begin, name });
        }
        Some(functions)
    }

    /// Adds a function that is newer than all others: compilers use the memory of old code again.
    fn insert(&mut self, begin: u64, new: Code) {
        if begin >= new.end {
            return;
        }
        let before = self.code.range(..begin).next_back().map(|(start, code)| (*start, code.clone()));
        if let Some((start, old)) = before.filter(|(_, old)| old.end > begin) {
            if old.end > new.end {
                self.code.insert(new.end, old.clone());
            }
            self.code.insert(start, Code { end: begin, ..old });
        }
        while let Some((start, old)) = self.code.range(begin..new.end).next() {
            let (start, old) = (*start, old.clone());
            self.code.remove(&start);
            if old.end > new.end {
                self.code.insert(new.end, old);
            }
        }
        self.code.insert(begin, new);
    }

    /// The name of the function at an address, and the function's first byte.
    fn at(&self, avma: u64) -> Option<(String, u64)> {
        let (_, code) = self.code.range(..=avma).next_back()?;
        let name = String::from_utf8_lossy(self.map.get(code.name.clone())?).into_owned();
        (avma < code.end).then_some((name, code.start))
    }
}

/// The start, the length, and the number of bytes of the name of a line.
fn function(line: &[u8]) -> Option<(u64, u64, usize)> {
    let mut words = line.strip_suffix(b"\n")?.splitn(3, |byte| *byte == b' ');
    let mut number = || {
        let text = std::str::from_utf8(words.next()?).ok()?;
        u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    };
    let (start, length) = (number()?, number()?);
    let name = words.next().filter(|name| !name.is_empty())?;
    Some((start, length, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget;

    fn code(map: &[u8]) -> RunTimeCode {
        let functions = Functions::read(map.into(), false, Charge::none(&budget::standard()));
        RunTimeCode {
            functions: functions.expect("enough memory"),
            mappings: vec![0x1000..0x4000, 0x9000..0xa000],
        }
    }

    fn names<const N: usize>(code: &RunTimeCode, at: [u64; N]) -> [String; N] {
        at.map(|avma| code.frame(avma, avma).name())
    }

    #[test]
    fn functions_have_the_names_of_the_map_and_other_code_that_of_its_mapping() {
        let code = code(
            b"1000 10 wasm::handler\n0x2000 0x8 b c\n\nno number\n3000\n3000 8 \nffffffffffffffff ff end\n",
        );
        assert_eq!(names(&code, [0x1000, 0x100f, 0x2007]), ["wasm::handler", "wasm::handler", "b c"]);
        assert_eq!(names(&code, [0x9000, 0x2008, 0x3000]), ["[jit 0x9000]", "[jit 0x1000]", "[jit 0x1000]"]);
        // A return address behind the last byte of a function belongs to the call before it.
        let frame = code.frame(0x1010, 0x100f);
        assert_eq!(
            (&*frame.name(), frame.function_offset, frame.module_offset),
            ("wasm::handler", Some(0x10), 0x1010)
        );
    }

    #[test]
    fn a_map_names_only_code_that_has_no_file() {
        assert_eq!(names(&code(b"5000 10 libc::read\n"), [0x5000]), ["0x5000"]);
    }

    #[test]
    fn the_newest_function_at_an_address_counts() {
        let code =
            code(b"1000 100 old\n1000 10 new\n1020 10 inside\n10f0 20 after\n1200 10 small\n11f0 30 large\n");
        assert_eq!(names(&code, [0x1000, 0x1010, 0x1020, 0x1030]), ["new", "old", "inside", "old"]);
        assert_eq!(names(&code, [0x10ef, 0x10f0, 0x110f, 0x1205]), ["old", "after", "after", "large"]);
        assert_eq!(code.frame(0x1030, 0x1030).function_offset, Some(0x30), "from the function's first byte");
    }

    #[test]
    fn a_line_that_is_being_written_does_not_count() {
        assert_eq!(names(&code(b"1000 10 whole\n1000 10 par"), [0x1000]), ["whole"]);
        let charge = Charge::none(&budget::standard());
        let functions =
            Functions::read((*b"00 10 cut\n1000 10 whole\n").into(), true, charge).expect("memory");
        assert_eq!(functions.at(0x5), None);
        assert_eq!(functions.at(0x1000), Some(("whole".to_owned(), 0x1000)));
    }

    #[test]
    fn a_map_has_limits() {
        let long = format!("1000 10 {}\n", "x".repeat(1 << 20));
        let shown = code(long.as_bytes()).frame(0x1000, 0x1000).name();
        assert!(shown.len() < 1 << 18 && shown.starts_with("xxx"), "{}", shown.len());
        let many = "1 1 a\n".repeat(MAX_LINES) + "2 1 b\n";
        let functions = code(many.as_bytes()).functions;
        assert_eq!([functions.at(1), functions.at(2)].map(|found| found.is_some()), [true, true]);
        let first_is_lost = "2 1 b\n".to_owned() + &"1 1 a\n".repeat(MAX_LINES);
        assert_eq!(code(first_is_lost.as_bytes()).functions.at(2), None);
        let charge = Charge::none(&Budget::new(1 << 20));
        assert!(Functions::read(many.as_bytes().into(), false, charge).is_none(), "no memory for it");
    }
}

//! The ranges of functions by unwind data (`.eh_frame`), which a stripped file still has: one range a function.

use std::collections::HashMap;

use gimli::{BaseAddresses, CieOrFde, CommonInformationEntry, EhFrame, EndianArcSlice, UnwindSection as _};

use crate::charge::Charge;
use crate::elf::Elf;
use crate::fault::Fault;
use crate::read_at::{ReadAt, read_range};
use crate::sections::{Bytes, read_section};
use crate::work::Work;

/// Code of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRange {
    /// svma of its first byte.
    pub start: u64,
    /// svma behind its last byte.
    pub end: u64,
}

/// The functions of a file, without names.
#[derive(Debug)]
pub struct CodeRanges {
    /// Sorted by start.
    ranges: Vec<CodeRange>,
    start: Option<CodeRange>,
    main: Option<CodeRange>,
    _charge: Charge,
}

/// A list may have twice the capacity that it needs.
const RANGE_BYTES: u64 = 2 * size_of::<CodeRange>() as u64;
/// A common entry in the map of those that were read; a file has a few.
const COMMON_BYTES: u64 = 512;

/// Bytes of `_start` that are searched: it has about forty.
const START_BYTES: u64 = 64;

/// `e_machine` of x86_64.
const X86_64: u64 = 62;

impl CodeRanges {
    /// Reads the ranges; none if the file has no unwind data.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(file: &(impl ReadAt + ?Sized), work: &Work) -> Result<CodeRanges, Fault> {
        let (budget, charge) = (work.budget(), Charge::none(work.budget()));
        let mut found = CodeRanges { ranges: Vec::new(), start: None, main: None, _charge: charge };
        let elf = Elf::read(file, budget)?;
        let Some(section) = elf.find(".eh_frame").filter(|section| section.has_bytes() && elf.is_little)
        else {
            return Ok(found);
        };
        let (bytes, charge) = read_section(file, &elf, ".eh_frame", budget)?;
        found.list(bytes, section.address, &elf, work)?;
        drop(charge);
        found.ranges.sort_by_key(|range| (range.start, range.end));
        found.start = found.find(elf.entry).filter(|range| range.start == elf.entry);
        let main = main_of(file, &elf, work);
        found.main = main.and_then(|main| found.find(main).filter(|range| range.start == main));
        Ok(found)
    }

    fn list(
        &mut self,
        bytes: std::sync::Arc<[u8]>,
        address: u64,
        elf: &Elf,
        work: &Work,
    ) -> Result<(), Fault> {
        let mut section = EhFrame::from(EndianArcSlice::new(bytes, gimli::LittleEndian));
        section.set_address_size(if elf.is_64 { 8 } else { 4 });
        let bases = BaseAddresses::default().set_eh_frame(address);
        let mut common: HashMap<usize, CommonInformationEntry<Bytes>> = HashMap::new();
        let mut counter = work.counter();
        let mut entries = section.entries(&bases);
        // What follows damage is left out.
        while let Ok(Some(entry)) = entries.next() {
            counter.step()?;
            let CieOrFde::Fde(partial) = entry else { continue };
            let charge = &mut self._charge;
            let parsed = partial.parse(|section, bases, offset| {
                if let Some(known) = common.get(&offset.0) {
                    return Ok(known.clone());
                }
                charge.grow(COMMON_BYTES).map_err(|_| gimli::Error::Io)?;
                let read = section.cie_from_offset(bases, offset)?;
                common.insert(offset.0, read.clone());
                Ok(read)
            });
            let Ok(function) = parsed else { continue };
            let (start, length) = (function.initial_address(), function.len());
            if start != 0 && length != 0 {
                self._charge.grow(RANGE_BYTES)?;
                self.ranges.push(CodeRange { start, end: start.saturating_add(length) });
            }
        }
        Ok(())
    }

    /// The function that contains an address.
    pub fn find(&self, svma: u64) -> Option<CodeRange> {
        let after = self.ranges.partition_point(|range| range.start <= svma);
        let range = self.ranges[after.checked_sub(1)?];
        (svma < range.end).then_some(range)
    }

    /// The name of a function, if the headers of the file tell it: `_start`, where it begins, and C's `main`, which
    /// `_start` passes to the C library.
    pub fn name(&self, range: CodeRange) -> Option<&'static str> {
        match Some(range) {
            found if found == self.start => Some("_start"),
            found if found == self.main => Some("main"),
            _ => None,
        }
    }
}

/// The address that `_start` puts into the first argument of `__libc_start_main`: glibc's `start.S` has one
/// `lea main(%rip), %rdi`, or `mov $main, %rdi` where code is not position-independent.
fn main_of(file: &(impl ReadAt + ?Sized), elf: &Elf, work: &Work) -> Option<u64> {
    let holds = |segment: &&crate::elf::Segment| {
        segment.is_loaded()
            && elf.entry.checked_sub(segment.address).is_some_and(|within| within < segment.file_size)
    };
    let segment = elf.segments.iter().find(holds).filter(|_| elf.machine == X86_64)?;
    let within = elf.entry - segment.address;
    let length = START_BYTES.min(segment.file_size - within);
    let (code, _charge) =
        read_range(file, segment.offset.checked_add(within)?, length, work.budget()).ok()?;
    let operand = |at: usize| Some(i32::from_le_bytes(code.get(at..at + 4)?.try_into().ok()?));
    for (at, instruction) in code.windows(3).enumerate() {
        match instruction {
            [0x48, 0x8d, 0x3d] => {
                let next = elf.entry.wrapping_add(at as u64 + 7);
                return Some(next.wrapping_add_signed(operand(at + 3)?.into()));
            }
            [0x48, 0xc7, 0xc7] => return u64::try_from(operand(at + 3)?).ok(),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::budget::Budget;

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn this_test_program_has_one_range_a_function_and_main() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let budget = Budget::new(64 << 20);
        let work = Work::new(&budget);
        let ranges = CodeRanges::read(&file[..], &work).unwrap();
        let tables = crate::SymbolTables::read(&file[..], &work).unwrap();
        let mut checked = 0;
        let each = tables.each(|start, name| {
            if let (b"main", true) = (name, cfg!(target_arch = "x86_64")) {
                assert_eq!(ranges.find(start).and_then(|range| ranges.name(range)), Some("main"));
            }
            // Functions of this crate; the linker may have merged some into one.
            if name.starts_with(b"_RNv") || name.starts_with(b"_ZN10rgops_dwarf") {
                let range = ranges.find(start).filter(|range| range.start == start);
                checked += usize::from(range.is_some());
            }
            Ok::<(), ()>(())
        });
        assert!(each.is_ok() && checked > 50, "{checked}");
        assert_eq!(ranges.find(0), None);
        assert_eq!(ranges.find(u64::MAX), None);
        drop(ranges);
    }

    #[test]
    fn damage_and_limits_end_the_list() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let small = Budget::new(1 << 10);
        assert!(CodeRanges::read(&file[..], &Work::new(&small)).is_err());
        assert_eq!(small.charged(), 0);
        let budget = Budget::new(64 << 20);
        assert!(CodeRanges::read(&file[..], &Work::limited(&budget, 10)).is_err());
        assert!(CodeRanges::read(&b"no program"[..], &Work::new(&budget)).is_err());
        assert_eq!(budget.charged(), 0);
    }
}

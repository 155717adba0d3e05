//! One `.debug_info` with its related sections, and the positions of its units.

use std::sync::Arc;

use gimli::{
    DebugInfoOffset, Dwarf, DwoId, LittleEndian, Reader as _, Section as _, Unit, UnitHeader, UnitType,
};

use crate::abbreviations::{self, Table, Tables};
use crate::charge::Charge;
use crate::fault::Fault;
use crate::ranges::{Ranges, RangesLeft};
use crate::root::Root;
use crate::sections::{Bytes, Sections, Slice};
use crate::work::{Counter, Work};

/// One `.debug_info` with its related sections.
#[derive(Debug)]
pub struct Part {
    /// Its sections.
    pub dwarf: Dwarf<Bytes>,
    /// Its units, sorted by offset.
    pub units: Vec<Span>,
    /// Why units at its end are not listed.
    pub unlisted: Option<Fault>,
    /// The work limit for it.
    pub work: Work,
    tables: Tables,
    /// Entries of lists of ranges that may still be read.
    ranges_left: RangesLeft,
    /// Charges of the sections' bytes and of the list of units.
    _charges: (Arc<Charge>, Charge),
}

/// The position of a unit in its part, including the header.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Offset of its header.
    pub start: u64,
    /// Start of the next unit.
    pub end: u64,
    /// Set for a unit with its entries in another file.
    pub skeleton: Option<DwoId>,
}

/// Maximum length of a skeleton unit; real ones have about fifty bytes.
const LARGEST_SKELETON: u64 = 4096;

/// Memory of a unit in a list that may have twice the capacity that it needs.
const SPAN_BYTES: u64 = 2 * size_of::<Span>() as u64;

impl Part {
    /// Lists the units of these sections, see [`Part::new`].
    pub fn of_sections(sections: &Sections, work: &Work) -> Result<Part, Fault> {
        Part::new(Part::dwarf_of(sections)?, sections.charge(), work)
    }

    /// The sections in the form that gimli takes.
    pub fn dwarf_of(sections: &Sections) -> Result<Dwarf<Bytes>, Fault> {
        Ok(Dwarf::load(|id| Ok::<_, gimli::Error>(sections.get(id)))?)
    }

    /// Lists the units of a file. A damaged header ends the list, because nothing after it can be found; this
    /// is recorded.
    pub fn new(dwarf: Dwarf<Bytes>, charge_of_bytes: &Arc<Charge>, work: &Work) -> Result<Part, Fault> {
        let charge = Charge::none(work.budget());
        let ranges_left = RangesLeft::of(&dwarf);
        let mut part = Part {
            dwarf,
            units: Vec::new(),
            unlisted: None,
            work: work.clone(),
            tables: Tables::new(work),
            ranges_left,
            _charges: (charge_of_bytes.clone(), charge),
        };
        let mut headers = part.dwarf.units();
        let mut counter = work.counter();
        let mut units = Vec::new();
        let mut end_of_list = 0;
        loop {
            counter.step()?;
            let header = match headers.next() {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(error) => {
                    part.unlisted = part.rest_of_list(end_of_list, error)?;
                    break;
                }
            };
            let Some(offset) = header.debug_info_offset() else { continue };
            let start = offset.0 as u64;
            let end = start + header.length_including_self() as u64;
            end_of_list = end;
            let skeleton = match header.type_() {
                UnitType::Skeleton(id) => Some(id),
                // Before DWARF 5 only the first entry shows it (GCC's "DebugFission"); it is the only entry
                // there.
                UnitType::Compilation if header.version() < 5 && end - start < LARGEST_SKELETON => {
                    match part.first_entry(header) {
                        Ok(root) => root.unit.dwo_id,
                        Err(Fault::Exhausted(limit)) => return Err(limit.into()),
                        Err(_) => None,
                    }
                }
                _ => None,
            };
            part._charges.1.grow(SPAN_BYTES)?;
            units.push(Span { start, end, skeleton });
        }
        drop(counter);
        part.units = units;
        Ok(part)
    }

    /// Why the bytes are not a list of units; `None` for zeros, which pad a section.
    fn rest_of_list(&self, from: u64, error: gimli::Error) -> Result<Option<Fault>, Fault> {
        let info = self.dwarf.debug_info.reader().bytes();
        let rest = info.get(from as usize..).unwrap_or_default();
        self.work.spend(rest.len() as u64 / 64)?;
        let is_filled = rest.iter().all(|byte| *byte == 0);
        let why = || format!("the last {} bytes begin with a damaged header: {error}", rest.len());
        Ok((!is_filled).then(|| Fault::Refused(why())))
    }

    /// The unit that contains an offset.
    pub fn unit_at(&self, offset: u64) -> Option<usize> {
        let after = self.units.partition_point(|unit| unit.start <= offset);
        let index = after.checked_sub(1)?;
        (offset < self.units[index].end).then_some(index)
    }

    /// The header of a unit.
    pub fn header(&self, index: usize) -> Result<UnitHeader<Bytes>, Fault> {
        Ok(self.dwarf.unit_header(DebugInfoOffset(self.units[index].start as usize))?)
    }

    /// A unit, ready to read any of its entries.
    pub fn read_unit(&self, index: usize) -> Result<Root<Bytes>, Fault> {
        let header = self.header(index)?;
        let table = self.table(header.debug_abbrev_offset().0)?;
        Ok(Root {
            table: Some(table.clone()),
            ..Root::read(&self.dwarf, header, table.abbreviations.clone(), &self.work)?
        })
    }

    /// The same with borrowed sections, as returned by [`Part::borrowed`].
    pub fn read_borrowed<'a>(
        &self,
        dwarf: &Dwarf<Slice<'a>>,
        index: usize,
    ) -> Result<Root<Slice<'a>>, Fault> {
        let header = dwarf.unit_header(DebugInfoOffset(self.units[index].start as usize))?;
        let table = self.table(header.debug_abbrev_offset().0)?;
        let root = Root::read(dwarf, header, table.abbreviations.clone(), &self.work)?;
        Ok(Root { table: Some(table), ..root })
    }

    /// A unit with only its first entry readable: this does not need all its abbreviations.
    pub fn first_entry(&self, header: UnitHeader<Bytes>) -> Result<Root<Bytes>, Fault> {
        let start = header.debug_info_offset().map_or(0, |offset| offset.0);
        let info = self.dwarf.debug_info.reader().bytes();
        let entry = start.checked_add(header.header_size()).and_then(|entry| info.get(entry..));
        let mut entry = Slice::new(entry.unwrap_or_default(), LittleEndian);
        let code = entry.read_uleb128()?;
        if code == 0 {
            return Err(gimli::Error::MissingUnitDie.into());
        }
        let offset = header.debug_abbrev_offset().0;
        let table = abbreviations::only(&self.dwarf.debug_abbrev, offset, code, &self.work)?;
        Root::read(&self.dwarf, header, table, &self.work)
    }

    /// Calls `found` for each non-empty range of an entry; returns whether there was one.
    ///
    /// # Errors
    /// The error of `found`, or that there are more ranges than any compiler writes, or that they are
    /// damaged.
    pub fn each_range(
        &self,
        ranges: &Ranges<Bytes>,
        unit: &Unit<Bytes>,
        counter: &mut Counter<'_>,
        found: impl FnMut(u64, u64) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        ranges.each(&self.dwarf, unit, &self.ranges_left, counter, found)
    }

    fn table(&self, offset: usize) -> Result<Arc<Table>, Fault> {
        self.tables.at(&self.dwarf.debug_abbrev, offset, &self.work)
    }

    /// The same sections without reference counts, so that reading a name costs nothing.
    pub fn borrowed(&self) -> Dwarf<Slice<'_>> {
        fn slice(bytes: &Bytes) -> Slice<'_> {
            Slice::new(bytes.bytes(), LittleEndian)
        }
        let dwarf = &self.dwarf;
        Dwarf {
            debug_abbrev: slice(dwarf.debug_abbrev.reader()).into(),
            debug_addr: slice(dwarf.debug_addr.reader()).into(),
            debug_info: slice(dwarf.debug_info.reader()).into(),
            debug_line: slice(dwarf.debug_line.reader()).into(),
            debug_line_str: slice(dwarf.debug_line_str.reader()).into(),
            debug_str: slice(dwarf.debug_str.reader()).into(),
            debug_str_offsets: slice(dwarf.debug_str_offsets.reader()).into(),
            file_type: dwarf.file_type,
            ..Dwarf::default()
        }
    }
}

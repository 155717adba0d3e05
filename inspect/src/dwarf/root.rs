//! A unit and its first entry, without the table of lines: that is read when a line is asked for.

use std::sync::Arc;

use gimli::{
    Abbreviations, AttributeValue, DebugAddrBase, DebugLineOffset, DebugLocListsBase, DebugRngListsBase,
    DebugStrOffsetsBase, Dwarf, Reader, Unit, UnitHeader, UnitType, constants,
};

use super::abbreviations::Table;
use super::{Fault, Part, string};
use crate::files::sections::Bytes;
use crate::files::{Counter, Work};

/// A unit, with what its first entry says about code and lines.
#[derive(Debug)]
pub(crate) struct Root<R: Reader> {
    /// Without a line program.
    pub(crate) unit: Unit<R>,
    /// Where its table of lines is.
    pub(crate) lines: Option<DebugLineOffset<R::Offset>>,
    pub(crate) ranges: Ranges<R>,
    /// Kept for as long as the unit: its abbreviations are charged to it.
    pub(crate) table: Option<Arc<Table>>,
}

/// Attributes that say which addresses an entry is about.
#[derive(Debug, Clone)]
pub(crate) struct Ranges<R: Reader> {
    pub(crate) low: Option<AttributeValue<R>>,
    pub(crate) high: Option<AttributeValue<R>>,
    pub(crate) list: Option<AttributeValue<R>>,
}

impl<R: Reader> Default for Ranges<R> {
    fn default() -> Ranges<R> {
        Ranges { low: None, high: None, list: None }
    }
}

impl<R: Reader> Ranges<R> {
    /// Takes an attribute, if it is one of these.
    pub(crate) fn take(&mut self, name: constants::DwAt, value: AttributeValue<R>) {
        match name {
            constants::DW_AT_low_pc => self.low = Some(value),
            constants::DW_AT_high_pc => self.high = Some(value),
            constants::DW_AT_ranges => self.list = Some(value),
            _ => {}
        }
    }

    pub(crate) fn is_one(name: constants::DwAt) -> bool {
        matches!(name, constants::DW_AT_low_pc | constants::DW_AT_high_pc | constants::DW_AT_ranges)
    }
}

impl Ranges<Bytes> {
    /// Calls `found` for each range that is not empty; whether there was one. All entries of a list are
    /// counted, those that give no range included.
    pub(crate) fn each(
        &self,
        part: &Part,
        unit: &Unit<Bytes>,
        counter: &mut Counter<'_>,
        mut found: impl FnMut(u64, u64) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        let dwarf = &part.dwarf;
        let mut any = false;
        let mut add = |begin: u64, end: u64| {
            // The linker gives functions that it left out an address at the very end, or 0.
            if begin < end && begin != 0 {
                any = true;
                return found(begin, end);
            }
            Ok(())
        };
        if let Some(offset) = self.list.clone().and_then(|list| dwarf.attr_ranges_offset(unit, list).ok()?) {
            let mut list = dwarf.ranges(unit, offset)?;
            while let Some(entry) = list.next_raw()? {
                counter.step()?;
                part.count_range()?;
                if let Some(range) = list.convert_raw(entry)? {
                    add(range.begin, range.end)?;
                }
            }
            return Ok(any);
        }
        let address =
            |value: &Option<AttributeValue<Bytes>>| dwarf.attr_address(unit, value.clone()?).ok()?;
        let Some(begin) = address(&self.low) else { return Ok(false) };
        let end = match &self.high {
            Some(AttributeValue::Udata(size)) => begin.checked_add(*size),
            _ => address(&self.high),
        };
        if let Some(end) = end {
            add(begin, end)?;
        }
        Ok(any)
    }
}

impl<R: Reader<Offset = usize>> Root<R> {
    pub(crate) fn read(
        dwarf: &Dwarf<R>,
        header: UnitHeader<R>,
        abbreviations: Arc<Abbreviations>,
        work: &Work,
    ) -> Result<Root<R>, Fault> {
        let (encoding, kind) = (header.encoding(), dwarf.file_type);
        let mut unit = Unit {
            abbreviations,
            name: None,
            comp_dir: None,
            low_pc: 0,
            str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, kind),
            // `.debug_addr` is never split off, so it begins at 0 or where an attribute says.
            addr_base: DebugAddrBase(0),
            loclists_base: DebugLocListsBase::default_for_encoding_and_file(encoding, kind),
            rnglists_base: DebugRngListsBase::default_for_encoding_and_file(encoding, kind),
            line_program: None,
            dwo_id: match header.type_() {
                UnitType::Skeleton(id) | UnitType::SplitCompilation(id) => Some(id),
                _ => None,
            },
            header,
        };
        let (mut name, mut directory, mut lines) = (None, None, None);
        let mut ranges = Ranges::default();
        let table = unit.abbreviations.clone();
        let header = unit.header.clone();
        let mut entries = header.entries_raw(&table, None)?;
        let mut counter = work.counter();
        let before = entries.next_offset().0;
        let first = entries.read_abbreviation()?.ok_or(gimli::Error::MissingUnitDie)?;
        for specification in first.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            let value = attribute.value();
            match (attribute.name(), value) {
                (constants::DW_AT_name, value) => name = Some(value),
                (constants::DW_AT_comp_dir, value) => directory = Some(value),
                (constants::DW_AT_stmt_list, AttributeValue::DebugLineRef(offset)) => lines = Some(offset),
                (constants::DW_AT_str_offsets_base, AttributeValue::DebugStrOffsetsBase(base)) => {
                    unit.str_offsets_base = base;
                }
                (
                    constants::DW_AT_addr_base | constants::DW_AT_GNU_addr_base,
                    AttributeValue::DebugAddrBase(base),
                ) => unit.addr_base = base,
                (constants::DW_AT_loclists_base, AttributeValue::DebugLocListsBase(base)) => {
                    unit.loclists_base = base;
                }
                (
                    constants::DW_AT_rnglists_base | constants::DW_AT_GNU_ranges_base,
                    AttributeValue::DebugRngListsBase(base),
                ) => unit.rnglists_base = base,
                (constants::DW_AT_GNU_dwo_id, AttributeValue::DwoId(id)) if unit.dwo_id.is_none() => {
                    unit.dwo_id = Some(id);
                }
                (name, value) => ranges.take(name, value),
            }
        }
        counter.bytes(entries.next_offset().0 - before)?;
        if let Some(name) = name {
            unit.name = string(dwarf, &unit, name, &mut counter)?;
        }
        if let Some(directory) = directory {
            unit.comp_dir = string(dwarf, &unit, directory, &mut counter)?;
        }
        if let Some(low) = ranges.low.clone() {
            unit.low_pc = dwarf.attr_address(&unit, low)?.unwrap_or(0);
        }
        Ok(Root { unit, lines, ranges, table: None })
    }
}

//! A unit and its first entry, without the table of lines, which is read when a line is requested.

use std::sync::Arc;

use gimli::{
    Abbreviations, AttributeValue, DebugAddrBase, DebugLineOffset, DebugLocListsBase, DebugRngListsBase,
    DebugStrOffsetsBase, Dwarf, Reader, Unit, UnitHeader, UnitType, constants,
};

use crate::abbreviations::Table;
use crate::fault::Fault;
use crate::ranges::Ranges;
use crate::strings::string;
use crate::work::Work;

/// A unit, with the attributes of its first entry for code and lines.
#[derive(Debug)]
pub struct Root<R: Reader> {
    /// Without a line program.
    pub unit: Unit<R>,
    /// Offset of its table of lines.
    pub lines: Option<DebugLineOffset<R::Offset>>,
    /// Addresses of its code.
    pub ranges: Ranges<R>,
    /// Kept as long as the unit: its abbreviations are charged to it.
    pub table: Option<Arc<Table>>,
}

impl<R: Reader<Offset = usize>> Root<R> {
    /// Reads the first entry of a unit.
    ///
    /// # Errors
    /// When it is damaged, or no time is left.
    pub fn read(
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
            // `.debug_addr` is never split, so it begins at 0 or where an attribute states.
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

//! Finds entries: a number that stands for one, the unit it is in, and the unit's split-off part.
//!
//! An entry's number is its offset in `.debug_info`, plus the number of the part it is in: 0 for the
//! module's own file, `n + 1` for what unit `n` keeps in a `.dwo` or `.dwp`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gimli::{AttributeValue, DebugInfoOffset, Dwarf, DwoId, Reader as _, Unit, UnitOffset, UnitType};

use super::TypeError;
use super::sections::{Bytes, Sections};
use super::split::SplitFiles;

/// An entry of one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct EntryId(pub(super) u64);

const OFFSET_BITS: u32 = 40;
const PART_BITS: u32 = 16;

/// Bits of an [`EntryId`] in use; above them there is room for the module's number.
pub(super) const ENTRY_BITS: u32 = OFFSET_BITS + PART_BITS;

/// More attributes than any compiler gives an entry. Attributes may take no bytes, so that without
/// a bound a small file could make every entry cost megabytes of work.
pub(super) const MOST_ATTRIBUTES: usize = 256;

impl EntryId {
    pub(super) fn new(part: usize, offset: u64) -> Option<EntryId> {
        let fits = offset >> OFFSET_BITS == 0 && (part as u64) >> PART_BITS == 0;
        fits.then_some(EntryId((part as u64) << OFFSET_BITS | offset))
    }

    pub(super) fn part(self) -> usize {
        (self.0 >> OFFSET_BITS) as usize
    }

    pub(super) fn offset(self) -> u64 {
        self.0 & ((1 << OFFSET_BITS) - 1)
    }

    pub(super) fn damaged(self, why: impl ToString) -> TypeError {
        TypeError::Damaged { offset: self.offset(), why: why.to_string() }
    }
}

/// One `.debug_info` and what belongs to it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) dwarf: Dwarf<Bytes>,
    /// Its units by offset.
    pub(super) units: Vec<Span>,
}

/// Where a unit is in its part, header included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Set for a unit whose entries are in another file.
    pub(super) skeleton: Option<DwoId>,
}

/// A unit that was read: its abbreviations are parsed.
#[derive(Debug)]
pub(super) struct LoadedUnit {
    pub(super) part: Arc<Part>,
    /// Where the strings of its line table are: a split-off unit has its skeleton's table.
    lines: Arc<Part>,
    pub(super) number: usize,
    pub(super) unit: Unit<Bytes>,
    /// Offset of the unit's header in its part.
    pub(super) start: u64,
    /// Number of its first and only part, which makes it and its offset an [`EntryId`].
    pub(super) part_number: usize,
}

/// A module's debug information, to be looked up.
#[derive(Debug)]
pub(super) struct ModuleDwarf {
    main: Arc<Part>,
    split: SplitFiles,
    loaded: RefCell<HashMap<(usize, usize), Rc<LoadedUnit>>>,
    parts: RefCell<HashMap<usize, Option<Arc<Part>>>>,
}

/// A unit whose entries are elsewhere has some fifty bytes.
const LARGEST_SKELETON: u64 = 4096;

/// Listing takes milliseconds. In a file made up to have each of many units read the same large
/// table of abbreviations it would take days: then those are used that were listed by now.
const LONGEST_LISTING: Duration = Duration::from_secs(10);

impl Part {
    /// Lists the units of a file. A damaged header ends the list: nothing after it can be found.
    pub(super) fn new(dwarf: Dwarf<Bytes>) -> Part {
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        let give_up = Instant::now() + LONGEST_LISTING;
        while let Ok(Some(header)) = headers.next() {
            if Instant::now() > give_up {
                break;
            }
            let Some(offset) = header.debug_info_offset() else { continue };
            let start = offset.0 as u64;
            let end = start + header.length_including_self() as u64;
            let skeleton = match header.type_() {
                UnitType::Skeleton(id) => Some(id),
                // Before DWARF 5 only the first entry tells (GCC's "DebugFission"), the only one there.
                UnitType::Compilation if header.version() < 5 && end - start < LARGEST_SKELETON => {
                    dwarf.unit(header).ok().and_then(|unit| unit.dwo_id)
                }
                _ => None,
            };
            units.push(Span { start, end, skeleton });
        }
        Part { dwarf, units }
    }

    pub(super) fn of_sections(sections: &Sections) -> Part {
        let load = |id| Ok::<_, gimli::Error>(sections.get(id));
        let mut dwarf = Dwarf::load(load).unwrap_or_else(|_| unreachable!("loading does not fail"));
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        Part::new(dwarf)
    }

    /// The unit with an offset in it.
    fn unit_at(&self, offset: u64) -> Option<usize> {
        let after = self.units.partition_point(|unit| unit.start <= offset);
        let index = after.checked_sub(1)?;
        (offset < self.units[index].end).then_some(index)
    }

    pub(super) fn read_unit(&self, index: usize) -> gimli::Result<Unit<Bytes>> {
        let offset = DebugInfoOffset(self.units[index].start as usize);
        self.dwarf.unit(self.dwarf.unit_header(offset)?)
    }
}

impl ModuleDwarf {
    pub(super) fn new(sections: &Sections, split: SplitFiles) -> ModuleDwarf {
        let main = Arc::new(Part::of_sections(sections));
        ModuleDwarf { main, split, loaded: RefCell::default(), parts: RefCell::default() }
    }

    pub(super) fn main(&self) -> &Arc<Part> {
        &self.main
    }

    pub(super) fn split(&self) -> &SplitFiles {
        &self.split
    }

    /// The unit an entry is in.
    pub(super) fn unit_of(&self, id: EntryId) -> Result<Rc<LoadedUnit>, TypeError> {
        let part_number = id.part();
        let part = self.part(id)?;
        let number = part.unit_at(id.offset()).ok_or_else(|| id.damaged("it is in no unit"))?;
        if let Some(unit) = self.loaded.borrow().get(&(part_number, number)) {
            return Ok(unit.clone());
        }
        let mut unit = part.read_unit(number).map_err(|error| id.damaged(error))?;
        let mut lines = part.clone();
        if let Some(skeleton) = part_number.checked_sub(1) {
            if unit.line_program.is_none() {
                lines = self.main.clone();
            }
            let skeleton = self.main.read_unit(skeleton).map_err(|error| id.damaged(error))?;
            adopt(&mut unit, skeleton);
        }
        let start = part.units[number].start;
        let loaded = Rc::new(LoadedUnit { part, lines, number, unit, start, part_number });
        self.loaded.borrow_mut().insert((part_number, number), loaded.clone());
        Ok(loaded)
    }

    fn part(&self, id: EntryId) -> Result<Arc<Part>, TypeError> {
        let Some(skeleton) = id.part().checked_sub(1) else { return Ok(self.main.clone()) };
        if skeleton >= self.main.units.len() {
            return Err(id.damaged("it is in no unit"));
        }
        self.parts
            .borrow_mut()
            .entry(id.part())
            .or_insert_with(|| self.split.open(&self.main, skeleton).map(|(part, _)| Arc::new(part)).ok())
            .clone()
            .ok_or_else(|| TypeError::NotDescribed {
                name: "a type in a .dwo file that is missing".to_owned(),
            })
    }
}

/// Gives a split-off unit what only its skeleton has: bases of addresses, and the line table, which
/// names the files of its declarations too.
pub(super) fn adopt<R: gimli::Reader>(unit: &mut Unit<R>, skeleton: Unit<R>) {
    unit.copy_relocated_attributes(&skeleton);
    if unit.line_program.is_none() {
        unit.line_program = skeleton.line_program;
    }
    if unit.comp_dir.is_none() {
        unit.comp_dir = skeleton.comp_dir;
    }
}

impl LoadedUnit {
    pub(super) fn id(&self, offset: UnitOffset) -> Option<EntryId> {
        EntryId::new(self.part_number, self.start.checked_add(offset.0 as u64)?)
    }

    pub(super) fn offset(&self, id: EntryId) -> UnitOffset {
        UnitOffset((id.offset() - self.start) as usize)
    }

    /// The entry an attribute refers to, which may be in another unit of the same part (LTO).
    pub(super) fn reference(&self, value: &AttributeValue<Bytes>) -> Option<EntryId> {
        match value {
            AttributeValue::UnitRef(offset) => self.id(*offset),
            AttributeValue::DebugInfoRef(offset) => EntryId::new(self.part_number, offset.0 as u64),
            _ => None,
        }
    }

    /// A string, cut where no name goes on.
    pub(super) fn string(&self, value: AttributeValue<Bytes>) -> Option<String> {
        let bytes = self.part.dwarf.attr_string(&self.unit, value).ok()?;
        Some(text(&bytes.to_slice().ok()?))
    }

    /// A string of the unit's line table.
    pub(super) fn line_string(&self, value: AttributeValue<Bytes>) -> Option<String> {
        let bytes = self.lines.dwarf.attr_string(&self.unit, value).ok()?;
        Some(text(&bytes.to_slice().ok()?))
    }
}

/// Type names of deeply nested futures grow to many kilobytes; what is longer than this is cut, so
/// that damaged debug information cannot fill the memory.
const LONGEST_NAME: usize = 16 << 10;

pub(super) fn text(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(LONGEST_NAME)];
    String::from_utf8_lossy(shown).into_owned()
}

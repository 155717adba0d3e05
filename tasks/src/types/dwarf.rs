//! Finds entries: the number of an entry, its unit, and the split part of that unit.
//!
//! An entry's number is its offset in `.debug_info` and the number of its part: 0 for the module's own file,
//! `n + 1` for the part of unit `n` in a `.dwo` or `.dwp`.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use gimli::{
    AttributeValue, DebugLineOffset, DebuggingInformationEntry, LineProgramHeader, Unit, UnitOffset,
};
use rgops_dwarf::{
    Bytes, Charge, Exhausted, Fault, Part, Root, Sections, SplitFiles, Table, Work, line_header, name,
};

use crate::types::shape::TypeError;

/// An entry's tag and attributes.
pub(super) type Entry = DebuggingInformationEntry<Bytes>;

/// An entry of one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct EntryId(pub(super) u64);

const OFFSET_BITS: u32 = 40;
const PART_BITS: u32 = 16;

/// Bits of an [`EntryId`] in use; the bits above hold the module's number.
pub(super) const ENTRY_BITS: u32 = OFFSET_BITS + PART_BITS;

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

/// A unit that was read: its abbreviations are parsed.
#[derive(Debug)]
pub(super) struct LoadedUnit {
    pub(super) part: Arc<Part>,
    /// Position of its line table: a split unit uses that of its skeleton.
    lines: (Arc<Part>, Option<DebugLineOffset>),
    /// The files in that table, read on demand.
    header: OnceCell<Option<(LineProgramHeader<Bytes>, Charge)>>,
    pub(super) number: usize,
    pub(super) unit: Unit<Bytes>,
    /// Charges of its abbreviations and of the unit itself.
    _charges: (Option<Arc<Table>>, Charge),
    /// Offset of the unit's header in its part.
    pub(super) start: u64,
    /// Number of the part that the unit is in; with an offset it makes an [`EntryId`].
    pub(super) part_number: usize,
}

/// Memory of a unit that is kept, and of its entry in the list.
const UNIT_BYTES: u64 = 2 * size_of::<LoadedUnit>() as u64;

/// The debug information of a module, for lookups.
#[derive(Debug)]
pub(super) struct ModuleDwarf {
    main: Arc<Part>,
    split: SplitFiles,
    loaded: RefCell<HashMap<(usize, usize), Rc<LoadedUnit>>>,
    parts: RefCell<HashMap<usize, Option<Arc<Part>>>>,
}

impl ModuleDwarf {
    pub(super) fn new(sections: &Sections, split: SplitFiles, work: &Work) -> Result<ModuleDwarf, Fault> {
        let main = Arc::new(Part::of_sections(sections, work)?);
        Ok(ModuleDwarf { main, split, loaded: RefCell::default(), parts: RefCell::default() })
    }

    pub(super) fn main(&self) -> &Arc<Part> {
        &self.main
    }

    pub(super) fn split(&self) -> &SplitFiles {
        &self.split
    }

    /// The unit that contains an entry.
    pub(super) fn unit_of(&self, id: EntryId) -> Result<Rc<LoadedUnit>, TypeError> {
        let part_number = id.part();
        let part = self.part(id)?;
        let number = part.unit_at(id.offset()).ok_or_else(|| id.damaged("it is not in any unit"))?;
        if let Some(unit) = self.loaded.borrow().get(&(part_number, number)) {
            return Ok(unit.clone());
        }
        let charge = Charge::new(part.work.budget(), UNIT_BYTES)?;
        let mut root = part.read_unit(number).map_err(|fault| of_fault(id, fault))?;
        let mut lines = part.clone();
        if let Some(skeleton) = part_number.checked_sub(1) {
            if root.lines.is_none() {
                lines = self.main.clone();
            }
            let skeleton = self.main.read_unit(skeleton).map_err(|fault| of_fault(id, fault))?;
            adopt(&mut root, skeleton);
        }
        let start = part.units[number].start;
        let (lines, unit, header) = ((lines, root.lines), root.unit, OnceCell::new());
        let _charges = (root.table, charge);
        let loaded = Rc::new(LoadedUnit { part, lines, header, number, unit, _charges, start, part_number });
        self.loaded.borrow_mut().insert((part_number, number), loaded.clone());
        Ok(loaded)
    }

    fn part(&self, id: EntryId) -> Result<Arc<Part>, TypeError> {
        let Some(skeleton) = id.part().checked_sub(1) else { return Ok(self.main.clone()) };
        if skeleton >= self.main.units.len() {
            return Err(id.damaged("it is not in any unit"));
        }
        let missing = || TypeError::NotDescribed { name: "a type in a .dwo file that is missing".to_owned() };
        if let Some(known) = self.parts.borrow().get(&id.part()) {
            return known.clone().ok_or_else(missing);
        }
        let opened = match self.split.open(&self.main, skeleton) {
            Ok((part, _)) => Some(Arc::new(part)),
            // Other units may have memory or time again later.
            Err(Fault::Exhausted(limit)) => return Err(limit.into()),
            Err(Fault::Damaged(_) | Fault::Refused(_)) => None,
        };
        self.parts.borrow_mut().insert(id.part(), opened.clone());
        opened.ok_or_else(missing)
    }
}

/// Why an entry is not available, from the error that ended the reading of its unit.
fn of_fault(id: EntryId, fault: Fault) -> TypeError {
    match fault {
        Fault::Exhausted(limit) => limit.into(),
        Fault::Damaged(_) | Fault::Refused(_) => id.damaged(fault),
    }
}

/// Gives a split unit the attributes that only its skeleton has: bases of addresses, and the line table,
/// which also names the files of its declarations.
pub(super) fn adopt<R: gimli::Reader<Offset = usize>>(root: &mut Root<R>, skeleton: Root<R>) {
    root.unit.copy_relocated_attributes(&skeleton.unit);
    if root.lines.is_none() {
        root.lines = skeleton.lines;
    }
    if root.unit.comp_dir.is_none() {
        root.unit.comp_dir = skeleton.unit.comp_dir;
    }
}

impl LoadedUnit {
    pub(super) fn id(&self, offset: UnitOffset) -> Option<EntryId> {
        EntryId::new(self.part_number, self.start.checked_add(offset.0 as u64)?)
    }

    pub(super) fn offset(&self, id: EntryId) -> UnitOffset {
        UnitOffset((id.offset() - self.start) as usize)
    }

    /// The entry that an attribute refers to, which may be in another unit of the same part (LTO).
    pub(super) fn reference(&self, value: &AttributeValue<Bytes>) -> Option<EntryId> {
        match value {
            AttributeValue::UnitRef(offset) => self.id(*offset),
            AttributeValue::DebugInfoRef(offset) => EntryId::new(self.part_number, offset.0 as u64),
            _ => None,
        }
    }

    /// A string, cut at the maximum length of a name.
    pub(super) fn string(&self, value: AttributeValue<Bytes>) -> Option<String> {
        self.text_in(&self.part, value).ok().flatten()
    }

    /// A string of the unit's line table.
    pub(super) fn line_string(&self, value: AttributeValue<Bytes>) -> Result<Option<String>, Exhausted> {
        self.text_in(&self.lines.0, value)
    }

    fn text_in(&self, part: &Part, value: AttributeValue<Bytes>) -> Result<Option<String>, Exhausted> {
        name(&part.dwarf, &self.unit, value, &mut part.work.counter())
    }

    /// The files of the unit's line table.
    pub(super) fn line_header(&self) -> Option<&LineProgramHeader<Bytes>> {
        let read = || {
            let (part, offset) = &self.lines;
            let (program, charge) = line_header(part, (*offset)?, &self.unit).ok()?;
            Some((program.header().clone(), charge))
        };
        self.header.get_or_init(read).as_ref().map(|(header, _)| header)
    }
}

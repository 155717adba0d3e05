//! Finds the debug information of an address: its unit, and in it the function, calls and lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use gimli::{SectionId, UnitType};
use rgops_dwarf::{Charge, Fault, LeftOut, LineTable, Part, Sections, SplitFiles, Work};

use crate::symbols::debug::inlined::MAX_INLINED;
use crate::symbols::debug::place::Place;
use crate::symbols::debug::unit::Unit;

/// Sections with names.
pub(crate) const WANTED: [SectionId; 9] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// The debug information of an address.
#[derive(Debug)]
pub(in crate::symbols) struct Found {
    /// The function that was called; `None` if debug information does not describe it.
    pub(in crate::symbols) function: Option<Function>,
    /// The source position of the address, in the innermost function.
    pub(in crate::symbols) place: Option<Place>,
    /// The calls inlined there, outermost first.
    pub(in crate::symbols) inlined: Vec<Inlined>,
}

/// A function with code of its own.
#[derive(Debug)]
pub(in crate::symbols) struct Function {
    /// The linker's name, otherwise the name in the source; empty if it has none.
    pub(in crate::symbols) name: String,
    /// svma of its first byte.
    pub(in crate::symbols) start: u64,
}

/// An inlined call.
#[derive(Debug)]
pub(in crate::symbols) struct Inlined {
    pub(in crate::symbols) name: String,
    /// The call site.
    pub(in crate::symbols) called_at: Option<Place>,
}

/// Debug information of one module.
#[derive(Debug)]
pub(in crate::symbols) struct DebugInformation {
    pub(super) main: Arc<Part>,
    /// Parts shared by several files (`.gnu_debugaltlink`).
    pub(super) supplement: Option<Arc<Part>>,
    split: SplitFiles,
    /// Sorted by begin.
    ranges: Vec<UnitRange>,
    units: HashMap<UnitKey, Result<Unit, Fault>>,
    left_out: LeftOut,
    charge: Charge,
}

/// Addresses of a unit.
#[derive(Debug, Clone, Copy)]
struct UnitRange {
    begin: u64,
    end: u64,
    /// The highest end of this range and all earlier ones.
    highest_end: u64,
    unit: usize,
}

/// A range in a sorted list that may have twice the capacity that it needs.
const RANGE_BYTES: u64 = 2 * size_of::<UnitRange>() as u64;

/// Bookkeeping of a unit, besides the memory that the unit itself charges.
const UNIT_BYTES: u64 = 2 * size_of::<(UnitKey, Result<Unit, Fault>)>() as u64;

/// A unit by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum UnitKey {
    Main(usize),
    Supplement(usize),
}

impl DebugInformation {
    /// Indexes the units.
    pub(in crate::symbols) fn new(
        sections: &Sections,
        supplement: Option<&Sections>,
        split: SplitFiles,
        work: &Work,
    ) -> Result<DebugInformation, Fault> {
        let mut dwarf = Part::dwarf_of(sections)?;
        let supplement = match supplement {
            Some(sections) => {
                dwarf.set_sup(Part::dwarf_of(sections)?);
                Some(Arc::new(Part::of_sections(sections, work)?))
            }
            None => None,
        };
        let main = Arc::new(Part::new(dwarf, sections.charge(), work)?);
        let mut charge = Charge::none(work.budget());
        let mut left_out = LeftOut::default();
        let ranges = unit_ranges(&main, &mut charge, &mut left_out)?;
        for part in [Some(&main), supplement.as_ref()].into_iter().flatten() {
            if let Some(why) = &part.unlisted {
                left_out.add(why);
            }
        }
        let units = HashMap::new();
        Ok(DebugInformation { main, supplement, split, ranges, units, left_out, charge })
    }

    /// Units that were not indexed.
    pub(in crate::symbols) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// The debug information of an address; `None` if no unit contains it.
    pub(in crate::symbols) fn find(&mut self, svma: u64) -> Result<Option<Found>, Fault> {
        let units = self.units_with(svma)?;
        let mut function = None;
        for number in &units {
            let found = self.with_unit(UnitKey::Main(*number), |unit, main| unit.function_at(svma, main))?;
            if let Some(range) = found {
                function = Some((*number, range));
                break;
            }
        }
        let mut place = None;
        // The unit of the function first: others may have lines for the same code, which the linker folded.
        let own = function.as_ref().map(|(number, _)| number);
        for number in own.into_iter().chain(&units) {
            place = self.with_unit(UnitKey::Main(*number), |unit, main| unit.place_at(svma, main))?;
            if place.is_some() {
                break;
            }
        }
        let Some((number, range)) = function else {
            return Ok(place.map(|place| Found { function: None, place: Some(place), inlined: Vec::new() }));
        };
        let mut inlined = Vec::new();
        if place.is_some() {
            let calls = self
                .with_unit(UnitKey::Main(number), |unit, main| unit.inlined_at(svma, range.offset, main))?;
            for call in calls.iter().take(MAX_INLINED) {
                let name = self.name(UnitKey::Main(number), call.offset)?;
                let called_at =
                    self.with_unit(UnitKey::Main(number), |unit, main| unit.called_at(call, main))?;
                inlined.push(Inlined { name, called_at });
            }
        }
        let name = self.name(UnitKey::Main(number), range.offset)?;
        Ok(Some(Found { function: Some(Function { name, start: range.start }), place, inlined }))
    }

    /// Units that contain the address, the last one to begin first.
    fn units_with(&self, svma: u64) -> Result<Vec<usize>, Fault> {
        let after = self.ranges.partition_point(|range| range.begin <= svma);
        let before = self.ranges[..after].iter().rev().take_while(|range| svma < range.highest_end);
        let mut counter = self.main.work.counter();
        let mut units = Vec::new();
        for range in before {
            counter.step()?;
            if svma < range.end && !units.contains(&range.unit) {
                units.push(range.unit);
            }
            if units.len() == MAX_UNITS {
                break;
            }
        }
        Ok(units)
    }

    /// Calls `act` with a unit, which is read if it was not before.
    pub(super) fn with_unit<T>(
        &mut self,
        key: UnitKey,
        act: impl FnOnce(&mut Unit, &Part) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (part, number) = match (key, &self.supplement) {
            (UnitKey::Main(number), _) => (&self.main, number),
            (UnitKey::Supplement(number), Some(part)) => (part, number),
            (UnitKey::Supplement(_), None) => {
                return Err(Fault::refused("its supplementary file was not found"));
            }
        };
        let unit = match self.units.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let read = Unit::read(part, number, &self.split);
                // A unit that cannot be read is also remembered.
                let why = read.as_ref().err().map_or(0, |fault| fault.to_string().len());
                self.charge.grow(UNIT_BYTES + why as u64)?;
                place.insert(read)
            }
        };
        match unit {
            Ok(unit) => act(unit, part),
            Err(fault) => Err(fault.clone()),
        }
    }
}

/// Maximum units that overlap at an address: the linker may keep one of several identical functions.
const MAX_UNITS: usize = 64;

fn unit_ranges(main: &Part, charge: &mut Charge, left_out: &mut LeftOut) -> Result<Vec<UnitRange>, Fault> {
    let mut ranges = Vec::new();
    let mut counter = main.work.counter();
    for number in 0..main.units.len() {
        counter.step()?;
        let header = match main.header(number) {
            Ok(header) => header,
            Err(why) => {
                left_out.add(&why);
                continue;
            }
        };
        if !matches!(header.type_(), UnitType::Compilation | UnitType::Skeleton(_)) {
            continue;
        }
        let mut add = |begin: u64, end: u64| {
            charge.grow(RANGE_BYTES)?;
            ranges.push(UnitRange { begin, end, highest_end: end, unit: number });
            Ok(())
        };
        // A damaged unit costs only its own names, and that is reported.
        let stated = main.first_entry(header).and_then(|root| {
            if main.each_range(&root.ranges, &root.unit, &mut counter, &mut add)? {
                return Ok(());
            }
            // A unit that states no addresses may still have lines.
            let Some(offset) = root.lines else { return Ok(()) };
            let lines = LineTable::read(main, offset, &root.unit)?;
            lines
                .ranges()
                .filter(|(begin, end)| *begin != 0 && begin < end)
                .try_for_each(|(begin, end)| add(begin, end))
        });
        match stated {
            // A unit without entries does not lack anything.
            Ok(()) | Err(Fault::Damaged(gimli::Error::MissingUnitDie)) => {}
            Err(Fault::Exhausted(limit)) => return Err(limit.into()),
            Err(why) => left_out.add(&why),
        }
    }
    ranges.sort_by_key(|range| range.begin);
    let mut highest_end = 0;
    for range in &mut ranges {
        highest_end = range.end.max(highest_end);
        range.highest_end = highest_end;
    }
    Ok(ranges)
}

//! A `.dwp`: the split debug information of many units, and an index from units to their sections (DWARF 5,
//! section 7.3.5).
//!
//! The index is searched here and the steps are counted, because its table can be made so that each lookup
//! reads all of it.

use std::sync::Arc;

use gimli::{Dwarf, DwarfPackage, DwoId, Reader as _, SectionId};

use crate::charge::Charge;
use crate::fault::Fault;
use crate::part::Part;
use crate::sections::{Bytes, Sections};

/// Maximum length of an index. Each unit has about a hundred bytes in it.
const LARGEST_INDEX: usize = 32 << 20;

/// Before the table: version, and the numbers of columns, units and slots.
const HEADER_BYTES: usize = 16;

/// The sections of a package, and the index of its units.
#[derive(Debug)]
pub(crate) struct Package {
    dwarf: DwarfPackage<Bytes>,
    index: Bytes,
    charge: Arc<Charge>,
}

impl Package {
    pub(crate) fn new(sections: &Sections) -> Result<Package, Fault> {
        if !sections.is_package() {
            return Err(Fault::refused("it is not a package of debug information (.dwp)"));
        }
        let index = sections.get(SectionId::DebugCuIndex);
        let types = sections.get(SectionId::DebugTuIndex);
        if index.len().max(types.len()) > LARGEST_INDEX {
            return Err(Fault::refused("its index is larger than 32 MiB"));
        }
        let empty = sections.get(SectionId::EhFrame);
        let dwarf = DwarfPackage::load(|id| Ok::<_, gimli::Error>(sections.get(id)), empty)?;
        Ok(Package { dwarf, index, charge: sections.charge().clone() })
    }

    pub(crate) fn charge(&self) -> &Arc<Charge> {
        &self.charge
    }

    /// The sections of a unit whose skeleton is in the main file.
    pub(crate) fn find(&self, id: DwoId, main: &Part) -> Result<Option<Dwarf<Bytes>>, Fault> {
        let mut counter = main.work.counter();
        let slots = self.dwarf.cu_index.slot_count();
        let row = row_of(self.index.bytes(), slots, id, || counter.step().map_err(Fault::from))?;
        // A missing row means that the package does not have the unit.
        Ok(row.and_then(|row| self.dwarf.cu_sections(row, &main.dwarf).ok()))
    }
}

/// The row of a unit, by the table's double hashing.
fn row_of(
    index: &[u8],
    slots: u32,
    DwoId(id): DwoId,
    mut step: impl FnMut() -> Result<(), Fault>,
) -> Result<Option<u32>, Fault> {
    let Some(mask) = slots.checked_sub(1).map(u64::from) else { return Ok(None) };
    let slots = slots as usize;
    let (ids, rows) = (HEADER_BYTES, HEADER_BYTES + 8 * slots);
    let (mut slot, stride) = (id & mask, ((id >> 32) & mask) | 1);
    for _ in 0..slots {
        step()?;
        let at = slot as usize;
        let known = index.get(ids + 8 * at..).and_then(|bytes| bytes.first_chunk());
        match known.map(|bytes| u64::from_le_bytes(*bytes)) {
            Some(known) if known == id => {
                let row = index.get(rows + 4 * at..).and_then(|bytes| bytes.first_chunk());
                return Ok(row.map(|bytes| u32::from_le_bytes(*bytes)));
            }
            None | Some(0) => return Ok(None),
            Some(_) => slot = (slot + stride) & mask,
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Exhausted};
    use crate::work::Work;

    /// An index with these units in the first slots, each in the row of its number, counted from 1.
    fn index(slots: u32, ids: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES + 12 * slots as usize];
        for (at, id) in ids.iter().enumerate() {
            bytes[HEADER_BYTES + 8 * at..][..8].copy_from_slice(&id.to_le_bytes());
            let row = HEADER_BYTES + 8 * slots as usize + 4 * at;
            bytes[row..][..4].copy_from_slice(&(at as u32 + 1).to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_unit_is_found_in_its_slot_and_after_a_collision() {
        // 4 hashes to the slot of 0x10_0000_0000, and has stride 1.
        let bytes = index(4, &[0x10_0000_0000, 4]);
        let find = |id| row_of(&bytes, 4, DwoId(id), || Ok(())).ok().flatten();
        assert_eq!((find(0x10_0000_0000), find(4), find(8), find(3)), (Some(1), Some(2), None, None));
        assert_eq!(row_of(&bytes[..20], 4, DwoId(4), || Ok(())).ok().flatten(), None, "it is truncated");
        assert_eq!(row_of(&bytes, 0, DwoId(4), || Ok(())).ok().flatten(), None);
    }

    #[test]
    fn each_lookup_in_a_full_table_is_counted() {
        let slots = 1 << 16;
        let bytes = index(slots, &vec![u64::MAX; slots as usize]);
        let work = Work::limited(&Budget::new(0), 1_000_000);
        let find = || {
            let mut counter = work.counter();
            row_of(&bytes, slots, DwoId(7), || counter.step().map_err(Fault::from))
        };
        let ended = (0..1000).map(|_| find()).find_map(Result::err);
        assert!(matches!(ended, Some(Fault::Exhausted(Exhausted::Time))), "{ended:?}");
    }
}

//! The files of declarations, by their number in the unit's line table.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rgops_dwarf::{Charge, Exhausted, file_path};

use crate::types::dwarf::LoadedUnit;

/// Cached names of files.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    known: RefCell<HashMap<FileKey, Option<Arc<str>>>>,
    charge: RefCell<Option<Charge>>,
}

/// Memory of a cached name, besides its text.
const NAME_BYTES: u64 = 128;

/// Part, unit in the part, and file in the unit.
type FileKey = (usize, usize, u64);

impl FileNames {
    /// The path of a unit's file, as the compiler saw it; `None` when a limit of memory or time is reached.
    pub(super) fn name(&self, unit: &LoadedUnit, file: u64) -> Option<Arc<str>> {
        let key = (unit.part_number, unit.number, file);
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        let path: Option<Arc<str>> = path(unit, file).ok()?.map(Arc::from);
        self.charge(unit, NAME_BYTES + path.as_ref().map_or(0, |path| path.len()) as u64).ok()?;
        self.known.borrow_mut().insert(key, path.clone());
        path
    }

    fn charge(&self, unit: &LoadedUnit, bytes: u64) -> Result<(), Exhausted> {
        match &mut *self.charge.borrow_mut() {
            Some(charge) => charge.grow(bytes),
            none => {
                *none = Some(Charge::new(unit.part.work.budget(), bytes)?);
                Ok(())
            }
        }
    }
}

fn path(unit: &LoadedUnit, file: u64) -> Result<Option<String>, Exhausted> {
    let directory = unit.unit.comp_dir.as_ref();
    let Some(header) = unit.line_header() else { return Ok(None) };
    file_path(header, directory, file, |value| unit.line_string(value))
}

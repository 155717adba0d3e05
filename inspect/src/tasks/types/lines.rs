//! The files that declarations are in, by their number in the unit's line table.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::dwarf::LoadedUnit;
use crate::dwarf::file_path;

/// Names of files that were asked for.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    known: RefCell<HashMap<FileKey, Option<Arc<str>>>>,
}

/// Part, unit in it, and file in that.
type FileKey = (usize, usize, u64);

impl FileNames {
    /// The path of a unit's file, as the compiler saw it.
    pub(super) fn name(&self, unit: &LoadedUnit, file: u64) -> Option<Arc<str>> {
        let key = (unit.part_number, unit.number, file);
        let mut known = self.known.borrow_mut();
        known.entry(key).or_insert_with(|| path(unit, file).map(Arc::from)).clone()
    }
}

fn path(unit: &LoadedUnit, file: u64) -> Option<String> {
    let directory = unit.unit.comp_dir.as_ref();
    file_path(unit.line_header()?, directory, file, |value| unit.line_string(value)).ok().flatten()
}

//! The files that declarations are in, by their number in the unit's line table.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use gimli::Reader as _;

use super::dwarf::{LoadedUnit, text};

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
    let header = unit.unit.line_program.as_ref()?.header();
    let file = header.file(file)?;
    let name = unit.line_string(file.path_name())?;
    let directory =
        file.directory(header).and_then(|directory| unit.line_string(directory)).unwrap_or_default();
    let root = unit.unit.comp_dir.as_ref().and_then(|bytes| Some(text(&bytes.to_slice().ok()?)));
    // A path that begins at the root replaces what is before it.
    Some([directory, name].into_iter().fold(root.unwrap_or_default(), |path, part| {
        if part.is_empty() {
            path
        } else if part.starts_with('/') || path.is_empty() {
            part
        } else {
            format!("{}/{part}", path.trim_end_matches('/'))
        }
    }))
}

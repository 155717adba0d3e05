//! The object file of a mapping.

use crate::environment::ObjectFile;
use crate::profile::Mapping;
use crate::refine::Refined;

/// What a mapping tells about its object file.
pub(super) fn object_file<'r>(refined: &'r Refined, mapping: &'r Mapping) -> ObjectFile<'r> {
    let text = |id| refined.profile.text(id);
    ObjectFile { path: text(mapping.file), build_id: text(mapping.build_id), mapping }
}

//! Whether a program that the user named is the one that a profile is of.

use std::path::Path;

use rgops_dwarf::Budget;
use rgops_dwarf::elf::Elf;

use crate::files::{Place, within};
use crate::text::hex;

/// The build-id of an object file in hexadecimal digits; `None` if it has none, or cannot be read.
pub fn build_id(program: &Path, budget: &Budget) -> Option<String> {
    let (place, own) = (Place::Trusted(program.to_owned()), budget.clone());
    let read = move || {
        let file = place.open().ok()?;
        Some(Elf::read(&file, &own).ok()?.build_id(&file, &own))
    };
    within(budget, read).ok().flatten().filter(|id| !id.is_empty()).map(|id| hex(&id))
}

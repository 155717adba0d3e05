//! Values in the program's memory.

use crate::decode::memory::{NoBytes, Snapshot};
use crate::types::{Member, Shape, Type};

/// A value: its type and its address.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    pub(super) found: &'t Type,
    pub(super) avma: u64,
}

/// The active variant of a value; `None` when its discriminant belongs to no variant.
pub(super) fn active<'t>(snapshot: &Snapshot, value: Value<'t>) -> Result<Option<&'t Member>, NoBytes> {
    let Shape::Enum { discriminant, variants } = &value.found.shape else { return Ok(None) };
    let Some(place) = discriminant else {
        return Ok(variants.first().map(|variant| &variant.content));
    };
    let found = snapshot.wide(value.avma.wrapping_add(place.offset), place.size)?;
    let exact = variants.iter().find(|variant| {
        variant.discriminant.is_some_and(|value| {
            // Debug information sign-extends a negative discriminant.
            let bits = place.size.min(16) * 8;
            let mask = if bits >= 128 { u128::MAX } else { (1u128 << bits) - 1 };
            value & mask == found
        })
    });
    let other = variants.iter().find(|variant| variant.discriminant.is_none());
    Ok(exact.or(other).map(|variant| &variant.content))
}

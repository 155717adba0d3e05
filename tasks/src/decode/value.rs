//! Values in the program's memory.

use crate::decode::memory::{NoBytes, Snapshot};
use crate::types::{Member, Shape, Type};

/// A value: its type and where it is.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    pub(super) found: &'t Type,
    pub(super) avma: u64,
}

/// The variant a value is in; `None` when its discriminant is no variant's.
pub(super) fn active<'t>(snapshot: &Snapshot, value: Value<'t>) -> Result<Option<&'t Member>, NoBytes> {
    let Shape::Enum { discriminant, variants } = &value.found.shape else { return Ok(None) };
    let Some(place) = discriminant else {
        return Ok(variants.first().map(|variant| &variant.content));
    };
    let found = snapshot.wide(value.avma.wrapping_add(place.offset), place.size)?;
    let exact = variants.iter().find(|variant| {
        variant.discriminant.is_some_and(|value| {
            // A negative discriminant is sign-extended in debug information.
            let bits = place.size.min(16) * 8;
            let mask = if bits >= 128 { u128::MAX } else { (1u128 << bits) - 1 };
            value & mask == found
        })
    });
    let other = variants.iter().find(|variant| variant.discriminant.is_none());
    Ok(exact.or(other).map(|variant| &variant.content))
}

//! The discriminant values of an enum's variants, in every form that DWARF has.

use gimli::{AttributeValue, Reader as _, constants};
use rgops_dwarf::Bytes;

use crate::types::dwarf::{Entry, EntryId};
use crate::types::shape::TypeError;

/// Maximum values in a list of discriminants.
const MAX_DISCRIMINANTS: u64 = 256;

/// The discriminants of a variant; a single `None` for the variant with all other values.
pub(super) fn of_variant(entry: &Entry, id: EntryId) -> Result<Vec<Option<u128>>, TypeError> {
    if let Some(value) = entry.attr_value(constants::DW_AT_discr_value) {
        let value = value_128(&value).ok_or_else(|| id.damaged("a discriminant in an unknown form"))?;
        return Ok(vec![Some(value)]);
    }
    match entry.attr_value(constants::DW_AT_discr_list) {
        Some(AttributeValue::Block(list)) => listed(list).map_err(|why| id.damaged(why)),
        _ => Ok(vec![None]),
    }
}

/// Values and ranges in the form of DWARF 5, section 7.10: labels, then LEB128 numbers.
fn listed(mut list: Bytes) -> Result<Vec<Option<u128>>, String> {
    let mut values = Vec::new();
    let shown = |error: gimli::Error| error.to_string();
    while !list.is_empty() {
        let label = gimli::DwDsc(list.read_u8().map_err(shown)?);
        let low = list.read_uleb128().map_err(shown)?;
        let high = match label {
            constants::DW_DSC_label => low,
            constants::DW_DSC_range => list.read_uleb128().map_err(shown)?,
            _ => return Err("a list of discriminants in an unknown form".to_owned()),
        };
        let count = high.checked_sub(low).ok_or("a range of discriminants that ends before it begins")?;
        if count >= MAX_DISCRIMINANTS || values.len() as u64 + count >= MAX_DISCRIMINANTS {
            return Err("a list of too many discriminants".to_owned());
        }
        values.extend((low..=high).map(|value| Some(u128::from(value))));
    }
    Ok(values)
}

fn value_128(value: &AttributeValue<Bytes>) -> Option<u128> {
    Some(match value {
        AttributeValue::Data1(value) => u128::from(*value),
        AttributeValue::Data2(value) => u128::from(*value),
        AttributeValue::Data4(value) => u128::from(*value),
        AttributeValue::Data8(value) | AttributeValue::Udata(value) => u128::from(*value),
        AttributeValue::Data16(value) => *value,
        // Sign-extended here, and later cut to the size of the discriminant.
        AttributeValue::Sdata(value) => i128::from(*value) as u128,
        AttributeValue::Block(bytes) => {
            let bytes = bytes.to_slice().ok()?;
            let mut wide = [0; 16];
            wide.get_mut(..bytes.len())?.copy_from_slice(&bytes);
            u128::from_le_bytes(wide)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_of_a_list_has_a_value() {
        let listed = |bytes: &[u8]| listed(Bytes::new(bytes.to_vec().into(), gimli::LittleEndian));
        assert_eq!(listed(&[0, 7, 1, 2, 3]), Ok(vec![Some(7), Some(2), Some(3)]));
        assert!(listed(&[1, 3, 2].repeat(1000)).is_err(), "a long list of empty ranges");
        assert!(listed(&[0, 7].repeat(1000)).is_err());
    }
}

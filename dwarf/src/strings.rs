//! Strings of debug information. The end of a string may be far away: in a section of many megabytes with its
//! first NUL in its last byte, every name would cost a pass over the section. So the end is searched within a
//! limit, and the searched bytes are counted.

use gimli::{AttributeValue, Dwarf, Reader, Section as _, Unit};

use crate::budget::Exhausted;
use crate::work::Counter;

/// Maximum length of a string; a longer one is cut there and counted.
const LONGEST_STRING: usize = 64 << 10;

/// Maximum length of a name. Type names of deeply nested futures grow to many kilobytes; longer names are
/// cut, so that damaged debug information cannot fill the memory.
const LONGEST_NAME: usize = 16 << 10;

/// Bytes as text, cut at the maximum length of a name.
pub fn text(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(LONGEST_NAME)];
    String::from_utf8_lossy(shown).into_owned()
}

/// The bytes of the string of a unit's attribute; `None` if it is not a string, or its offset is outside the
/// file.
///
/// # Errors
/// When no time is left.
pub fn string<R: Reader<Offset = usize>>(
    dwarf: &Dwarf<R>,
    unit: &Unit<R>,
    value: AttributeValue<R>,
    counter: &mut Counter<'_>,
) -> Result<Option<R>, Exhausted> {
    counter.step()?;
    let section = |section: &R, offset: usize| {
        let mut from = section.clone();
        from.skip(offset).ok().map(|()| from)
    };
    let from = match value {
        // Its end was found when the entry was read.
        AttributeValue::String(mut string) => {
            counter.bytes(string.len())?;
            if string.len() > LONGEST_STRING {
                counter.work().cut_string();
                let _ = string.truncate(LONGEST_STRING);
            }
            return Ok(Some(string));
        }
        AttributeValue::DebugStrRef(offset) => section(dwarf.debug_str.reader(), offset.0),
        AttributeValue::DebugStrRefSup(offset) => {
            dwarf.sup().and_then(|dwarf| section(dwarf.debug_str.reader(), offset.0))
        }
        AttributeValue::DebugLineStrRef(offset) => section(dwarf.debug_line_str.reader(), offset.0),
        AttributeValue::DebugStrOffsetsIndex(index) => {
            let offset = dwarf.string_offset(unit, index).ok();
            offset.and_then(|offset| section(dwarf.debug_str.reader(), offset.0))
        }
        _ => None,
    };
    match from {
        Some(from) => up_to_its_end(from, counter),
        None => Ok(None),
    }
}

/// As [`string`], as text.
///
/// # Errors
/// When no time is left.
pub fn name<R: Reader<Offset = usize>>(
    dwarf: &Dwarf<R>,
    unit: &Unit<R>,
    value: AttributeValue<R>,
    counter: &mut Counter<'_>,
) -> Result<Option<String>, Exhausted> {
    let bytes = string(dwarf, unit, value, counter)?;
    Ok(bytes.and_then(|bytes| Some(text(&bytes.to_slice().ok()?))))
}

fn up_to_its_end<R: Reader<Offset = usize>>(
    mut from: R,
    counter: &mut Counter<'_>,
) -> Result<Option<R>, Exhausted> {
    let is_cut = from.len() > LONGEST_STRING;
    if is_cut && from.truncate(LONGEST_STRING).is_err() {
        return Ok(None);
    }
    let end = from.find(0).ok();
    counter.bytes(end.unwrap_or(from.len()))?;
    match end {
        Some(end) => Ok(from.truncate(end).ok().map(|()| from)),
        None if is_cut => {
            counter.work().cut_string();
            Ok(Some(from))
        }
        // The section ends before the string.
        None => Ok(None),
    }
}

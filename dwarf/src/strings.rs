//! Strings of debug information. A file may state one without an end near: in a section of many megabytes
//! whose first NUL is its last byte, every name would take as long as a pass over it. So an end is looked
//! for within a limit, and what is looked through is counted.

use gimli::{AttributeValue, Dwarf, Reader, Section as _, Unit};

use crate::budget::Exhausted;
use crate::work::Counter;

/// A string without an end within so many bytes is cut there, and counted.
const LONGEST_STRING: usize = 64 << 10;

/// Type names of deeply nested futures grow to many kilobytes; what is longer than this is cut, so
/// that damaged debug information cannot fill the memory.
const LONGEST_NAME: usize = 16 << 10;

/// Bytes as text, cut where no name goes on.
pub fn text(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(LONGEST_NAME)];
    String::from_utf8_lossy(shown).into_owned()
}

/// The bytes of a string that an attribute of a unit states; `None` if it states none, or its place is not
/// in the file.
///
/// # Errors
/// When there is no time left for it.
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
        // Its end was looked for when the entry was read.
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
/// When there is no time left for it.
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
        // The section ends before it does.
        None => Ok(None),
    }
}

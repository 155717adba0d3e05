//! Tables of abbreviations. They are measured before they are read, because one byte of a table may become up
//! to thirty in memory, and kept by offset, because many units may share one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gimli::{Abbreviations, DebugAbbrev, EndianSlice, LittleEndian, Reader as _, Section as _};

use crate::charge::Charge;
use crate::fault::Fault;
use crate::sections::{Bytes, Slice};
use crate::work::Work;

/// Maximum attributes of an entry; compilers write fewer. Attributes may take no bytes, so without a bound a
/// small file could make every entry cost megabytes of work.
pub const MAX_ATTRIBUTES: usize = 256;

/// Memory of an abbreviation in a list that may have twice the capacity that it needs, and of each attribute
/// without a place in it.
const ABBREVIATION_BYTES: u64 = 2 * size_of::<gimli::Abbreviation>() as u64;
const ATTRIBUTE_BYTES: u64 = 2 * size_of::<gimli::AttributeSpecification>() as u64;

/// Memory of an offset in the list of known tables.
const KNOWN_BYTES: u64 = 96;

/// The tables that were read, by offset.
#[derive(Debug)]
pub(crate) struct Tables {
    known: Mutex<HashMap<usize, Known>>,
    charge: Mutex<Charge>,
}

/// Most units have their own table, which is dropped with them; a table that is read twice is kept.
#[derive(Debug)]
enum Known {
    Once,
    Kept(Arc<Table>),
}

/// A table, charged while it exists.
#[derive(Debug)]
pub struct Table {
    pub(crate) abbreviations: Arc<Abbreviations>,
    _charge: Charge,
}

impl Tables {
    pub(crate) fn new(work: &Work) -> Tables {
        Tables { known: Mutex::default(), charge: Mutex::new(Charge::none(work.budget())) }
    }

    /// The whole table at an offset.
    pub(crate) fn at(
        &self,
        section: &DebugAbbrev<Bytes>,
        offset: usize,
        work: &Work,
    ) -> Result<Arc<Table>, Fault> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let was_read = match lock().get(&offset) {
            Some(Known::Kept(table)) => return Ok(table.clone()),
            known => known.is_some(),
        };
        let bytes = measured(section, offset, None, work)?;
        let charge = Charge::new(work.budget(), bytes.memory)?;
        let abbreviations = Arc::new(read(bytes.declarations, false)?);
        let table = Arc::new(Table { abbreviations, _charge: charge });
        if !was_read {
            self.charge.lock().unwrap_or_else(PoisonError::into_inner).grow(KNOWN_BYTES)?;
        }
        lock().insert(offset, if was_read { Known::Kept(table.clone()) } else { Known::Once });
        Ok(table)
    }
}

/// A table with only the abbreviation of a unit's first entry: a list of units needs no more.
pub(crate) fn only(
    section: &DebugAbbrev<Bytes>,
    offset: usize,
    code: u64,
    work: &Work,
) -> Result<Arc<Abbreviations>, Fault> {
    let found = measured(section, offset, Some(code), work)?;
    Ok(Arc::new(read(found.declarations, true)?))
}

/// Declarations, and the memory that they need when they are read.
struct Measured<'a> {
    declarations: &'a [u8],
    memory: u64,
}

/// Measures a table up to its end, or finds one of its declarations.
fn measured<'a>(
    section: &'a DebugAbbrev<Bytes>,
    offset: usize,
    wanted: Option<u64>,
    work: &Work,
) -> Result<Measured<'a>, Fault> {
    let bytes = section.reader().bytes();
    let from = bytes.get(offset..).ok_or_else(|| Fault::refused("its table of abbreviations is missing"))?;
    let mut rest: Slice<'_> = EndianSlice::new(from, LittleEndian);
    let at = |rest: &Slice<'_>| from.len() - rest.len();
    let mut counter = work.counter();
    let mut memory = 0u64;
    loop {
        counter.step()?;
        let start = at(&rest);
        let code = rest.read_uleb128()?;
        if code == 0 {
            let declarations = &from[..at(&rest)];
            return match wanted {
                None => Ok(Measured { declarations, memory }),
                Some(code) => Err(gimli::Error::InvalidAbbreviationCode(code).into()),
            };
        }
        rest.read_uleb128()?;
        rest.read_u8()?;
        let mut attributes = 0;
        loop {
            counter.step()?;
            let (name, form) = (rest.read_uleb128()?, rest.read_uleb128()?);
            if name == 0 && form == 0 {
                break;
            }
            if form == u64::from(gimli::constants::DW_FORM_indirect.0) {
                // A chain of them can be as long as the file, and is read without checking the clock.
                return Err(Fault::refused("it uses the form DW_FORM_indirect"));
            }
            if form == u64::from(gimli::constants::DW_FORM_implicit_const.0) {
                rest.read_sleb128()?;
            }
            attributes += 1;
            if attributes > MAX_ATTRIBUTES {
                return Err(Fault::refused("an entry has more attributes than any compiler writes"));
            }
        }
        memory += ABBREVIATION_BYTES + attributes as u64 * ATTRIBUTE_BYTES;
        if wanted == Some(code) {
            return Ok(Measured { declarations: &from[start..at(&rest)], memory });
        }
    }
}

fn read(declarations: &[u8], without_end: bool) -> Result<Abbreviations, Fault> {
    let mut bytes = declarations.to_vec();
    if without_end {
        bytes.push(0);
    }
    Ok(DebugAbbrev::new(&bytes, LittleEndian).abbreviations(gimli::DebugAbbrevOffset(0))?)
}

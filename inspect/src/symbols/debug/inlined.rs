//! The calls that the compiler inlined into a function.

use gimli::{Abbreviation, AttributeValue, EntriesRaw, UnitOffset, constants};
use rgops_dwarf::{Bytes, Charge, Fault, Part, Work};

type Ranges = rgops_dwarf::Ranges<Bytes>;

/// Maximum calls inlined into each other at one address. Real code has about fifty.
pub(in crate::symbols) const MAX_INLINED: usize = 256;

/// An inlined call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) offset: UnitOffset,
    /// The call site.
    pub(super) file: Option<u64>,
    pub(super) line: u32,
    pub(super) column: u64,
    /// Its part of the list of ranges.
    ranges: std::ops::Range<usize>,
    /// Index of the first call in the list that is not inside this one.
    end: usize,
}

/// All calls inlined into one function; each comes before the calls inlined into it.
#[derive(Debug)]
pub(super) struct Calls {
    calls: Vec<Call>,
    ranges: Vec<(u64, u64)>,
    _charge: Charge,
}

/// The list of calls may have twice the capacity that it needs; the call is also in the list of open ones.
const CALL_BYTES: u64 = 2 * size_of::<Call>() as u64 + 32;
const RANGE_BYTES: u64 = 2 * size_of::<(u64, u64)>() as u64;

/// Ranges searched per step of the work limit.
const RANGES_PER_STEP: u64 = 8;

impl Calls {
    /// The calls that contain an address, outermost first.
    pub(super) fn at(&self, svma: u64, work: &Work) -> Result<Vec<Call>, Fault> {
        let mut counter = work.counter();
        let mut found = Vec::new();
        let (mut at, mut end) = (0, self.calls.len());
        while at < end {
            counter.step()?;
            if found.len() == MAX_INLINED {
                work.cut_calls_at_an_address();
                break;
            }
            let call = &self.calls[at];
            counter.steps(call.ranges.len() as u64 / RANGES_PER_STEP)?;
            if self.ranges[call.ranges.clone()].iter().any(|(begin, end)| (*begin..*end).contains(&svma)) {
                found.push(call.clone());
                end = call.end;
                at += 1;
            } else {
                at = call.end;
            }
        }
        Ok(found)
    }
}

/// Lists the calls inlined into a function.
pub(super) fn list(part: &Part, unit: &gimli::Unit<Bytes>, function: UnitOffset) -> Result<Calls, Fault> {
    let mut charge = Charge::none(part.work.budget());
    let mut counter = part.work.counter();
    let (mut calls, mut ranges) = (Vec::<Call>::new(), Vec::new());
    // Calls that contain the current entry: their depths and indexes in the list.
    let mut open: Vec<(isize, usize)> = Vec::new();
    // Depth of a function that is only declared inside this one; its entries are skipped.
    let mut skipped: Option<isize> = None;
    let mut entries = unit.entries_raw(Some(function))?;
    let outermost = entries.next_depth();
    if let Some(abbreviation) = entries.read_abbreviation()? {
        entries.skip_attributes(abbreviation.attributes())?;
    }
    while entries.next_depth() > outermost && !entries.is_empty() {
        counter.step()?;
        let (offset, depth) = (entries.next_offset(), entries.next_depth());
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        while let Some((_, at)) = open.pop_if(|(open, _)| *open >= depth) {
            calls[at].end = calls.len();
        }
        skipped = skipped.filter(|outer| *outer < depth);
        match abbreviation.tag() {
            constants::DW_TAG_subprogram if skipped.is_none() => skipped = Some(depth),
            constants::DW_TAG_inlined_subroutine if skipped.is_none() => {
                let mut call = Call { offset, file: None, line: 0, column: 0, ranges: 0..0, end: 0 };
                let stated = read(&mut entries, abbreviation, &mut call, unit.header.version())?;
                let first = ranges.len();
                part.each_range(&stated, unit, &mut counter, |begin, end| {
                    charge.grow(RANGE_BYTES)?;
                    ranges.push((begin, end));
                    Ok(())
                })?;
                call.ranges = first..ranges.len();
                charge.grow(CALL_BYTES)?;
                open.push((depth, calls.len()));
                calls.push(call);
                counter.bytes(entries.next_offset().0 - offset.0)?;
                continue;
            }
            _ => {}
        }
        entries.skip_attributes(abbreviation.attributes())?;
        counter.bytes(entries.next_offset().0 - offset.0)?;
    }
    for (_, at) in open {
        calls[at].end = calls.len();
    }
    Ok(Calls { calls, ranges, _charge: charge })
}

/// The attributes of an entry that state its addresses.
pub(super) fn ranges_of(
    entries: &mut EntriesRaw<'_, Bytes>,
    abbreviation: &Abbreviation,
) -> Result<Ranges, Fault> {
    let mut ranges = Ranges::default();
    for specification in abbreviation.attributes() {
        if Ranges::is_one(specification.name()) {
            let attribute = entries.read_attribute(*specification)?;
            ranges.take(attribute.name(), attribute.value());
        } else {
            entries.skip_attributes(std::slice::from_ref(specification))?;
        }
    }
    Ok(ranges)
}

fn read(
    entries: &mut EntriesRaw<'_, Bytes>,
    abbreviation: &Abbreviation,
    call: &mut Call,
    version: u16,
) -> Result<Ranges, Fault> {
    let mut ranges = Ranges::default();
    for specification in abbreviation.attributes() {
        let name = specification.name();
        let is_call = matches!(
            name,
            constants::DW_AT_call_file | constants::DW_AT_call_line | constants::DW_AT_call_column
        );
        if !is_call && !Ranges::is_one(name) {
            entries.skip_attributes(std::slice::from_ref(specification))?;
            continue;
        }
        let attribute = entries.read_attribute(*specification)?;
        match (name, attribute.value()) {
            // Before DWARF 5 the number 0 meant "no file".
            (constants::DW_AT_call_file, AttributeValue::FileIndex(file)) => {
                call.file = Some(file).filter(|file| *file > 0 || version >= 5);
            }
            (constants::DW_AT_call_line, value) => {
                call.line = value.udata_value().and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
            }
            (constants::DW_AT_call_column, value) => call.column = value.udata_value().unwrap_or(0),
            (name, value) => ranges.take(name, value),
        }
    }
    Ok(ranges)
}

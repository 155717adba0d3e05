//! The addresses of an entry.

use std::sync::atomic::{AtomicU64, Ordering};

use gimli::{AttributeValue, Dwarf, Reader, Section as _, Unit, constants};

use crate::fault::Fault;
use crate::sections::Bytes;
use crate::work::Counter;

/// The attributes that state the addresses of an entry.
#[derive(Debug, Clone)]
pub struct Ranges<R: Reader> {
    /// `DW_AT_low_pc`.
    pub low: Option<AttributeValue<R>>,
    /// `DW_AT_high_pc`.
    pub high: Option<AttributeValue<R>>,
    /// `DW_AT_ranges`.
    pub list: Option<AttributeValue<R>>,
}

impl<R: Reader> Default for Ranges<R> {
    fn default() -> Ranges<R> {
        Ranges { low: None, high: None, list: None }
    }
}

impl<R: Reader> Ranges<R> {
    /// Takes an attribute if it states addresses.
    pub fn take(&mut self, name: constants::DwAt, value: AttributeValue<R>) {
        match name {
            constants::DW_AT_low_pc => self.low = Some(value),
            constants::DW_AT_high_pc => self.high = Some(value),
            constants::DW_AT_ranges => self.list = Some(value),
            _ => {}
        }
    }

    /// Whether an attribute states addresses.
    pub fn is_one(name: constants::DwAt) -> bool {
        matches!(name, constants::DW_AT_low_pc | constants::DW_AT_high_pc | constants::DW_AT_ranges)
    }
}

impl Ranges<Bytes> {
    /// Calls `found` for each non-empty range; returns whether there was one. All entries of a list are
    /// counted, including those without a range.
    pub(crate) fn each(
        &self,
        dwarf: &Dwarf<Bytes>,
        unit: &Unit<Bytes>,
        left: &RangesLeft,
        counter: &mut Counter<'_>,
        mut found: impl FnMut(u64, u64) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        let mut any = false;
        let mut add = |begin: u64, end: u64| {
            // The linker sets the address of removed functions to the highest address or to 0.
            if begin < end && begin != 0 {
                any = true;
                return found(begin, end);
            }
            Ok(())
        };
        if let Some(offset) = self.list.clone().and_then(|list| dwarf.attr_ranges_offset(unit, list).ok()?) {
            let mut list = dwarf.ranges(unit, offset)?;
            while let Some(entry) = list.next_raw()? {
                counter.step()?;
                left.take()?;
                if let Some(range) = list.convert_raw(entry)? {
                    add(range.begin, range.end)?;
                }
            }
            return Ok(any);
        }
        let address =
            |value: &Option<AttributeValue<Bytes>>| dwarf.attr_address(unit, value.clone()?).ok()?;
        let Some(begin) = address(&self.low) else { return Ok(false) };
        let end = match &self.high {
            Some(AttributeValue::Udata(size)) => begin.checked_add(*size),
            _ => address(&self.high),
        };
        if let Some(end) = end {
            add(begin, end)?;
        }
        Ok(any)
    }
}

/// Entries of a part's lists of ranges that may still be read.
#[derive(Debug)]
pub(crate) struct RangesLeft(AtomicU64);

/// Compilers write a separate list of ranges for each entry, and a list is read once or twice. In a damaged
/// file all entries may share one long list.
const MAX_RANGES: u64 = 1 << 22;
const RANGES_PER_BYTE: u64 = 2;

impl RangesLeft {
    pub(crate) fn of(dwarf: &Dwarf<Bytes>) -> RangesLeft {
        let lists = &dwarf.ranges;
        let bytes_of_lists = lists.debug_ranges().reader().len() + lists.debug_rnglists().reader().len();
        RangesLeft(AtomicU64::new(MAX_RANGES + RANGES_PER_BYTE * bytes_of_lists as u64))
    }

    /// Counts an entry of a list.
    fn take(&self) -> Result<(), Fault> {
        let left = |left: u64| left.checked_sub(1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::refused("its lists of ranges are longer than any compiler writes")),
        }
    }
}

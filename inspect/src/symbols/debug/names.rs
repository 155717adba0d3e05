//! The name of a function, which may be in another entry: its declaration, or its abstract instance.

use gimli::{AttributeValue, DebugInfoOffset, UnitOffset, constants};
use rgops_dwarf::{Bytes, Fault, Part, name as text_of};

use crate::symbols::debug::information::{DebugInformation, UnitKey};

/// Maximum steps from an entry to the one that it completes: real entries need two. Entries of a damaged file
/// may refer to each other in a circle.
const MAX_STEPS: usize = 16;

/// What an entry states about its name.
enum Name {
    Known(String),
    Elsewhere(AttributeValue<Bytes>),
    Unknown,
}

impl DebugInformation {
    /// The linker's name, otherwise the name in the source; empty if it has none.
    pub(super) fn name(&mut self, key: UnitKey, offset: UnitOffset) -> Result<String, Fault> {
        let (mut key, mut offset) = (key, offset);
        for _ in 0..MAX_STEPS {
            let read = self.with_unit(key, |unit, part| {
                let (part, unit) = unit.body(part);
                read(part, unit, offset)
            })?;
            match read {
                Name::Known(name) => return Ok(name),
                Name::Unknown => break,
                Name::Elsewhere(origin) => match self.origin(key, origin)? {
                    Some(origin) => (key, offset) = origin,
                    None => break,
                },
            }
        }
        Ok(String::new())
    }

    fn origin(
        &mut self,
        key: UnitKey,
        origin: AttributeValue<Bytes>,
    ) -> Result<Option<(UnitKey, UnitOffset)>, Fault> {
        let (is_supplement, at) = match origin {
            AttributeValue::UnitRef(offset) => return Ok(Some((key, offset))),
            AttributeValue::DebugInfoRef(offset) => (matches!(key, UnitKey::Supplement(_)), offset),
            AttributeValue::DebugInfoRefSup(offset) => (true, offset),
            _ => return Ok(None),
        };
        // A split file belongs to one unit.
        let within = self.with_unit(key, |unit, part| {
            let (body, unit) = unit.body(part);
            let is_split = !std::ptr::eq(body, part);
            Ok(is_split.then(|| within(unit, at)).flatten())
        })?;
        if let Some(offset) = within {
            return Ok(Some((key, offset)));
        }
        let part = if is_supplement { self.supplement.as_ref() } else { Some(&self.main) };
        let Some(part) = part else { return Ok(None) };
        let Some(number) = part.unit_at(at.0 as u64) else { return Ok(None) };
        let offset = at.0 as u64 - part.units[number].start;
        let key = if is_supplement { UnitKey::Supplement(number) } else { UnitKey::Main(number) };
        Ok(Some((key, UnitOffset(offset as usize))))
    }
}

fn within(unit: &gimli::Unit<Bytes>, at: DebugInfoOffset) -> Option<UnitOffset> {
    at.to_unit_offset(&unit.header)
}

fn read(part: &Part, unit: &gimli::Unit<Bytes>, offset: UnitOffset) -> Result<Name, Fault> {
    let mut entries = unit.entries_raw(Some(offset))?;
    let abbreviation =
        entries.read_abbreviation()?.ok_or(gimli::Error::NoEntryAtGivenOffset(offset.0 as u64))?;
    let (mut source, mut origin) = (None, None);
    let mut counter = part.work.counter();
    for specification in abbreviation.attributes() {
        let name = specification.name();
        let is_one = matches!(
            name,
            constants::DW_AT_linkage_name
                | constants::DW_AT_MIPS_linkage_name
                | constants::DW_AT_name
                | constants::DW_AT_abstract_origin
                | constants::DW_AT_specification
        );
        let before = entries.next_offset().0;
        if !is_one {
            entries.skip_attributes(std::slice::from_ref(specification))?;
            counter.bytes(entries.next_offset().0 - before)?;
            continue;
        }
        let value = entries.read_attribute(*specification)?.value();
        counter.bytes(entries.next_offset().0 - before)?;
        match name {
            constants::DW_AT_name => source = text_of(&part.dwarf, unit, value, &mut counter)?,
            constants::DW_AT_abstract_origin | constants::DW_AT_specification => origin = Some(value),
            _ => {
                if let Some(name) = text_of(&part.dwarf, unit, value, &mut counter)? {
                    return Ok(Name::Known(name));
                }
            }
        }
    }
    Ok(match (source, origin) {
        (Some(name), _) => Name::Known(name),
        (None, Some(origin)) => Name::Elsewhere(origin),
        (None, None) => Name::Unknown,
    })
}

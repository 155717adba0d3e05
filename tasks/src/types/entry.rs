//! Reads one entry and its direct content as a [`Type`]. References are followed for a few steps only, and
//! no function recurses: entries of a hostile file may refer to each other in a circle.

use std::sync::Arc;

use gimli::{DwAt, DwTag, EntriesRaw, constants};
use rgops_dwarf::{Bytes, Charge, MAX_ATTRIBUTES};

use crate::types::discriminants;
use crate::types::dwarf::{Entry, EntryId, LoadedUnit, ModuleDwarf};
use crate::types::lines::FileNames;
use crate::types::shape::{Declared, Discriminant, Member, Shape, Type, TypeError, TypeId, Variant};
use crate::types::text;

/// Maximum steps from an entry to the one it completes, or through aliases of types: rustc needs two.
const MAX_STEPS: usize = 8;

/// Maximum entries read below a type's own: its members, and the types nested in it. The largest real one, a
/// state machine of 800 awaits, has 20,000.
const MAX_NESTED: usize = 1 << 18;

/// Maximum members and variants of a type.
const MAX_MEMBERS: usize = 1 << 16;

/// Maximum bytes of the name of a member, and of a type that is not described. A longer name is cut.
const LONGEST_MEMBER: usize = 256;

/// Maximum length of a crate's name in Cargo.
pub(super) const LONGEST_CRATE: usize = 64;

/// Memory of a member besides its name, and its index while it is read.
const MEMBER_BYTES: u64 = 2 * size_of::<Variant>() as u64 + 16;

/// Reads a type; the caller adds the namespace.
pub(super) fn read(dwarf: &ModuleDwarf, files: &FileNames, id: EntryId) -> Result<Type, TypeError> {
    let (unit, id, entry) = resolve(dwarf, id)?;
    let name: Arc<str> = attribute_text(&unit, &entry, constants::DW_AT_name).unwrap_or_default().into();
    if entry.attr(constants::DW_AT_declaration).is_some() {
        return Err(TypeError::NotDescribed { name: text::cut(&name, LONGEST_MEMBER).into_owned() });
    }
    let mut content = Content::default();
    let tag = entry.tag();
    if has_content(tag) && entry.has_children() {
        content.read(dwarf, files, &unit, id)?;
    }
    let target = type_of(&unit, &entry);
    let address_size = u64::from(unit.unit.header.address_size());
    let stated_size = number(&entry, constants::DW_AT_byte_size);
    let shape = match tag {
        constants::DW_TAG_pointer_type | constants::DW_TAG_reference_type => Shape::Pointer { target },
        constants::DW_TAG_array_type => match target {
            Some(element) => Shape::Array { element, length: content.array_length.unwrap_or(0) },
            None => return Err(id.damaged("an array without elements")),
        },
        constants::DW_TAG_structure_type | constants::DW_TAG_class_type if content.has_variants => {
            content.finish_discriminants();
            Shape::Enum { discriminant: content.discriminant, variants: content.variants }
        }
        constants::DW_TAG_structure_type | constants::DW_TAG_class_type | constants::DW_TAG_union_type => {
            Shape::Struct { members: content.members, is_union: tag == constants::DW_TAG_union_type }
        }
        constants::DW_TAG_base_type
        | constants::DW_TAG_enumeration_type
        | constants::DW_TAG_subroutine_type
        | constants::DW_TAG_unspecified_type => Shape::Scalar,
        _ => return Err(id.damaged(format_args!("{tag} is not a type"))),
    };
    let size = match (&shape, stated_size) {
        (_, Some(size)) => size,
        (Shape::Pointer { .. }, None) => address_size,
        (Shape::Array { element, length }, None) => size(dwarf, entry_of(*element))?
            .checked_mul(*length)
            .ok_or_else(|| id.damaged("an array larger than the address space"))?,
        (_, None) if tag == constants::DW_TAG_subroutine_type => address_size,
        (_, None) => 0,
    };
    let alignment = number(&entry, constants::DW_AT_alignment).filter(|bytes| bytes.is_power_of_two());
    Ok(Type { name, namespace: Arc::from(""), size, alignment, shape, parameters: content.parameters })
}

/// The type parameters of a function, searched in its declaration also.
pub(super) fn parameters(
    dwarf: &ModuleDwarf,
    files: &FileNames,
    id: EntryId,
) -> Result<Vec<(Arc<str>, TypeId)>, TypeError> {
    let mut id = id;
    for _ in 0..MAX_STEPS {
        dwarf.main().work.spend(1)?;
        let unit = dwarf.unit_of(id)?;
        let entry = entry(&unit, id)?;
        let mut content = Content { only_parameters: true, ..Content::default() };
        if entry.has_children() {
            content.read(dwarf, files, &unit, id)?;
        }
        if !content.parameters.is_empty() {
            return Ok(content.parameters);
        }
        match origin(&unit, &entry) {
            Some(origin) => id = origin,
            None => return Ok(Vec::new()),
        }
    }
    Err(id.damaged("its chain of origins is too long"))
}

/// The name of an entry, or of the entry that it completes.
pub(super) fn name(dwarf: &ModuleDwarf, id: EntryId) -> Result<String, TypeError> {
    let mut id = id;
    for _ in 0..MAX_STEPS {
        dwarf.main().work.spend(1)?;
        let unit = dwarf.unit_of(id)?;
        let entry = entry(&unit, id)?;
        if let Some(name) = attribute_text(&unit, &entry, constants::DW_AT_name) {
            return Ok(name);
        }
        match origin(&unit, &entry) {
            Some(origin) => id = origin,
            None => return Ok(String::new()),
        }
    }
    Err(id.damaged("its chain of origins is too long"))
}

/// The mangled name of a function.
pub(super) fn mangled_name(dwarf: &ModuleDwarf, id: EntryId) -> Option<String> {
    dwarf.main().work.spend(1).ok()?;
    let unit = dwarf.unit_of(id).ok()?;
    attribute_text(&unit, &entry(&unit, id).ok()?, constants::DW_AT_linkage_name)
}

/// A local variable of a function: its name, type and declaration.
pub(super) fn local(dwarf: &ModuleDwarf, files: &FileNames, id: EntryId) -> Option<Member> {
    dwarf.main().work.spend(1).ok()?;
    let unit = dwarf.unit_of(id).ok()?;
    member(files, &unit, &entry(&unit, id).ok()?)
}

/// The crate that was compiled when an entry was written. rustc names its units
/// `src/main.rs/@/shop.1a2b-cgu.0`.
pub(super) fn crate_of(dwarf: &ModuleDwarf, id: EntryId) -> Option<String> {
    use gimli::Reader as _;
    dwarf.main().work.spend(1).ok()?;
    let unit = dwarf.unit_of(id).ok()?;
    let name = unit.unit.name.as_ref()?.to_string_lossy().ok()?;
    let (_, codegen_unit) = name.rsplit_once("/@/")?;
    let (name, _) = codegen_unit.split_once('.')?;
    let is_plain = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    (is_plain && (1..=LONGEST_CRATE).contains(&name.len())).then(|| name.to_owned())
}

/// The concrete type of a vtable, from the entry of the vtable's own type.
pub(super) fn containing_type(dwarf: &ModuleDwarf, id: EntryId) -> Result<Option<EntryId>, TypeError> {
    let (unit, _, entry) = resolve(dwarf, id)?;
    Ok(reference(&unit, &entry, constants::DW_AT_containing_type))
}

/// The entry that this one completes: its declaration, or the abstract instance of the function.
fn origin(unit: &LoadedUnit, entry: &Entry) -> Option<EntryId> {
    reference(unit, entry, constants::DW_AT_specification)
        .or_else(|| reference(unit, entry, constants::DW_AT_abstract_origin))
}

/// Follows aliases and qualifiers of a type to the type itself.
fn resolve(dwarf: &ModuleDwarf, id: EntryId) -> Result<(std::rc::Rc<LoadedUnit>, EntryId, Entry), TypeError> {
    let mut id = id;
    for _ in 0..MAX_STEPS {
        dwarf.main().work.spend(1)?;
        let unit = dwarf.unit_of(id)?;
        let entry = entry(&unit, id)?;
        let target = match entry.tag() {
            constants::DW_TAG_typedef
            | constants::DW_TAG_const_type
            | constants::DW_TAG_volatile_type
            | constants::DW_TAG_atomic_type
            | constants::DW_TAG_restrict_type => reference(&unit, &entry, constants::DW_AT_type),
            _ => return Ok((unit, id, entry)),
        };
        id = target.ok_or_else(|| id.damaged("it does not name a type"))?;
    }
    Err(id.damaged("its chain of aliases is too long"))
}

/// The size of a type, without reading its content.
fn size(dwarf: &ModuleDwarf, id: EntryId) -> Result<u64, TypeError> {
    let (unit, id, entry) = resolve(dwarf, id)?;
    let size = number(&entry, constants::DW_AT_byte_size);
    let is_pointer = entry.tag() == constants::DW_TAG_pointer_type;
    let address_size = u64::from(unit.unit.header.address_size());
    size.or(is_pointer.then_some(address_size)).ok_or_else(|| id.damaged("its size is not stated"))
}

fn has_content(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_structure_type
            | constants::DW_TAG_class_type
            | constants::DW_TAG_union_type
            | constants::DW_TAG_array_type
    )
}

/// The direct content of an entry.
#[derive(Debug, Default)]
struct Content {
    only_parameters: bool,
    members: Vec<Member>,
    variants: Vec<Variant>,
    has_variants: bool,
    discriminant: Option<Discriminant>,
    parameters: Vec<(Arc<str>, TypeId)>,
    array_length: Option<u64>,
}

/// The kind of the entry at a depth, as far as entries below it need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Other,
    VariantPart,
    Variant,
}

impl Content {
    fn read(
        &mut self,
        dwarf: &ModuleDwarf,
        files: &FileNames,
        unit: &LoadedUnit,
        id: EntryId,
    ) -> Result<(), TypeError> {
        let mut entries = raw(unit, id)?;
        let mut entry = Entry::null();
        next(&mut entries, &mut entry, id)?;
        let (mut outer, mut middle) = (Inside::Other, Inside::Other);
        let mut discriminant_entry = None;
        let mut discriminants: Vec<Option<u128>> = Vec::new();
        let work = &dwarf.main().work;
        let (mut counter, mut charge, mut charged) = (work.counter(), Charge::none(work.budget()), 0);
        for _ in 0..MAX_NESTED {
            counter.step()?;
            let depth = entries.next_depth();
            if depth <= 0 || entries.is_empty() {
                return Ok(());
            }
            let offset = entries.next_offset();
            if !next(&mut entries, &mut entry, id)? {
                continue;
            }
            match (depth, entry.tag()) {
                (1, constants::DW_TAG_template_type_parameter) => {
                    if let Some(parameter) = type_of(unit, &entry) {
                        self.parameters.push((member_name(unit, &entry), parameter));
                    }
                }
                (1..=3, _) if self.only_parameters => {}
                (1, constants::DW_TAG_member) => self.members.extend(member(files, unit, &entry)),
                (1, constants::DW_TAG_subrange_type) => {
                    let length = number(&entry, constants::DW_AT_count)
                        .or_else(|| number(&entry, constants::DW_AT_upper_bound)?.checked_add(1));
                    let length = length.unwrap_or(0);
                    let lengths = self.array_length.unwrap_or(1).checked_mul(length);
                    self.array_length =
                        Some(lengths.ok_or_else(|| id.damaged("an array larger than the address space"))?);
                }
                (1, constants::DW_TAG_variant_part) => {
                    self.has_variants = true;
                    discriminant_entry = reference(unit, &entry, constants::DW_AT_discr);
                }
                (2, constants::DW_TAG_member)
                    if discriminant_entry.is_some() && unit.id(offset) == discriminant_entry =>
                {
                    self.discriminant = Some(discriminant(dwarf, unit, &entry, id)?);
                }
                (2, constants::DW_TAG_variant) if outer == Inside::VariantPart => {
                    discriminants = discriminants::of_variant(&entry, id)?;
                }
                (3, constants::DW_TAG_member)
                    if outer == Inside::VariantPart && middle == Inside::Variant =>
                {
                    if let Some(content) = member(files, unit, &entry) {
                        let variants = discriminants
                            .iter()
                            .map(|value| Variant { discriminant: *value, content: content.clone() });
                        self.variants.extend(variants);
                    }
                }
                _ => {}
            }
            let inside = match entry.tag() {
                constants::DW_TAG_variant_part => Inside::VariantPart,
                constants::DW_TAG_variant => Inside::Variant,
                _ => Inside::Other,
            };
            match depth {
                1 => outer = inside,
                2 => middle = inside,
                _ => {}
            }
            let count = self.members.len() + self.variants.len() + self.parameters.len();
            if count > MAX_MEMBERS {
                break;
            }
            // The owner charges the exact size again when it keeps the type.
            charge.grow((count - charged) as u64 * (MEMBER_BYTES + LONGEST_MEMBER as u64))?;
            charged = count;
        }
        Err(id.damaged("it has more members than the limit"))
    }

    /// Cuts values to the size of the discriminant: the compiler may state -1 for 255.
    fn finish_discriminants(&mut self) {
        let Some(discriminant) = self.discriminant else { return };
        let mask = u128::MAX >> (128 - discriminant.size.clamp(1, 16) * 8);
        for variant in &mut self.variants {
            variant.discriminant = variant.discriminant.map(|value| value & mask);
        }
    }
}

fn discriminant(
    dwarf: &ModuleDwarf,
    unit: &LoadedUnit,
    entry: &Entry,
    id: EntryId,
) -> Result<Discriminant, TypeError> {
    let offset = number(entry, constants::DW_AT_data_member_location).unwrap_or(0);
    let type_id = type_of(unit, entry).ok_or_else(|| id.damaged("its discriminant has no type"))?;
    let size = size(dwarf, entry_of(type_id))?;
    if !(1..=16).contains(&size) {
        return Err(id.damaged(format_args!("its discriminant has {size} bytes")));
    }
    Ok(Discriminant { offset, size })
}

fn member(files: &FileNames, unit: &LoadedUnit, entry: &Entry) -> Option<Member> {
    let declared = number(entry, constants::DW_AT_decl_line)
        .and_then(|line| u32::try_from(line).ok())
        .filter(|line| *line > 0)
        .and_then(|line| {
            let file = number(entry, constants::DW_AT_decl_file)?;
            Some(Declared { file: files.name(unit, file)?, line })
        });
    Some(Member {
        name: member_name(unit, entry),
        offset: number(entry, constants::DW_AT_data_member_location).unwrap_or(0),
        type_id: type_of(unit, entry)?,
        declared,
    })
}

fn member_name(unit: &LoadedUnit, entry: &Entry) -> Arc<str> {
    let name = attribute_text(unit, entry, constants::DW_AT_name).unwrap_or_default();
    text::cut(&name, LONGEST_MEMBER).into()
}

fn raw(unit: &LoadedUnit, id: EntryId) -> Result<EntriesRaw<'_, Bytes>, TypeError> {
    unit.unit.entries_raw(Some(unit.offset(id))).map_err(|error| id.damaged(error))
}

fn entry(unit: &LoadedUnit, id: EntryId) -> Result<Entry, TypeError> {
    let mut entry = Entry::null();
    if !next(&mut raw(unit, id)?, &mut entry, id)? {
        return Err(id.damaged("there is no entry"));
    }
    Ok(entry)
}

/// Reads an entry into `entry`; `false` for the mark that ends a list.
fn next(entries: &mut EntriesRaw<'_, Bytes>, entry: &mut Entry, id: EntryId) -> Result<bool, TypeError> {
    let read = entries.read_entry(entry).map_err(|error| id.damaged(error))?;
    if entry.attrs().len() > MAX_ATTRIBUTES {
        return Err(id.damaged("it has more attributes than the limit"));
    }
    Ok(read)
}

fn number(entry: &Entry, name: DwAt) -> Option<u64> {
    entry.attr(name)?.udata_value()
}

fn attribute_text(unit: &LoadedUnit, entry: &Entry, name: DwAt) -> Option<String> {
    unit.string(entry.attr_value(name)?)
}

fn reference(unit: &LoadedUnit, entry: &Entry, name: DwAt) -> Option<EntryId> {
    unit.reference(&entry.attr_value(name)?)
}

fn type_of(unit: &LoadedUnit, entry: &Entry) -> Option<TypeId> {
    reference(unit, entry, constants::DW_AT_type).map(|id| TypeId(id.0))
}

fn entry_of(id: TypeId) -> EntryId {
    EntryId(id.0)
}

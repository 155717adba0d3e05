//! The pass over the entries of one unit. It reads each entry once and keeps only what the index needs.

use std::sync::atomic::{AtomicBool, Ordering};

use gimli::{Abbreviation, AttributeValue, DwTag, Dwarf, EntriesRaw, Operation, Unit, UnitOffset, constants};
use rgops_dwarf::{
    Charge, Counter, Exhausted, Fault, MAX_ATTRIBUTES, Part, Remedy, Slice, SplitFiles, string,
};

use crate::types::dwarf::{EntryId, adopt};
use crate::types::index::{FunctionCopy, Index, PathHash, Scope};

/// The namespace in which Tokio declares the poll functions of its tasks (tokio/src/runtime/task/raw.rs).
const POLL_NAMESPACE: [&[u8]; 4] = [b"tokio", b"runtime", b"task", b"raw"];

/// The start of the name of each function of Tokio that polls a future until it is ready, on the thread that calls it.
const BLOCK_ON: &[u8] = b"block_on<";

/// rustc's name for the awaited value of an `await`.
const AWAITEE: &[u8] = b"__awaitee";

/// Entries read between two checks of the stop flag.
const STOP_CHECK: u32 = 1 << 16;

/// Why units are left out after the time limit of the scan.
pub(super) const TOO_LONG: &str = "the scan took too long";

/// Maximum namespaces open at once. Real code has about a dozen.
pub(super) const DEEPEST: usize = 512;

/// Scans a unit of the main file, or its split part.
///
/// Its memory is charged to `charge`, which the caller keeps as long as the index.
pub(super) fn scan_unit(
    main: &Part,
    split: &SplitFiles,
    number: usize,
    charge: &mut Charge,
    stop: &AtomicBool,
) -> Index {
    let mut index = Index::default();
    let mut is_found = true;
    let scanned = if main.units[number].skeleton.is_some() {
        let opened = split.open(main, number);
        is_found = opened.is_ok();
        opened.and_then(|(part, unit)| {
            let place = Place { number: unit, part_number: number + 1, skeleton: Some((main, number)) };
            scan_part(&part, &place, charge, stop, &mut index)
        })
    } else {
        let place = Place { number, part_number: 0, skeleton: None };
        scan_part(main, &place, charge, stop, &mut index)
    };
    if let Err(why) = scanned {
        let remedy = match &why {
            Fault::Refused(_) if !is_found => Remedy::SplitFiles,
            why => Remedy::of(why),
        };
        let reason = match why {
            Fault::Damaged(_) => "the debug information of a unit is damaged".to_owned(),
            why => why.to_string(),
        };
        index.left_out.add_units(1, &reason, remedy);
    }
    index
}

/// A unit and its part.
struct Place<'a> {
    number: usize,
    part_number: usize,
    skeleton: Option<(&'a Part, usize)>,
}

fn scan_part(
    part: &Part,
    place: &Place<'_>,
    charge: &mut Charge,
    stop: &AtomicBool,
    index: &mut Index,
) -> Result<(), Fault> {
    let dwarf = part.borrowed();
    let start = part.units[place.number].start;
    let mut root = part.read_borrowed(&dwarf, place.number)?;
    if let Some((main, skeleton)) = place.skeleton {
        adopt(&mut root, main.read_borrowed(&main.borrowed(), skeleton)?);
    }
    let part_number = place.part_number;
    let mut scan = Scan {
        dwarf: &dwarf,
        unit: &root.unit,
        part_number,
        start,
        index,
        charge,
        charged: 0,
        open: Vec::new(),
        function: None,
    };
    let ended = scan.run(&mut part.work.counter(), stop)?;
    if ended { Ok(()) } else { Err(Fault::refused(TOO_LONG)) }
}

struct Scan<'a, 'b> {
    dwarf: &'b Dwarf<Slice<'a>>,
    unit: &'b Unit<Slice<'a>>,
    part_number: usize,
    start: u64,
    index: &'b mut Index,
    charge: &'b mut Charge,
    /// Charged bytes of the index.
    charged: u64,
    open: Vec<Open>,
    /// The async function whose entry is open: its depth, and the hash of its path.
    function: Option<(isize, u64)>,
}

/// A namespace that has not ended yet.
struct Open {
    depth: isize,
    scope: u32,
    /// Number of components of [`POLL_NAMESPACE`] that match up to this namespace; `None` if one differs.
    poll_components: Option<usize>,
    path: PathHash,
    /// The innermost enclosing `{impl#N}`: its path and its index in the list of open namespaces.
    owner: Option<(PathHash, usize)>,
    /// Whether a function was seen in this `{impl#N}`.
    has_owner: bool,
}

/// The attributes of an entry that the index needs.
#[derive(Default)]
struct Found<'a> {
    name: Option<Slice<'a>>,
    low_pc: Option<u64>,
    origin: Option<AttributeValue<Slice<'a>>>,
    location: Option<AttributeValue<Slice<'a>>>,
    type_of: Option<AttributeValue<Slice<'a>>>,
    is_declaration: bool,
    linkage_name: Option<AttributeValue<Slice<'a>>>,
}

impl<'a> Scan<'a, '_> {
    /// Returns whether it read everything; `false` if it was stopped.
    fn run(&mut self, counter: &mut Counter<'_>, stop: &AtomicBool) -> Result<bool, Fault> {
        let mut entries = self.unit.entries_raw(None)?;
        let mut until_check = 0;
        while !entries.is_empty() {
            counter.step()?;
            if until_check == 0 {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                self.charge_index()?;
                until_check = STOP_CHECK;
            }
            until_check -= 1;
            let (offset, depth) = (entries.next_offset(), entries.next_depth());
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            if abbreviation.attributes().len() > MAX_ATTRIBUTES {
                return Err(gimli::Error::InvalidAbbreviationCode(abbreviation.code()).into());
            }
            self.close(depth, offset);
            self.function = self.function.filter(|(outer, _)| *outer < depth);
            self.entry(&mut entries, abbreviation, offset, depth, counter)?;
            counter.bytes(entries.next_offset().0 - offset.0)?;
        }
        let end = entries.next_offset();
        self.close(isize::MIN, end);
        self.charge_index()?;
        Ok(entries.is_empty())
    }

    /// Charges the growth of the index. It must be cheap, because it is called often.
    fn charge_index(&mut self) -> Result<(), Exhausted> {
        let bytes = self.index.bytes();
        self.charge.grow(bytes.saturating_sub(self.charged))?;
        self.charged = bytes;
        Ok(())
    }

    fn id(&self, offset: UnitOffset) -> Option<EntryId> {
        EntryId::new(self.part_number, self.start.checked_add(offset.0 as u64)?)
    }

    /// Closes the namespaces that do not contain an entry of this depth.
    fn close(&mut self, depth: isize, offset: UnitOffset) {
        while let Some(open) = self.open.pop_if(|open| open.depth >= depth) {
            if let Some(end) = self.id(offset) {
                self.index.scopes[open.scope as usize].end = end.0;
            }
        }
    }

    fn entry(
        &mut self,
        entries: &mut EntriesRaw<'_, Slice<'a>>,
        abbreviation: &Abbreviation,
        offset: UnitOffset,
        depth: isize,
        counter: &mut Counter<'_>,
    ) -> Result<(), Fault> {
        let tag = abbreviation.tag();
        if !is_indexed(tag) {
            return Ok(entries.skip_attributes(abbreviation.attributes())?);
        }
        let mut found = Found::default();
        for specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            match attribute.name() {
                constants::DW_AT_name => {
                    found.name = string(self.dwarf, self.unit, attribute.value(), counter)?;
                }
                constants::DW_AT_low_pc => {
                    found.low_pc = self.dwarf.attr_address(self.unit, attribute.value()).ok().flatten();
                }
                constants::DW_AT_abstract_origin | constants::DW_AT_specification => {
                    found.origin = Some(attribute.value());
                }
                constants::DW_AT_location => found.location = Some(attribute.value()),
                constants::DW_AT_type => found.type_of = Some(attribute.value()),
                constants::DW_AT_linkage_name => found.linkage_name = Some(attribute.value()),
                constants::DW_AT_declaration => found.is_declaration = true,
                _ => {}
            }
        }
        let Some(id) = self.id(offset) else { return Ok(()) };
        match tag {
            constants::DW_TAG_namespace if abbreviation.has_children() => self.namespace(id, depth, &found),
            constants::DW_TAG_subprogram => self.function(id, depth, &found, counter)?,
            constants::DW_TAG_variable => self.variable(id, &found),
            constants::DW_TAG_structure_type => self.structure(id, abbreviation, &found),
            _ => {}
        }
        Ok(())
    }

    fn namespace(&mut self, id: EntryId, depth: isize, found: &Found<'a>) {
        let name = found.name.map_or(&b""[..], |name| name.slice());
        if self.open.len() >= DEEPEST {
            return;
        }
        let (parent, components, path, owner) = match self.open.last() {
            Some(open) => (Some(open.scope), open.poll_components, open.path, open.owner),
            None => (None, Some(0), PathHash::new(), None),
        };
        let path = path.join(name);
        let poll_components = components
            .filter(|at| POLL_NAMESPACE.get(*at).is_some_and(|expected| *expected == name))
            .map(|at| at + 1);
        let scope = self.index.scopes.len() as u32;
        self.index.scopes.push(Scope { start: id, end: id.0, parent });
        let owner = if name.starts_with(b"{impl#") { Some((path, self.open.len())) } else { owner };
        self.open.push(Open { depth, scope, poll_components, path, owner, has_owner: false });
    }

    fn function(
        &mut self,
        id: EntryId,
        depth: isize,
        found: &Found<'a>,
        counter: &mut Counter<'_>,
    ) -> Result<(), Fault> {
        if let (Some(name), Some(open)) =
            (found.name.filter(|name| is_coroutine(name.slice())), self.open.last())
        {
            let path = open.path.join(without_parameters(name.slice()));
            self.function = Some((depth, path.value()));
        }
        if let Some((path, at)) =
            self.open.last().and_then(|open| open.owner).filter(|_| found.linkage_name.is_some())
            && !std::mem::replace(&mut self.open[at].has_owner, true)
        {
            self.index.owners.push((path.value(), id));
        }
        // The linker sets the address of removed functions to 0 or to the highest address.
        let is_tombstone = |address: &u64| self.unit.header.is_tombstone_address(*address) || *address == 0;
        let low_pc = found.low_pc.filter(|address| !is_tombstone(address));
        if let Some(origin) = found.origin.as_ref().and_then(|origin| self.reference(origin)) {
            self.index.copies.push(FunctionCopy { address: low_pc, id, origin });
            return Ok(());
        }
        let is_in_raw =
            self.open.last().is_some_and(|open| open.poll_components == Some(POLL_NAMESPACE.len()));
        if is_in_raw && found.name.is_some_and(|name| name.slice().starts_with(b"poll<")) {
            match low_pc {
                Some(address) => self.index.polls.push((address, id)),
                None => self.index.poll_declarations.push(id),
            }
        }
        let blocks_on = found.name.is_some_and(|name| name.slice().starts_with(BLOCK_ON)) && self.is_tokios();
        if let Some(linkage_name) = found.linkage_name.filter(|_| blocks_on)
            && let Some(name) = string(self.dwarf, self.unit, linkage_name, counter)?
        {
            self.index.block_ons.push((PathHash::new().add(name.slice()).value(), id));
        }
        Ok(())
    }

    /// Whether the namespaces around the current entry begin with `tokio`.
    fn is_tokios(&self) -> bool {
        self.open.first().is_some_and(|first| first.poll_components == Some(1))
    }

    /// rustc describes each vtable as a variable `<T as Trait>::{vtable}`, and the values that an async
    /// function awaits as local variables.
    fn variable(&mut self, id: EntryId, found: &Found<'a>) {
        if let (Some((_, function)), Some(AWAITEE)) = (self.function, found.name.map(|name| name.slice())) {
            self.index.awaits.push((function, id));
        }
        let is_vtable = found.name.is_some_and(|name| name.slice().ends_with(b"::{vtable}"));
        if !is_vtable {
            return;
        }
        let Some(AttributeValue::Exprloc(location)) = found.location else { return };
        let address = match location.operations(self.unit.encoding()).next() {
            Ok(Some(Operation::Address { address })) => Some(address),
            Ok(Some(Operation::AddressIndex { index })) => self.dwarf.address(self.unit, index).ok(),
            _ => None,
        };
        let type_of = found.type_of.as_ref().and_then(|value| self.reference(value));
        if let (Some(address @ 1..), Some(type_of)) = (address, type_of) {
            self.index.vtables.push((address, type_of));
        }
    }

    fn structure(&mut self, id: EntryId, abbreviation: &Abbreviation, found: &Found<'a>) {
        let Some(name) = found.name.filter(|_| !found.is_declaration) else { return };
        let name = name.slice();
        if name.starts_with(b"{") {
            let is_described = is_coroutine(name) && abbreviation.has_children();
            self.index.coroutines += u64::from(is_described);
        }
        let Some(open) = self.open.last() else { return };
        if self.is_tokios() || name.starts_with(b"ArcInner<tokio::") {
            self.index.named.push((open.path.join(name).value(), id));
        }
    }

    fn reference(&self, value: &AttributeValue<Slice<'a>>) -> Option<EntryId> {
        match value {
            AttributeValue::UnitRef(offset) => self.id(*offset),
            AttributeValue::DebugInfoRef(offset) => EntryId::new(self.part_number, offset.0 as u64),
            _ => None,
        }
    }
}

fn is_indexed(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_namespace
            | constants::DW_TAG_subprogram
            | constants::DW_TAG_variable
            | constants::DW_TAG_structure_type
    )
}

/// `{async_fn#0}` for `{async_fn#0}<u64>`: all instances of a function have the same code.
fn without_parameters(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == b'}').map_or(name.len(), |at| at + 1);
    &name[..end]
}

fn is_coroutine(name: &[u8]) -> bool {
    [&b"{async_"[..], b"{coroutine_", b"{gen_"].iter().any(|prefix| name.starts_with(prefix))
}

//! The frames of addresses that earlier commands resolved, by build-id and by the file that had the names.
//!
//! A file with names may be another user's and say anything: so its entries are used only for the very same file,
//! with the times that the kernel gave it, and never for another file with the same build-id.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rgops_dwarf::{Budget, Charge};

use crate::cache::{Directory, Kind};
use crate::files::Checked;
use crate::symbols::frame::Frame;

const MAGIC: &[u8; 8] = b"rgopsNam";
/// Changes with the content, and with how names are chosen.
const VERSION: &str = concat!("2 ", env!("CARGO_PKG_VERSION"));
/// Addresses kept for a file; with more, those that the last command did not ask for are forgotten.
const MAX_ADDRESSES: usize = 1 << 16;
/// Bytes of texts kept for a file.
const MAX_TEXTS: usize = 16 << 20;
/// Memory of a text in the list and in the map, and of a frame.
const TEXT_BYTES: u64 = 64;

/// A frame without what its module and its address tell.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    function: Option<Arc<str>>,
    mangled: Option<Arc<str>>,
    file: Option<Arc<str>>,
    line: u32,
    column: u16,
    is_inlined: bool,
}

/// An address: the first byte of the function that was called, and its frames, innermost first; none if it is in no
/// function.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    start: Option<u64>,
    frames: Vec<Kept>,
    /// Other functions with the same code.
    aliases: Arc<[Arc<str>]>,
}

/// What is known about a file.
#[derive(Debug)]
pub(super) struct Remembered {
    cache: Directory,
    build_id: Vec<u8>,
    identity: [u64; 7],
    known: BTreeMap<u64, Address>,
    /// Addresses that this command asked for.
    used: BTreeSet<u64>,
    is_new: bool,
    charge: Charge,
}

impl Remembered {
    /// What earlier commands found in a file; nothing if it has no build-id.
    pub(super) fn load(
        cache: &Directory,
        build_id: &[u8],
        file: &Checked,
        budget: &Budget,
    ) -> Option<Remembered> {
        let identity = file.identity().filter(|_| !build_id.is_empty())?;
        let mut remembered = Remembered {
            cache: cache.clone(),
            build_id: build_id.to_vec(),
            identity,
            known: BTreeMap::new(),
            used: BTreeSet::new(),
            is_new: false,
            charge: Charge::none(budget),
        };
        cache.load(Kind::Names, build_id, part(&identity), budget, &mut |bytes| {
            match decode(bytes, build_id, &identity, &mut remembered.charge) {
                Some(known) => remembered.known = known,
                None => return false,
            }
            true
        });
        Some(remembered)
    }

    /// The frames at an address; `bare` has its module and address.
    pub(super) fn frames(&mut self, lookup: u64, bare: &Frame) -> Option<Vec<Frame>> {
        let address = self.known.get(&lookup)?;
        self.used.insert(lookup);
        let function_offset = address.start.map(|start| bare.module_offset.wrapping_sub(start));
        if address.frames.is_empty() {
            return Some(vec![Frame { function_offset, ..bare.clone() }]);
        }
        let frame = |kept: &Kept| Frame {
            function: kept.function.clone(),
            mangled: kept.mangled.clone(),
            file: kept.file.clone(),
            line: Some(kept.line).filter(|line| *line > 0),
            column: Some(kept.column).filter(|column| *column > 0),
            is_inlined: kept.is_inlined,
            function_offset,
            ..bare.clone()
        };
        let mut frames: Vec<Frame> = address.frames.iter().map(frame).collect();
        if let Some(outer) = frames.last_mut() {
            outer.aliases = address.aliases.clone();
        }
        Some(frames)
    }

    /// Keeps the frames of an address.
    pub(super) fn keep(&mut self, lookup: u64, frames: &[Frame]) {
        let keep = |frame: &Frame| Kept {
            function: frame.function.clone(),
            mangled: frame.mangled.clone(),
            file: frame.file.clone(),
            line: frame.line.unwrap_or(0),
            column: frame.column.unwrap_or(0),
            is_inlined: frame.is_inlined,
        };
        let start =
            frames.first().and_then(|frame| Some(frame.module_offset.wrapping_sub(frame.function_offset?)));
        let bytes = size_of::<(u64, Address)>() + frames.len() * size_of::<Kept>();
        if self.used.len() >= MAX_ADDRESSES || self.charge.grow(2 * bytes as u64).is_err() {
            return;
        }
        let aliases = frames.last().map(|outer| outer.aliases.clone()).unwrap_or_default();
        self.known.insert(lookup, Address { start, frames: frames.iter().map(keep).collect(), aliases });
        self.used.insert(lookup);
        self.is_new = true;
    }

    /// Writes what is new for the next command.
    pub(super) fn store(&mut self) {
        if !std::mem::take(&mut self.is_new) {
            return;
        }
        if self.known.len() > MAX_ADDRESSES {
            self.known.retain(|lookup, _| self.used.contains(lookup));
        }
        let bytes = encode(&self.known, &self.build_id, &self.identity);
        let bytes = bytes.or_else(|| {
            self.known.retain(|lookup, _| self.used.contains(lookup));
            encode(&self.known, &self.build_id, &self.identity)
        });
        if let Some(bytes) = bytes {
            self.cache.store(Kind::Names, &self.build_id, part(&self.identity), &bytes);
        }
    }
}

/// Distinguishes the files of a build in the name of the cached file.
fn part(identity: &[u64; 7]) -> u64 {
    let mut checksum = flate2::Crc::new();
    identity.iter().for_each(|number| checksum.update(&number.to_le_bytes()));
    u64::from(checksum.sum())
}

fn head(build_id: &[u8], identity: &[u64; 7]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    text(&mut head, VERSION.as_bytes());
    text(&mut head, build_id);
    identity.iter().for_each(|number| head.extend(number.to_le_bytes()));
    head
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text);
}

/// The head, the texts, the addresses, and a checksum of all before it. `None` if it is longer than is kept.
fn encode(known: &BTreeMap<u64, Address>, build_id: &[u8], identity: &[u64; 7]) -> Option<Vec<u8>> {
    let mut texts: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let (mut addresses, mut length) = (Vec::new(), 0);
    for (lookup, address) in known {
        addresses.extend(lookup.to_le_bytes());
        addresses.extend(address.start.unwrap_or(u64::MAX).to_le_bytes());
        addresses.extend((address.frames.len() as u32).to_le_bytes());
        let mut place = |of| {
            *places.entry(of).or_insert_with(|| {
                length += of.len() + 4;
                texts.push(of);
                texts.len() as u32
            })
        };
        for frame in &address.frames {
            for of in [&frame.function, &frame.mangled, &frame.file] {
                addresses.extend(of.as_deref().map_or(0, &mut place).to_le_bytes());
            }
            addresses.extend(frame.line.to_le_bytes());
            addresses.extend(frame.column.to_le_bytes());
            addresses.push(u8::from(frame.is_inlined));
        }
        addresses.extend((address.aliases.len() as u32).to_le_bytes());
        address.aliases.iter().for_each(|alias| addresses.extend(place(&**alias).to_le_bytes()));
    }
    if length > MAX_TEXTS {
        return None;
    }
    let mut out = head(build_id, identity);
    out.extend((texts.len() as u32).to_le_bytes());
    texts.iter().for_each(|each| text(&mut out, each.as_bytes()));
    out.extend((known.len() as u32).to_le_bytes());
    out.extend(addresses);
    let checksum = checksum(&out);
    out.extend(checksum);
    Some(out)
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    checksum.sum().to_le_bytes()
}

/// `None` if it is not what [`encode`] wrote for this file.
fn decode(
    bytes: &[u8],
    build_id: &[u8],
    identity: &[u64; 7],
    charge: &mut Charge,
) -> Option<BTreeMap<u64, Address>> {
    let (content, sum) = bytes.split_last_chunk::<4>()?;
    if checksum(content) != *sum {
        return None;
    }
    let mut rest = Rest(content.strip_prefix(&*head(build_id, identity))?);
    let count = rest.u32()?;
    let mut texts: Vec<Arc<str>> = Vec::new();
    for _ in 0..count {
        let length = rest.u32()?;
        let text = std::str::from_utf8(rest.take(length as usize)?).ok()?;
        charge.grow(TEXT_BYTES + text.len() as u64).ok()?;
        texts.push(Arc::from(text));
    }
    let mut known = BTreeMap::new();
    for _ in 0..rest.u32()? {
        let (lookup, start, count) = (rest.u64()?, rest.u64()?, rest.u32()?);
        let text = |place: u32| match place.checked_sub(1) {
            None => Some(None),
            Some(at) => texts.get(at as usize).map(|text| Some(text.clone())),
        };
        let mut frames = Vec::new();
        for _ in 0..count {
            let [function, mangled, file] = [rest.u32()?, rest.u32()?, rest.u32()?];
            let (line, column, flags) = (rest.u32()?, rest.u16()?, rest.take(1)?[0]);
            charge.grow(2 * size_of::<Kept>() as u64).ok()?;
            let (function, mangled, file) = (text(function)?, text(mangled)?, text(file)?);
            frames.push(Kept { function, mangled, file, line, column, is_inlined: flags == 1 });
        }
        let mut aliases = Vec::new();
        for _ in 0..rest.u32()? {
            charge.grow(2 * size_of::<Arc<str>>() as u64).ok()?;
            aliases.push(text(rest.u32()?)??);
        }
        charge.grow(2 * size_of::<(u64, Address)>() as u64).ok()?;
        let start = Some(start).filter(|start| *start != u64::MAX);
        known.insert(lookup, Address { start, frames, aliases: aliases.into() });
    }
    rest.0.is_empty().then_some(known)
}

/// Bytes that were not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

//! Reads the debug information sections of an ELF file, complete and decompressed.
//!
//! They are copied, not mapped: a mapped file that a rebuild truncates kills the reader with SIGBUS. Claimed
//! sizes are compared with the length of the file, and charged, before memory is allocated.

use std::io::Read;
use std::sync::Arc;

use gimli::{EndianArcSlice, EndianSlice, LittleEndian, SectionId};

use crate::budget::Budget;
use crate::charge::Charge;
use crate::elf::{Elf, Section};
use crate::read_at::{ReadAt, Unreadable, read_range, zeroed};

/// Bytes of a section that entries and their names can keep references to.
pub type Bytes = EndianArcSlice<LittleEndian>;

/// The same, borrowed: without reference counts, for the scan over all entries.
pub type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Maximum length of a section: the limit of offsets in 32-bit DWARF, the only kind that rustc writes.
const LARGEST_SECTION: u64 = 1 << 32;

/// Deflate's best ratio is 1032 to 1 (zlib's technical notes): a larger claim is false.
const LARGEST_DEFLATE_RATIO: u64 = 1033;

/// Header of an old compressed section: `ZLIB` and the size.
const OLD_HEADER_BYTES: u64 = 12;

/// Sections of an ELF file.
#[derive(Debug)]
pub struct Sections {
    found: Vec<(SectionId, Arc<[u8]>)>,
    /// Must live as long as the bytes: every owner of the bytes also keeps the charge.
    charge: Arc<Charge>,
    /// For a `.dwp`: the parts of the sections that belong to each unit.
    is_package: bool,
}

impl Sections {
    /// Reads the wanted sections, under the names of a `.dwo` if the file is one.
    pub fn read(
        file: &(impl ReadAt + ?Sized),
        wanted: &[SectionId],
        budget: &Budget,
    ) -> Result<Sections, Unreadable> {
        let elf = Elf::read(file, budget)?;
        if !elf.is_little {
            return Err("its byte order is not little-endian".into());
        }
        let mut places: Vec<(SectionId, String)> = Vec::new();
        for id in wanted {
            let names = [Some(id.name()), id.dwo_name()];
            let name = names.into_iter().flatten().find_map(|name| name_in(&elf, name));
            places.extend(name.map(|name| (*id, name)));
        }
        let is_package = id_of(&elf, SectionId::DebugCuIndex).is_some();
        if is_package {
            let parts = [SectionId::DebugCuIndex, SectionId::DebugTuIndex].into_iter().chain(OF_PACKAGES);
            let missing = parts.filter(|id| !wanted.contains(id));
            places.extend(missing.filter_map(|id| Some((id, id_of(&elf, id)?))));
        }
        let mut charge = Charge::none(budget);
        let mut found = Vec::new();
        for (id, name) in places {
            let (bytes, more) = read_section(file, &elf, &name, budget)
                .map_err(|why| why.of(&format!("its section {name} cannot be read")))?;
            charge.absorb(more);
            found.push((id, bytes));
        }
        Ok(Sections { found, charge: Arc::new(charge), is_package })
    }

    /// Whether it is a package with the split debug information of many units.
    pub fn is_package(&self) -> bool {
        self.is_package
    }

    /// A section; empty if the file has none.
    pub fn get(&self, id: SectionId) -> Bytes {
        let bytes = self.found.iter().find(|(known, _)| *known == id).map(|(_, bytes)| bytes.clone());
        EndianArcSlice::new(bytes.unwrap_or_default(), LittleEndian)
    }

    /// The charge of the bytes.
    pub fn charge(&self) -> &Arc<Charge> {
        &self.charge
    }
}

/// A package's index states which parts of these sections belong to a unit, and gimli reports a missing section
/// as an error. So they are read, although their content is not used.
const OF_PACKAGES: [SectionId; 6] = [
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugMacinfo,
    SectionId::DebugMacro,
    SectionId::DebugRngLists,
    SectionId::DebugTypes,
];

fn id_of(elf: &Elf, id: SectionId) -> Option<String> {
    id.dwo_name().and_then(|name| name_in(elf, name))
}

/// The section's name in the file: `.zdebug_…` for an old compressed one.
fn name_in(elf: &Elf, name: &str) -> Option<String> {
    let old = || Some(format!(".zdebug_{}", name.strip_prefix(".debug_")?));
    [Some(name.to_owned()), old()].into_iter().flatten().find(|name| elf.find(name).is_some())
}

/// A section's bytes, decompressed.
pub fn read_section(
    file: &(impl ReadAt + ?Sized),
    elf: &Elf,
    name: &str,
    budget: &Budget,
) -> Result<(Arc<[u8]>, Charge), Unreadable> {
    let section = elf.find(name).ok_or("it is missing")?;
    if !section.has_bytes() {
        return Ok((Arc::default(), Charge::none(budget)));
    }
    if section.size > LARGEST_SECTION {
        return Err("it is larger than 4 GiB".into());
    }
    let header_bytes = match (section.is_compressed(), name.starts_with(".zdebug_")) {
        (true, _) if elf.is_64 => 24,
        (true, _) => 12,
        (false, true) => OLD_HEADER_BYTES,
        (false, false) => return read_range(file, section.offset, section.size, budget),
    };
    let claimed = claimed_size(file, elf, section, header_bytes)?;
    if claimed > LARGEST_SECTION {
        return Err("it is larger than 4 GiB".into());
    }
    let offset = section.offset.checked_add(header_bytes).ok_or("the file is truncated")?;
    let (stored, _charge) = read_range(file, offset, section.size - header_bytes, budget)?;
    inflate(&stored, claimed, budget)
}

/// The size that a compressed section claims.
fn claimed_size(
    file: &(impl ReadAt + ?Sized),
    elf: &Elf,
    section: &Section,
    header_bytes: u64,
) -> Result<u64, Unreadable> {
    let mut header = [0; 24];
    let header = &mut header[..header_bytes as usize];
    if section.size < header_bytes || file.read_exact_at(header, section.offset).is_err() {
        return Err("it is truncated".into());
    }
    if !section.is_compressed() {
        // `ZLIB`, the size as eight big-endian bytes, then the stream: the format of linkers before ELF had a
        // flag for compressed sections.
        let size = header.strip_prefix(b"ZLIB").ok_or("its compression format is unknown")?;
        return Ok(size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)));
    }
    match elf.number(header, 0, 4) {
        1 => Ok(if elf.is_64 { elf.word(header, 8) } else { elf.word(header, 4) }),
        2 => Err("it is compressed with zstd: use objcopy --decompress-debug-sections".into()),
        _ => Err("its compression format is unknown".into()),
    }
}

fn inflate(stored: &[u8], claimed: u64, budget: &Budget) -> Result<(Arc<[u8]>, Charge), Unreadable> {
    if claimed / LARGEST_DEFLATE_RATIO > stored.len() as u64 {
        return Err("it claims a size that its compressed bytes cannot have".into());
    }
    let charge = Charge::new(budget, claimed)?;
    let mut bytes = zeroed(claimed)?;
    let mut stream = flate2::read::ZlibDecoder::new(stored);
    let target = Arc::get_mut(&mut bytes).unwrap_or_default();
    for piece in target.chunks_mut(1 << 20) {
        budget.check_time()?;
        stream.read_exact(piece).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "it is shorter than it claims".to_owned(),
            _ => format!("it cannot be decompressed: {error}"),
        })?;
    }
    Ok((bytes, charge))
}

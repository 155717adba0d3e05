//! Reads the sections of debug information out of an ELF file, whole and decompressed.
//!
//! They are copied, not mapped: a mapped file that is truncated by a rebuild kills the reader with
//! SIGBUS. Sizes that a file claims are held against its length before anything is allocated.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use gimli::{EndianArcSlice, EndianSlice, LittleEndian, SectionId};
use object::read::ReadCache;
use object::{CompressedFileRange, CompressionFormat, Object, ObjectSection};

/// Bytes of a section that entries and their names can hold on to.
pub(super) type Bytes = EndianArcSlice<LittleEndian>;

/// The same, borrowed: counts no references, for the scan over everything.
pub(super) type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// No section is larger: offsets in 32-bit DWARF, the only kind rustc writes, end here.
const LARGEST_SECTION: u64 = 1 << 32;

/// Deflate's best ratio is 1032 to 1 (zlib's technical notes): a larger claim is a lie.
const LARGEST_DEFLATE_RATIO: u64 = 1033;

/// The sections of an ELF file that describe types.
#[derive(Debug, Default)]
pub(super) struct Sections {
    found: Vec<(SectionId, Arc<[u8]>)>,
    /// Of a `.dwp`: which unit has which part of the sections.
    is_package: bool,
}

impl Sections {
    /// Reads them from a file, with the names of a `.dwo` if that is what it is.
    pub(super) fn read(file: &mut (impl Read + Seek)) -> Result<Sections, String> {
        let length = file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
        let mut ranges = Vec::new();
        {
            let cache = ReadCache::new(&mut *file);
            let elf = object::File::parse(&cache).map_err(|error| format!("it is no ELF file: {error}"))?;
            if !elf.is_little_endian() {
                return Err("its byte order is not this machine's".to_owned());
            }
            for id in WANTED {
                if let Some(range) = range(&elf, id.name()).or_else(|| range(&elf, id.dwo_name()?)) {
                    ranges.push((id, range?));
                }
            }
            for id in WANTED_OF_PACKAGES {
                if let Some(range) = id.dwo_name().and_then(|name| range(&elf, name)) {
                    ranges.push((id, range?));
                }
            }
        }
        let mut sections = Sections::default();
        for (id, range) in ranges {
            let bytes = read_section(file, &range, length)
                .map_err(|why| format!("its section {} cannot be read: {why}", id.name()))?;
            sections.insert(id, bytes);
        }
        Ok(sections)
    }

    /// Adds or replaces a section.
    pub(super) fn insert(&mut self, id: SectionId, bytes: Arc<[u8]>) {
        self.is_package |= id == SectionId::DebugCuIndex;
        self.found.retain(|(known, _)| *known != id);
        self.found.push((id, bytes));
    }

    /// Whether it is the package of many units' split debug information.
    pub(super) fn is_package(&self) -> bool {
        self.is_package
    }

    /// A section; empty if the file has none.
    pub(super) fn get(&self, id: SectionId) -> Bytes {
        let bytes = self.found.iter().find(|(known, _)| *known == id).map(|(_, bytes)| bytes.clone());
        EndianArcSlice::new(bytes.unwrap_or_default(), LittleEndian)
    }
}

const WANTED: [SectionId; 9] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugCuIndex,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugTuIndex,
];

/// A package's index says which parts of these are a unit's, and a part that is not there is an
/// error: they are needed, though nothing in them is.
const WANTED_OF_PACKAGES: [SectionId; 6] = [
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugMacinfo,
    SectionId::DebugMacro,
    SectionId::DebugRngLists,
    SectionId::DebugTypes,
];

/// Where a section is; `None` if there is none of the name.
fn range<'data>(elf: &impl Object<'data>, name: &str) -> Option<Result<CompressedFileRange, String>> {
    let range = match elf.section_by_name(name) {
        Some(section) => section.compressed_file_range().map_err(|error| error.to_string()),
        None => {
            old_compressed_range(elf.section_by_name(&format!(".zdebug_{}", name.strip_prefix(".debug_")?))?)
        }
    };
    Some(range.map_err(|why| format!("its section {name} is damaged: {why}")))
}

/// `ZLIB`, the size as eight big-endian bytes, then the stream: what linkers wrote before ELF had a
/// flag for compressed sections.
fn old_compressed_range<'data>(section: impl ObjectSection<'data>) -> Result<CompressedFileRange, String> {
    let (offset, size) = section.file_range().ok_or("it has no bytes")?;
    let header = section.data_range(section.address(), 12).map_err(|error| error.to_string())?;
    let header: [u8; 12] = header.and_then(|bytes| bytes.try_into().ok()).ok_or("it is cut short")?;
    let uncompressed = header.strip_prefix(b"ZLIB").ok_or("it is compressed in no known way")?;
    Ok(CompressedFileRange {
        format: CompressionFormat::Zlib,
        offset: offset + 12,
        compressed_size: size.saturating_sub(12),
        uncompressed_size: uncompressed.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)),
    })
}

fn read_section(
    file: &mut (impl Read + Seek),
    range: &CompressedFileRange,
    file_length: u64,
) -> Result<Arc<[u8]>, String> {
    let end = range.offset.checked_add(range.compressed_size);
    if end.is_none_or(|end| end > file_length) {
        return Err("the file is cut short".to_owned());
    }
    if range.compressed_size > LARGEST_SECTION || range.uncompressed_size > LARGEST_SECTION {
        return Err("it is larger than 4 GiB".to_owned());
    }
    let stored = read_range(file, range.offset, range.compressed_size).map_err(|error| error.to_string())?;
    match range.format {
        CompressionFormat::None => Ok(stored),
        CompressionFormat::Zlib => inflate(&stored, range.uncompressed_size),
        _ => Err("it is compressed with zstd: use objcopy --decompress-debug-sections".to_owned()),
    }
}

fn read_range(file: &mut (impl Read + Seek), offset: u64, size: u64) -> io::Result<Arc<[u8]>> {
    let size = usize::try_from(size).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(offset))?;
    file.take(size as u64).read_to_end(&mut bytes)?;
    if bytes.len() != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

fn inflate(stored: &[u8], claimed: u64) -> Result<Arc<[u8]>, String> {
    if claimed / LARGEST_DEFLATE_RATIO > stored.len() as u64 {
        return Err("it claims to be larger than its bytes can be".to_owned());
    }
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(stored)
        .take(claimed)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("it cannot be decompressed: {error}"))?;
    if bytes.len() as u64 != claimed {
        return Err("it is shorter than it claims to be".to_owned());
    }
    Ok(bytes.into())
}

//! Reads segments, unwind data and the build-id of a mapped ELF object. Bounded, and
//! without `unsafe`: it reads through a function that may fail at any address.
//!
//! Layouts: elf(5); `.eh_frame_hdr`: LSB core, section 10.6.2.

use std::io;
use std::ops::Range;

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const PF_X: u32 = 1;
const PF_R: u32 = 4;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const NT_GNU_BUILD_ID: u32 = 3;
const MAX_PROGRAM_HEADERS: usize = 64;
const MAX_NOTE_BYTES: u64 = 64 * 1024;

/// A mapped object; addresses are svma (as stated in the file).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    /// Address of the segment that holds the ELF header.
    pub(super) header_svma: u64,
    /// All code segments, from the first to the last.
    pub(super) code: Range<u64>,
    /// `.eh_frame_hdr`, and `.eh_frame` up to the end of its segment.
    pub(super) unwind: Option<(Range<u64>, Range<u64>)>,
    pub(super) build_id: Vec<u8>,
    /// The address of the build-id, if there is one.
    pub(super) build_id_svma: u64,
}

/// One program header.
#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    executable: bool,
    readable: bool,
    offset: u64,
    svma: u64,
    file_size: u64,
    memory_size: u64,
}

impl Segment {
    fn range(&self) -> Range<u64> {
        self.svma..self.svma.saturating_add(self.memory_size)
    }

    fn file_range(&self) -> Range<u64> {
        self.svma..self.svma.saturating_add(self.file_size)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn word16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_ne_bytes)
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

impl Object {
    /// Reads the object whose ELF header is at `header_avma`; `copy` fills a buffer from an avma.
    pub(super) fn read(
        header_avma: u64,
        copy: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<Object> {
        let mut header = [0; 64];
        copy(header_avma, &mut header)?;
        if header[..4] != *b"\x7fELF" || header[4] != 2 {
            return Err(invalid("not a 64-bit ELF object"));
        }
        let entry_size = usize::from(word16(&header, 54));
        let count = usize::from(word16(&header, 56));
        if entry_size != 56 || count == 0 || count > MAX_PROGRAM_HEADERS {
            return Err(invalid("program headers"));
        }
        let mut table = vec![0; entry_size * count];
        copy(header_avma.wrapping_add(word64(&header, 32)), &mut table)?;
        let segments: Vec<Segment> = table
            .chunks_exact(entry_size)
            .map(|entry| Segment {
                kind: word32(entry, 0),
                executable: word32(entry, 4) & PF_X != 0,
                readable: word32(entry, 4) & PF_R != 0,
                offset: word64(entry, 8),
                svma: word64(entry, 16),
                file_size: word64(entry, 32),
                memory_size: word64(entry, 40),
            })
            .collect();
        Object::of_segments(header_avma, &segments, copy)
    }

    fn of_segments(
        header_avma: u64,
        segments: &[Segment],
        copy: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<Object> {
        let loads = || segments.iter().filter(|segment| segment.kind == PT_LOAD);
        let header_svma =
            loads().find(|load| load.offset == 0).ok_or_else(|| invalid("no segment holds the header"))?.svma;
        let bias = header_avma.wrapping_sub(header_svma);
        let code = loads().filter(|load| load.executable).map(Segment::range);
        let code = code.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end)).unwrap_or_default();
        let unwind = segments
            .iter()
            .find(|segment| segment.kind == PT_GNU_EH_FRAME)
            .and_then(|segment| unwind_ranges(bias, segment, segments, &copy));
        let build_id = segments.iter().filter(|segment| segment.kind == PT_NOTE).find_map(|note| {
            let mut bytes = vec![0; note.file_size.min(MAX_NOTE_BYTES) as usize];
            copy(bias.wrapping_add(note.svma), &mut bytes).ok()?;
            let id = build_id(&bytes)?;
            let at = bytes.windows(id.len()).position(|window| window == id)?;
            Some((id, note.svma.wrapping_add(at as u64)))
        });
        let (build_id, build_id_svma) = build_id.unwrap_or_default();
        Ok(Object { header_svma, code, unwind, build_id, build_id_svma })
    }
}

/// The ranges of `.eh_frame_hdr` and of the `.eh_frame` it refers to, each inside one segment.
fn unwind_ranges(
    bias: u64,
    header: &Segment,
    segments: &[Segment],
    copy: &impl Fn(u64, &mut [u8]) -> io::Result<()>,
) -> Option<(Range<u64>, Range<u64>)> {
    /// DW_EH_PE_pcrel | DW_EH_PE_sdata4: the encoding every linker writes.
    const RELATIVE_32: u8 = 0x1b;
    let mut start = [0; 8];
    copy(bias.wrapping_add(header.svma), &mut start).ok()?;
    if start[0] != 1 || start[1] != RELATIVE_32 {
        return None;
    }
    let offset = i64::from(word32(&start, 4) as i32);
    let frames = header.svma.wrapping_add(4).wrapping_add_signed(offset);
    let loaded = |address: u64| {
        let loads = segments.iter().filter(|segment| segment.kind == PT_LOAD && segment.readable);
        loads.map(Segment::file_range).find(|range| range.contains(&address))
    };
    // A range that leaves its segment would be read beyond the mapping.
    let header = header.file_range();
    if loaded(header.start)?.end < header.end {
        return None;
    }
    Some((header, frames..loaded(frames)?.end))
}

/// The build-id in the bytes of a note segment (`NT_GNU_BUILD_ID`, owner `GNU`).
fn build_id(notes: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    while at + 12 <= notes.len() {
        let (name, description) = (word32(notes, at) as usize, word32(notes, at + 4) as usize);
        let name_at = at + 12;
        let description_at = name_at.checked_add(name)?.checked_next_multiple_of(4)?;
        let end = description_at.checked_add(description)?;
        if word32(notes, at + 8) == NT_GNU_BUILD_ID && notes.get(name_at..name_at + 4) == Some(b"GNU\0") {
            return notes.get(description_at..end).filter(|id| id.len() <= 64).map(<[u8]>::to_vec);
        }
        at = end.checked_next_multiple_of(4)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_object_is_an_error() {
        let memory = |bytes: Vec<u8>| {
            move |avma: u64, buffer: &mut [u8]| {
                let from = avma as usize;
                let source = bytes.get(from..from + buffer.len()).ok_or_else(|| invalid("unmapped"))?;
                buffer.copy_from_slice(source);
                Ok(())
            }
        };
        assert!(Object::read(0, memory(vec![0; 64])).is_err());
        let mut header = vec![0; 64];
        header[..5].copy_from_slice(b"\x7fELF\x02");
        header[54..56].copy_from_slice(&56u16.to_ne_bytes());
        header[56..58].copy_from_slice(&u16::MAX.to_ne_bytes());
        assert!(Object::read(0, memory(header.clone())).is_err());
        header[56..58].copy_from_slice(&3u16.to_ne_bytes());
        assert!(Object::read(0, memory(header)).is_err(), "headers outside the memory");
    }

    #[test]
    fn a_build_id_after_another_note_is_found() {
        let mut notes = Vec::new();
        for (kind, name, description) in [(5u32, b"XYZ\0", &[1u8, 2][..]), (3, b"GNU\0", &[0xab, 0xcd, 0xef])]
        {
            notes.extend(4u32.to_ne_bytes());
            notes.extend((description.len() as u32).to_ne_bytes());
            notes.extend(kind.to_ne_bytes());
            notes.extend(name);
            notes.extend(description);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(build_id(&notes), Some(vec![0xab, 0xcd, 0xef]));
        assert_eq!(build_id(&notes[..10]), None);
        assert_eq!(build_id(&[0xff; 64]), None);
    }
}

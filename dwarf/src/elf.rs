//! Reads the headers of an ELF file (gABI, chapters 4 and 5), of both classes and byte orders, with a few
//! bounded `pread`s. Whatever the headers claim, at most the memory that a real file needs is allocated.

use crate::budget::Budget;
use crate::charge::Charge;
use crate::read_at::{ReadAt, Unreadable, read_range};

/// Maximum length of the tables of sections, of segments and of their names: executables have dozens of
/// entries, objects thousands.
const LARGEST_TABLE: u64 = 8 << 20;

/// Maximum length of a note; real ones have a few hundred bytes.
const LARGEST_NOTE: u64 = 64 << 10;

/// Marks extended numbering, for a name table beyond 65279 sections (`SHN_XINDEX`).
const EXTENDED: u64 = 0xffff;

/// Kinds of sections (`sh_type`) and of segments (`p_type`).
const NOTE_SECTION: u64 = 7;
const WITHOUT_BYTES: u64 = 8;
const LOADED_SEGMENT: u64 = 1;
const NOTE_SEGMENT: u64 = 4;

/// `SHF_COMPRESSED`.
const COMPRESSED: u64 = 1 << 11;

/// `SHF_EXECINSTR`.
const EXECUTABLE: u64 = 1 << 2;

/// The GNU note with the build-id.
const BUILD_ID_NOTE: u64 = 3;

/// An ELF file's headers.
#[derive(Debug)]
pub struct Elf {
    /// Whether addresses have eight bytes.
    pub is_64: bool,
    /// Whether it is little-endian.
    pub is_little: bool,
    /// `e_machine`.
    pub machine: u64,
    /// svma of the first instruction.
    pub entry: u64,
    /// Its sections.
    pub sections: Vec<Section>,
    /// Its segments.
    pub segments: Vec<Segment>,
    names: Vec<u8>,
    _charge: Charge,
}

/// The position of a section in the file.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    name: u64,
    kind: u64,
    flags: u64,
    /// svma.
    pub address: u64,
    /// Its offset in the file.
    pub offset: u64,
    /// Its length in the file.
    pub size: u64,
    /// Number of a related section: for a symbol table, that of the names.
    pub link: u64,
}

impl Section {
    /// Whether its bytes begin with a compression header.
    pub fn is_compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }

    /// Whether it is machine code.
    pub fn is_code(&self) -> bool {
        self.flags & EXECUTABLE != 0
    }

    /// Whether the file contains its bytes: a debug file does not contain those of the code.
    pub fn has_bytes(&self) -> bool {
        self.kind != WITHOUT_BYTES && self.size > 0
    }
}

/// A part of the file that is mapped, or a note.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    kind: u64,
    /// Its offset in the file.
    pub offset: u64,
    /// svma.
    pub address: u64,
    /// Its length in the file.
    pub file_size: u64,
    /// Its length in memory.
    pub memory_size: u64,
}

impl Segment {
    /// Whether it is mapped when the program starts.
    pub fn is_loaded(&self) -> bool {
        self.kind == LOADED_SEGMENT
    }
}

impl Elf {
    /// Reads the headers; an error when the file is not an ELF file.
    pub fn read(file: &(impl ReadAt + ?Sized), budget: &Budget) -> Result<Elf, Unreadable> {
        let mut header = [0; 64];
        let length = file.length().min(header.len() as u64) as usize;
        file.read_exact_at(&mut header[..length], 0).map_err(|error| error.to_string())?;
        if !header.starts_with(b"\x7fELF") || length < 52 {
            return Err("it is not an ELF file".into());
        }
        let mut elf = Elf {
            is_64: header[4] == 2,
            is_little: header[5] == 1,
            machine: 0,
            entry: 0,
            sections: Vec::new(),
            segments: Vec::new(),
            names: Vec::new(),
            _charge: Charge::none(budget),
        };
        elf.machine = elf.number(&header, 0x12, 2);
        // Offsets of the tables, then the sizes and numbers of their entries.
        let (entry, segments, sections, sizes) = match elf.is_64 {
            true => (elf.word(&header, 0x18), elf.word(&header, 0x20), elf.word(&header, 0x28), 0x36),
            false => (elf.word(&header, 0x18), elf.word(&header, 0x1c), elf.word(&header, 0x20), 0x2a),
        };
        elf.entry = entry;
        let half = |index: usize| elf.number(&header, sizes + index * 2, 2);
        let [segment_size, segment_count, section_size, section_count, names] = [0, 1, 2, 3, 4].map(half);
        elf.read_segments(file, segments, segment_size, segment_count, budget)?;
        elf.read_sections(file, sections, section_size, section_count, names, budget)?;
        Ok(elf)
    }

    fn read_segments(
        &mut self,
        file: &(impl ReadAt + ?Sized),
        offset: u64,
        size: u64,
        count: u64,
        budget: &Budget,
    ) -> Result<(), Unreadable> {
        let smallest = if self.is_64 { 56 } else { 32 };
        if size < smallest || count == 0 {
            return Ok(());
        }
        let (table, _charge) = self.table(file, offset, size * count, budget)?;
        self._charge.grow(count * size_of::<Segment>() as u64)?;
        let segment = |bytes: &[u8]| match self.is_64 {
            true => Segment {
                kind: self.number(bytes, 0, 4),
                offset: self.word(bytes, 8),
                address: self.word(bytes, 16),
                file_size: self.word(bytes, 32),
                memory_size: self.word(bytes, 40),
            },
            false => Segment {
                kind: self.number(bytes, 0, 4),
                offset: self.word(bytes, 4),
                address: self.word(bytes, 8),
                file_size: self.word(bytes, 16),
                memory_size: self.word(bytes, 20),
            },
        };
        self.segments = table.chunks_exact(size as usize).map(segment).collect();
        Ok(())
    }

    fn read_sections(
        &mut self,
        file: &(impl ReadAt + ?Sized),
        offset: u64,
        size: u64,
        count: u64,
        names: u64,
        budget: &Budget,
    ) -> Result<(), Unreadable> {
        let smallest = if self.is_64 { 64 } else { 40 };
        if size < smallest || offset == 0 {
            return Ok(());
        }
        // More than 65279 sections are counted in the first section.
        let (first, _charge) = self.table(file, offset, size, budget)?;
        let first = self.section(&first);
        let count = if count == 0 { first.size } else { count };
        let names = if names == EXTENDED { first.link } else { names };
        let bytes = size.checked_mul(count).ok_or("it has more sections than any program")?;
        let (table, _charge) = self.table(file, offset, bytes, budget)?;
        self._charge.grow(count * size_of::<Section>() as u64)?;
        let sections: Vec<_> = table.chunks_exact(size as usize).map(|bytes| self.section(bytes)).collect();
        if let Some(section) = sections.get(names as usize).filter(|section| section.has_bytes()) {
            let (bytes, charge) = self.table(file, section.offset, section.size, budget)?;
            self.names = bytes.to_vec();
            self._charge.absorb(charge);
        }
        self.sections = sections;
        Ok(())
    }

    fn section(&self, bytes: &[u8]) -> Section {
        match self.is_64 {
            true => Section {
                name: self.number(bytes, 0, 4),
                kind: self.number(bytes, 4, 4),
                flags: self.word(bytes, 8),
                address: self.word(bytes, 16),
                offset: self.word(bytes, 24),
                size: self.word(bytes, 32),
                link: self.number(bytes, 40, 4),
            },
            false => Section {
                name: self.number(bytes, 0, 4),
                kind: self.number(bytes, 4, 4),
                flags: self.word(bytes, 8),
                address: self.word(bytes, 12),
                offset: self.word(bytes, 16),
                size: self.word(bytes, 20),
                link: self.number(bytes, 24, 4),
            },
        }
    }

    fn table(
        &self,
        file: &(impl ReadAt + ?Sized),
        offset: u64,
        size: u64,
        budget: &Budget,
    ) -> Result<(std::sync::Arc<[u8]>, Charge), Unreadable> {
        if size > LARGEST_TABLE {
            return Err("its headers are larger than any program's".into());
        }
        read_range(file, offset, size, budget).map_err(|why| why.of("its headers cannot be read"))
    }

    /// The section with a name; the first if there are several.
    pub fn find(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| {
            let start = usize::try_from(section.name).unwrap_or(usize::MAX);
            let rest = self.names.get(start..).and_then(|rest| rest.strip_prefix(name.as_bytes()));
            rest.is_some_and(|rest| rest.first() == Some(&0))
        })
    }

    /// The bytes of a small section; `None` if it is missing.
    pub fn small(
        &self,
        file: &(impl ReadAt + ?Sized),
        name: &str,
        largest: u64,
        budget: &Budget,
    ) -> Option<Vec<u8>> {
        let section = self.find(name).filter(|section| section.has_bytes() && section.size <= largest)?;
        read_range(file, section.offset, section.size, budget).ok().map(|(bytes, _)| bytes.to_vec())
    }

    /// The build-id; empty if there is none.
    pub fn build_id(&self, file: &(impl ReadAt + ?Sized), budget: &Budget) -> Vec<u8> {
        let sections = self.sections.iter().filter(|section| section.kind == NOTE_SECTION);
        let mut places: Vec<_> = sections.map(|section| (section.offset, section.size)).collect();
        if self.sections.is_empty() {
            let segments = self.segments.iter().filter(|segment| segment.kind == NOTE_SEGMENT);
            places.extend(segments.map(|segment| (segment.offset, segment.file_size)));
        }
        let notes = places.into_iter().filter(|(_, size)| *size <= LARGEST_NOTE).take(MAX_NOTES);
        let mut found = notes.filter_map(|(offset, size)| read_range(file, offset, size, budget).ok());
        found.find_map(|(bytes, _)| self.build_id_in(&bytes)).unwrap_or_default()
    }

    /// Notes: lengths of name and content, a kind, then both, each padded to four bytes.
    fn build_id_in(&self, mut notes: &[u8]) -> Option<Vec<u8>> {
        while notes.len() >= 12 {
            let [name, content, kind] = [0, 4, 8].map(|at| self.number(notes, at, 4));
            let padded = |length: u64| usize::try_from(length.div_ceil(4) * 4).unwrap_or(usize::MAX);
            let rest = &notes[12..];
            let after = rest.get(padded(name)..)?;
            if kind == BUILD_ID_NOTE && rest.get(..name as usize)? == b"GNU\0" {
                return after.get(..content as usize).map(<[u8]>::to_vec);
            }
            notes = after.get(padded(content)..)?;
        }
        None
    }

    /// An address of the file at `at`, 0 when `bytes` ends before it.
    pub fn word(&self, bytes: &[u8], at: usize) -> u64 {
        self.number(bytes, at, if self.is_64 { 8 } else { 4 })
    }

    /// The unsigned number of `width` bytes at `at`, 0 when `bytes` ends before it.
    pub fn number(&self, bytes: &[u8], at: usize, width: usize) -> u64 {
        let bytes = bytes.get(at..at + width).unwrap_or_default();
        let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.is_little { bytes.iter().rev().fold(0, shift) } else { bytes.iter().fold(0, shift) }
    }
}

/// Maximum notes that are searched.
const MAX_NOTES: usize = 64;

//! The program's own executable, read through `/proc/thread-self/exe`: its ELF sections and its build-id.
//!
//! That opens the inode that runs, so it works even if the file was replaced or deleted. `/proc/self/exe` is that of
//! the main thread, and shows nothing when that has ended.
//! Only the sections that the headers list are read, in bounded pieces. Nothing is mapped: a file that is
//! truncated while it is read gives an error, not a SIGBUS.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt as _};

use rgops_capture::procfs;

/// Maximum section headers read: even 1,000 sections are unusual.
const MAX_SECTIONS: u64 = 4096;
/// Maximum bytes of the table of section names.
const MAX_NAMES_BYTES: u64 = 1 << 20;
/// Maximum bytes of the list of mappings.
const MAX_MAPS_BYTES: usize = 16 * 1024 * 1024;
/// Size of a piece of a long section.
pub(crate) const PIECE_BYTES: usize = 128 * 1024;

/// The executable of this process.
pub(crate) const OWN: &str = "/proc/thread-self/exe";

const SECTION_HEADER_BYTES: usize = 64;
/// `SHT_NOBITS`: the section has no bytes in the file.
const NO_BITS: u32 = 8;

/// An open ELF executable.
#[derive(Debug)]
pub(crate) struct Executable {
    file: File,
    sections: Vec<Section>,
}

/// A section of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    offset: u64,
    /// Bytes it has in the file.
    pub(crate) size: u64,
}

impl Executable {
    /// The executable of this process.
    pub(crate) fn own() -> io::Result<Executable> {
        Executable::open(File::open(OWN)?)
    }

    /// The object that has the agent's code: the executable, or a library in it, such as a Python extension. With its
    /// name if it is a library.
    pub(crate) fn of_agent() -> io::Result<(Executable, Option<String>)> {
        let own = Executable::own()?;
        let code = (Executable::of_agent as fn() -> _) as usize as u64;
        let Some(mapping) = mapping_at(&procfs::read(procfs::process::MAPS, MAX_MAPS_BYTES)?, code) else {
            return Ok((own, None));
        };
        let metadata = own.file.metadata()?;
        let is_at = |metadata: &std::fs::Metadata| metadata.ino() == mapping.inode;
        if is_at(&metadata) {
            return Ok((own, None));
        }
        let file = File::open(&mapping.path)?;
        if !is_at(&file.metadata()?) {
            return Err(invalid("the library with the agent was replaced since it was loaded"));
        }
        let name = mapping.path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((Executable::open(file)?, Some(name)))
    }

    fn open(file: File) -> io::Result<Executable> {
        let mut header = [0; 64];
        file.read_exact_at(&mut header, 0)?;
        // ELF64 in this machine's byte order: the kernel runs no other.
        if header[..5] != *b"\x7fELF\x02" {
            return Err(invalid("not a 64-bit ELF file"));
        }
        let table = u64::from_ne_bytes(array(&header, 40)?);
        let entry = u16::from_ne_bytes(array(&header, 58)?);
        let count = u64::from(u16::from_ne_bytes(array(&header, 60)?));
        let names = usize::from(u16::from_ne_bytes(array(&header, 62)?));
        if table == 0 || count == 0 {
            return Err(invalid("its section headers were stripped"));
        }
        if usize::from(entry) != SECTION_HEADER_BYTES || count > MAX_SECTIONS {
            return Err(invalid("its section headers are malformed"));
        }
        let mut headers = vec![0; count as usize * SECTION_HEADER_BYTES];
        file.read_exact_at(&mut headers, table)?;
        let sections = headers.chunks(SECTION_HEADER_BYTES).map(section).collect::<io::Result<Vec<_>>>()?;
        let names = sections.get(names).map(|(_, section)| section.clone());
        let names = names.ok_or_else(|| invalid("it has no section names"))?;
        let mut name_bytes = vec![0; names.size.min(MAX_NAMES_BYTES) as usize];
        file.read_exact_at(&mut name_bytes, names.offset)?;
        let sections = sections.into_iter().map(|(name, section)| Section {
            name: text_at(&name_bytes, name as usize).unwrap_or_default(),
            ..section
        });
        Ok(Executable { sections: sections.filter(|section| !section.name.is_empty()).collect(), file })
    }

    /// The names of all sections.
    pub(crate) fn section_names(&self) -> Vec<String> {
        self.sections.iter().map(|section| section.name.clone()).collect()
    }

    /// The section with this name.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of a section, `None` when there is no such section.
    ///
    /// # Errors
    /// If it is longer than `limit`, or cannot be read.
    pub(crate) fn bytes(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(section) = self.section(name) else { return Ok(None) };
        if section.size > limit {
            return Err(invalid(&format!(
                "its section {name} has {} bytes, more than {limit}",
                section.size
            )));
        }
        let mut bytes = vec![0; section.size as usize];
        self.file.read_exact_at(&mut bytes, section.offset)?;
        Ok(Some(bytes))
    }

    /// Reads the piece of a section at `at`, at most [`PIECE_BYTES`]; empty at the end of the section.
    pub(crate) fn piece(&self, section: &Section, at: u64) -> io::Result<Vec<u8>> {
        let left = section.size.saturating_sub(at).min(PIECE_BYTES as u64);
        let mut bytes = vec![0; left as usize];
        self.file.read_exact_at(&mut bytes, section.offset.saturating_add(at))?;
        Ok(bytes)
    }

    /// The GNU build-id (`.note.gnu.build-id`), empty where there is none.
    pub(crate) fn build_id(&self) -> Vec<u8> {
        match self.bytes(".note.gnu.build-id", 4096) {
            Ok(Some(note)) => build_id(&note).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

/// A mapped file.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    inode: u64,
    path: String,
}

/// The file that is mapped at an address, from the lines of `maps` (proc_pid_maps(5)).
fn mapping_at(maps: &str, address: u64) -> Option<Mapping> {
    maps.lines().find_map(|line| {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        let inode = fields.nth(3)?.parse().ok()?;
        let path = fields.next()?.trim_start().to_owned();
        range.contains(&address).then_some(Mapping { inode, path })
    })
}

/// Name offset and section of one header.
fn section(header: &[u8]) -> io::Result<(u32, Section)> {
    let name = u32::from_ne_bytes(array(header, 0)?);
    let kind = u32::from_ne_bytes(array(header, 4)?);
    let offset = u64::from_ne_bytes(array(header, 24)?);
    let size = if kind == NO_BITS { 0 } else { u64::from_ne_bytes(array(header, 32)?) };
    Ok((name, Section { name: String::new(), offset, size }))
}

/// The id in a note: lengths of name and descriptor, type `NT_GNU_BUILD_ID` (3), `GNU\0`, the id.
fn build_id(note: &[u8]) -> Option<Vec<u8>> {
    let name_size = u32::from_ne_bytes(array(note, 0).ok()?) as usize;
    let size = u32::from_ne_bytes(array(note, 4).ok()?) as usize;
    let kind = u32::from_ne_bytes(array(note, 8).ok()?);
    if kind != 3 || note.get(12..16)? != b"GNU\0" || name_size != 4 || size > 64 {
        return None;
    }
    Some(note.get(16..16 + size)?.to_vec())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let end = at.checked_add(N).ok_or_else(|| invalid("too short"))?;
    bytes.get(at..end).and_then(|part| part.try_into().ok()).ok_or_else(|| invalid("too short"))
}

/// The NUL-terminated text at `at`.
fn text_at(bytes: &[u8], at: usize) -> Option<String> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_test_program_has_sections_and_a_comment() {
        let own = Executable::own().unwrap();
        assert!(own.section_names().contains(&".text".to_owned()));
        let comment = own.bytes(".comment", 1 << 16).unwrap().unwrap();
        assert!(String::from_utf8_lossy(&comment).contains("rustc version"));
        assert!(own.bytes(".text", 16).unwrap_err().to_string().contains("more than 16"));
        assert_eq!(own.bytes(".none", 16).unwrap(), None);
        assert_eq!(own.section(".bss").unwrap().size, 0);
    }

    #[test]
    fn files_that_are_not_programs_are_errors_not_panics() {
        let directory = std::env::temp_dir().join(format!("rgops-executable-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("broken");
        let mut bytes = std::fs::read("/proc/self/exe").unwrap();
        let attempts: [(usize, &[u8]); 5] = [
            (0, b"#!/bin/sh"),
            (40, &[0; 8]),       // no section headers
            (40, &[0xff; 8]),    // section headers far beyond the end
            (60, &[0xff, 0xff]), // too many
            (62, &[0xfe, 0xff]), // no names
        ];
        for (at, patch) in attempts {
            let saved = bytes[at..at + patch.len()].to_vec();
            bytes[at..at + patch.len()].copy_from_slice(patch);
            std::fs::write(&path, &bytes[..bytes.len().min(1 << 20)]).unwrap();
            assert!(Executable::open(File::open(&path).unwrap()).is_err(), "{at}");
            bytes[at..at + patch.len()].copy_from_slice(&saved);
        }
        std::fs::write(&path, b"\x7fELF").unwrap();
        assert!(Executable::open(File::open(&path).unwrap()).is_err());
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_agent_of_this_test_is_in_the_executable() {
        let (executable, library) = Executable::of_agent().unwrap();
        assert_eq!((executable.build_id(), library), (Executable::own().unwrap().build_id(), None));
        let maps =
            "7f00-7f10 r-xp 00001000 08:01 42                 /srv/a b.so\n8000-8010 rw-p 0 00:00 0 \n";
        let expected = Mapping { inode: 42, path: "/srv/a b.so".to_owned() };
        assert_eq!(mapping_at(maps, 0x7f0f), Some(expected));
        assert_eq!(mapping_at(maps, 0x7f10), None);
    }

    #[test]
    fn a_build_id_is_read_from_its_note() {
        let mut note = Vec::new();
        [4_u32, 2, 3].iter().for_each(|number| note.extend(number.to_ne_bytes()));
        note.extend(b"GNU\0\xab\xcd\0\0");
        assert_eq!(build_id(&note), Some(vec![0xab, 0xcd]));
        assert_eq!(build_id(&note[..14]), None);
    }
}

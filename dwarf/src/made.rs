//! Generates ELF files with debug information that no compiler writes.

/// A 64-bit ELF file with these sections: names, flags and bytes.
pub fn elf(sections: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut bytes = vec![0; 64];
    let mut table = vec![0; 64];
    let mut header = |name: u32, kind: u32, flags: u64, offset: usize, size: usize| {
        let mut entry = [0; 64];
        entry[..4].copy_from_slice(&name.to_le_bytes());
        entry[4..8].copy_from_slice(&kind.to_le_bytes());
        entry[8..16].copy_from_slice(&flags.to_le_bytes());
        entry[24..32].copy_from_slice(&(offset as u64).to_le_bytes());
        entry[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        table.extend(entry);
    };
    for (name, flags, content) in sections {
        header(names.len() as u32, 1, *flags, bytes.len(), content.len());
        names.extend(name.bytes().chain([0]));
        bytes.extend_from_slice(content);
    }
    names.extend(b".shstrtab\0");
    header(names.len() as u32 - 10, 3, 0, bytes.len(), names.len());
    bytes.extend(&names);
    let table_at = bytes.len() as u64;
    let count = (table.len() / 64) as u16;
    bytes.extend(table);
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[0x28..0x30].copy_from_slice(&table_at.to_le_bytes());
    for (at, value) in [(0x3a, 64), (0x3c, count), (0x3e, count - 1)] {
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Abbreviations by number: 1 a unit with lines, 2 a function with a name, 3 an inlined call, 4 a function
/// that completes another, 5 a function with a list of ranges, 6 a function with only a name.
pub const ABBREVIATIONS: &[u8] = &[
    1, 0x11, 1, 0x10, 0x17, 0x11, 0x01, 0x12, 0x07, 0, 0, //
    2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0, //
    3, 0x1d, 1, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0x58, 0x0b, 0x59, 0x0b, 0, 0, //
    4, 0x2e, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0, //
    5, 0x2e, 0, 0x55, 0x17, 0, 0, //
    6, 0x2e, 0, 0x03, 0x08, 0, 0, //
    0,
];

/// Start address of the code.
pub const CODE: u64 = 0x1000;
/// Length of the code.
pub const CODE_BYTES: u64 = 0x1000;

/// Bytes of a unit before its entries, including its own entry.
pub const FIRST_ENTRY: u32 = 11 + 1 + 4 + 8 + 8;

/// A DWARF 4 unit with lines at 0 and these entries.
pub fn unit(entries: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0, 0];
    bytes.extend(CODE.to_le_bytes());
    bytes.extend(CODE_BYTES.to_le_bytes());
    bytes.extend(entries);
    unit_of(&bytes)
}

/// A unit of DWARF 4 with the first table of abbreviations, of these entries, its own included.
pub fn unit_of(entries: &[u8]) -> Vec<u8> {
    let header = [4, 0, 0, 0, 0, 0, 8];
    let length = (header.len() + entries.len()) as u32;
    [&length.to_le_bytes()[..], &header, entries].concat()
}

/// An entry with these attributes.
pub fn entry(abbreviation: u8, attributes: &[&[u8]]) -> Vec<u8> {
    [&[abbreviation][..], &attributes.concat()].concat()
}

/// Attributes for the range of all the code.
pub fn all_code() -> Vec<u8> {
    [CODE.to_le_bytes(), CODE_BYTES.to_le_bytes()].concat()
}

/// A table of lines, version 4: one file, `a.rs`, and one row for all the code.
pub fn lines() -> Vec<u8> {
    let mut header = vec![1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0];
    header.extend(b"a.rs\0\0\0\0\0");
    let mut program = vec![0, 9, 2];
    program.extend(CODE.to_le_bytes());
    // A row in line 1, then the end, after 0x1000 bytes.
    program.extend([1, 2, 0x80, 0x20, 0, 1, 1]);
    let header_length = (header.len() as u32).to_le_bytes();
    let rest = [&[4, 0][..], &header_length, &header, &program].concat();
    [&(rest.len() as u32).to_le_bytes()[..], &rest].concat()
}

/// A file with this unit and other sections.
pub fn file(info: &[u8], more: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let lines = lines();
    let own: [(&str, u64, &[u8]); 3] =
        [(".debug_info", 0, info), (".debug_abbrev", 0, ABBREVIATIONS), (".debug_line", 0, &lines)];
    let is_other = |(name, ..): &&(&str, u64, &[u8])| !more.iter().any(|(other, ..)| other == name);
    let all: Vec<_> = own.iter().filter(is_other).chain(more).copied().collect();
    elf(&all)
}

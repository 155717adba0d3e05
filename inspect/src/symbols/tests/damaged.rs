//! Damaged and hostile files: names are missing and the reason is reported, but nothing panics, hangs or
//! fills the memory.

use std::io::Write as _;

use rgops_dwarf::Budget;
use rgops_dwarf::made::{self, CODE, CODE_BYTES, all_code, entry, file, unit};

use crate::budget;
use crate::symbols::{Detail, Frame, ModuleSymbols, Symbolizer};

const FIXTURES: [&[u8]; 2] =
    [include_bytes!("../../../fixtures/names.so"), include_bytes!("../../../../tasks/fixtures/types.so")];

/// Enough for every file of these tests that is not meant to exceed it.
const BUDGET_BYTES: u64 = 64 << 20;
const STEPS: u64 = 50_000_000;

/// Resolves every address of a small file; returns the number of those that have a name.
fn look_up_everything(bytes: &[u8]) -> usize {
    let mut symbolizer = Symbolizer::of_file(bytes, &Budget::new(BUDGET_BYTES), STEPS);
    let addresses = (0x1000..0x1700).step_by(7);
    addresses.filter(|address| symbolizer.frames(*address, false)[0].function.is_some()).count()
}

/// The frames at an address, and the report about the module.
fn look_up(bytes: &[u8], svma: u64, budget_bytes: u64, steps: u64) -> (Vec<Frame>, ModuleSymbols) {
    let budget = Budget::new(budget_bytes);
    let mut symbolizer = Symbolizer::of_file(bytes, &budget, steps);
    let frames = symbolizer.frames(svma, false);
    let symbols = symbolizer.module_symbols().next().unwrap().clone();
    drop(symbolizer);
    assert_eq!(budget.charged(), 0, "all charges are released");
    (frames, symbols)
}

fn names(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.function.as_deref().unwrap_or("")).collect()
}

/// Where a section is in a file.
fn section(bytes: &[u8], name: &str) -> std::ops::Range<usize> {
    use object::{Object as _, ObjectSection as _};
    let elf = object::File::parse(bytes).unwrap();
    let (start, size) = elf.section_by_name(name).unwrap().file_range().unwrap();
    start as usize..(start + size) as usize
}

#[test]
fn the_fixtures_are_valid() {
    let found = FIXTURES.map(look_up_everything);
    assert!(found.iter().all(|count| *count > 50), "{found:?}");
    let mut symbolizer = Symbolizer::of_file(FIXTURES[0], &budget::standard(), STEPS);
    let chains = (0x13c0..0x163e).map(|svma| symbolizer.frames(svma, false));
    let longest = chains.max_by_key(Vec::len).unwrap();
    let functions = names(&longest);
    assert!(functions.contains(&"names::shop::rounded"), "{functions:?}");
    assert_eq!(functions.last(), Some(&"names::shop::sum"), "{functions:?}");
    assert!(longest.iter().all(|frame| frame.file.as_deref().is_some_and(|file| file.ends_with(".rs"))));
    assert!(longest[0].line.is_some() && longest[0].is_inlined && !longest.last().unwrap().is_inlined);
}

#[test]
fn a_file_truncated_anywhere_does_not_panic() {
    for fixture in FIXTURES {
        for length in (0..fixture.len()).step_by(if long() { 1 } else { 397 }) {
            look_up_everything(&fixture[..length]);
        }
    }
}

#[test]
fn wrong_bytes_do_not_panic() {
    let sections = [
        (".debug_abbrev", 17),
        (".debug_info", 67),
        (".debug_line", 67),
        (".debug_rnglists", 13),
        (".debug_addr", 29),
        (".debug_str_offsets", 67),
        (".symtab", 29),
    ];
    for (name, step) in sections {
        for at in section(FIXTURES[0], name).step_by(if long() { 1 } else { step }) {
            for wrong in [FIXTURES[0][at] ^ 1, FIXTURES[0][at] ^ 0x80, 0, 0xff] {
                let mut file = FIXTURES[0].to_vec();
                file[at] = wrong;
                look_up_everything(&file);
            }
        }
    }
}

#[test]
fn wrong_headers_do_not_panic() {
    let table = FIXTURES[0].len() - 25 * 64;
    for at in (0..64).chain(table..FIXTURES[0].len()).step_by(if long() { 1 } else { 37 }) {
        for wrong in [0, 1, 0x7f, 0x80, 0xff] {
            let mut file = FIXTURES[0].to_vec();
            file[at] = wrong;
            look_up_everything(&file);
        }
    }
}

#[test]
fn generated_files_are_read() {
    let inlined = entry(3, &[&made::FIRST_ENTRY.to_le_bytes(), &all_code(), &[1, 7]]);
    let function = entry(2, &[b"outer\0", &all_code()]);
    let entries = [entry(6, &[b"inner\0"]), function, inlined, vec![0, 0, 0]].concat();
    let (frames, symbols) = look_up(&file(&unit(&entries), &[]), CODE + 5, BUDGET_BYTES, STEPS);
    assert_eq!(names(&frames), ["inner", "outer"], "{symbols:?}");
    assert_eq!((frames[0].line, frames[1].line), (Some(1), Some(7)));
    assert_eq!(
        (&*symbols.reason, frames[1].file.as_deref()),
        ("inlined functions have short names (debug = \"line-tables-only\")", Some("a.rs"))
    );
}

#[test]
fn calls_inlined_a_hundred_thousand_deep_need_no_stack() {
    let inlined = entry(3, &[&made::FIRST_ENTRY.to_le_bytes(), &all_code(), &[1, 7]]);
    let mut entries = [entry(6, &[b"inner\0"]), entry(2, &[b"outer\0", &all_code()])].concat();
    for _ in 0..100_000 {
        entries.extend(&inlined);
    }
    let bytes = file(&unit(&entries), &[]);
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let read = thread.spawn(move || look_up(&bytes, CODE + 5, BUDGET_BYTES, STEPS)).unwrap();
    let (frames, symbols) = read.join().unwrap();
    assert_eq!(frames.len(), 257);
    assert_eq!(
        symbols.reason,
        "more than 256 calls are inlined into each other; the innermost are left out (addresses: 1)"
    );
    assert_eq!(frames.last().unwrap().function.as_deref(), Some("outer"));
}

#[test]
fn origins_in_a_circle_end() {
    let size = entry(4, &[&[0; 4], &all_code()]).len() as u32;
    let (first, second) = (made::FIRST_ENTRY, made::FIRST_ENTRY + size);
    let entries = [
        entry(4, &[&second.to_le_bytes(), &all_code()]),
        entry(4, &[&first.to_le_bytes(), &all_code()]),
        vec![0],
    ];
    let (frames, symbols) = look_up(&file(&unit(&entries.concat()), &[]), CODE + 5, BUDGET_BYTES, STEPS);
    assert_eq!(
        (frames.len(), frames[0].function.as_deref(), frames[0].line),
        (1, None, Some(1)),
        "{symbols:?}"
    );
}

#[test]
fn a_list_of_ranges_shared_by_all_functions_is_bounded() {
    // 10,000 functions, each with the same 10,000 ranges: 1.6 GB in memory.
    let mut ranges = Vec::new();
    for _ in 0..10_000u64 {
        ranges.extend([CODE.to_le_bytes(), (CODE + CODE_BYTES).to_le_bytes()].concat());
    }
    ranges.extend([0; 16]);
    let entries = entry(5, &[&[0; 4]]).repeat(10_000);
    let bytes = file(&unit(&entries), &[(".debug_ranges", 0, &ranges)]);
    let (frames, symbols) = look_up(&bytes, CODE + 5, BUDGET_BYTES, STEPS * 10);
    assert_eq!(names(&frames), [""]);
    assert!(symbols.reason.contains("the memory limit of 64 MiB was reached"), "{symbols:?}");
    assert_eq!((symbols.detail, &*symbols.fix), (Detail::Functions, "pass a larger --max-memory"));
    // With enough memory the limit of work is reached.
    let (_, symbols) = look_up(&bytes, CODE + 5, 8 << 30, 1_000_000);
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
}

#[test]
fn units_that_begin_everywhere_in_one_table_of_abbreviations_are_bounded() {
    // The first entry of each unit is the last of a table; the earlier the table begins, the longer it is.
    let mut table = Vec::new();
    for _ in 0..200_000 {
        table.extend([2, 0x2e, 0, 0, 0]);
    }
    table.extend(made::ABBREVIATIONS);
    let mut info = Vec::new();
    for number in 0..20_000u32 {
        let mut unit = unit(&[]);
        unit[6..10].copy_from_slice(&(number * 5).to_le_bytes());
        info.extend(unit);
    }
    let (frames, symbols) = look_up(&file(&info, &[(".debug_abbrev", 0, &table)]), CODE, BUDGET_BYTES, STEPS);
    assert_eq!(names(&frames), [""]);
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
}

#[test]
fn a_table_of_lines_that_claims_millions_of_files_is_bounded() {
    // DWARF 5: one directory and 3,000,000 files, each of one byte, the number of a string.
    let mut header = vec![1, 1, 1, 0xfb, 14, 1, 1, 1, 0x25, 1, 0, 1, 1, 0x25];
    header.extend([0xc0, 0x8d, 0xb7, 0x01]);
    header.extend(vec![0; 3_000_000]);
    let header_length = (header.len() as u32).to_le_bytes();
    let rest = [&[5, 0, 8, 0][..], &header_length, &header].concat();
    let lines = [&(rest.len() as u32).to_le_bytes()[..], &rest].concat();
    let entries = [entry(2, &[b"outer\0", &all_code()]), vec![0, 0]].concat();
    let bytes = file(&unit(&entries), &[(".debug_line", 0, &lines)]);
    let (frames, symbols) = look_up(&bytes, CODE + 5, BUDGET_BYTES, STEPS);
    assert_eq!(names(&frames), [""]);
    assert!(symbols.reason.contains("the memory limit"), "{symbols:?}");
}

#[test]
fn a_table_of_lines_that_declares_files_without_end_is_refused() {
    let mut lines = made::lines();
    let declared = [0, 6, 3, b'a', 0, 0, 0, 0].repeat(300_000);
    lines.extend(&declared);
    let length = lines.len() as u32 - 4;
    lines[..4].copy_from_slice(&length.to_le_bytes());
    let entries = [entry(2, &[b"outer\0", &all_code()]), vec![0, 0]].concat();
    let bytes = file(&unit(&entries), &[(".debug_line", 0, &lines)]);
    let (_, symbols) = look_up(&bytes, CODE + 5, BUDGET_BYTES, STEPS);
    assert!(symbols.reason.contains("declares too many files"), "{symbols:?}");
}

/// A section as ELF compresses it: the kind, the claimed size, an alignment, then the stream.
fn compressed(kind: u32, claimed: u64, stream: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &[0; 4], &claimed.to_le_bytes(), &1u64.to_le_bytes(), stream].concat()
}

#[test]
fn compressed_sections_must_have_the_claimed_size() {
    let mut stream = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let entries = [entry(2, &[b"outer\0", &all_code()]), vec![0, 0]].concat();
    let info = unit(&entries);
    stream.write_all(&info).unwrap();
    let stream = stream.finish().unwrap();
    let read = |section: Vec<u8>| {
        look_up(&file(&[], &[(".debug_info", 1 << 11, &section)]), CODE, BUDGET_BYTES, STEPS)
    };
    let (frames, _) = read(compressed(1, info.len() as u64, &stream));
    assert_eq!(names(&frames), ["outer"]);
    for (section, why) in [
        (compressed(1, 1 << 63, &stream), "larger than 4 GiB"),
        (compressed(1, u64::MAX, &stream), "larger than 4 GiB"),
        (compressed(1, 1 << 31, &stream), "claims a size that its compressed bytes cannot have"),
        (compressed(1, info.len() as u64 + 1, &stream), "shorter than it claims"),
        (compressed(1, info.len() as u64, &[0xff; 100]), "cannot be decompressed"),
        (compressed(2, info.len() as u64, &stream), "compressed with zstd"),
        (compressed(9, info.len() as u64, &stream), "compression format is unknown"),
        (vec![1, 0, 0], "truncated"),
    ] {
        let (frames, symbols) = read(section);
        assert_eq!(names(&frames), [""]);
        assert!(symbols.reason.contains(why), "{why}: {symbols:?}");
    }
    // A correct header, but too much data: 200 MB of zeros in 200 kB.
    let mut bomb = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..200).for_each(|_| bomb.write_all(&zeros).unwrap());
    let (_, symbols) = read(compressed(1, 200 << 20, &bomb.finish().unwrap()));
    assert!(symbols.reason.contains("the memory limit of 64 MiB was reached"), "{symbols:?}");
}

#[test]
fn many_symbols_at_one_address_are_bounded() {
    let symbol = |name: u32, size: u64| {
        let head = [&name.to_le_bytes()[..], &[2, 0, 1, 0]].concat();
        [head, CODE.to_le_bytes().to_vec(), size.to_le_bytes().to_vec()].concat()
    };
    let mut symbols = symbol(1, 16).repeat(100_000);
    symbols.extend(symbol(5, 0).repeat(100_000));
    // A symbol whose name is missing.
    symbols.extend(symbol(u32::MAX, 8));
    let bytes = made::elf(&[(".symtab", 0, &symbols), (".strtab", 0, b"\0big\0none\0")]);
    let name = |svma| look_up(&bytes, svma, BUDGET_BYTES, STEPS).0[0].function.clone();
    assert_eq!(name(CODE + 15).as_deref(), Some("big"));
    assert_eq!(name(CODE + 16).as_deref(), Some("none"));
    assert_eq!(name(CODE - 1), None);
}

#[test]
fn names_are_cut_and_their_memory_is_charged() {
    let long = [b"x".repeat(20 << 10), vec![0]].concat();
    let entries = [entry(2, &[&long, &all_code()]), vec![0, 0]].concat();
    let bytes = file(&unit(&entries), &[]);
    let (frames, _) = look_up(&bytes, CODE, BUDGET_BYTES, STEPS);
    let length = frames[0].function.as_ref().unwrap().len();
    assert!((1000..20_000).contains(&length), "{length}");
    // All its addresses have this name, of which there is one copy: with one for each they would need more than this.
    let needed = |budget: &Budget| {
        let mut symbolizer = Symbolizer::of_file(&bytes, budget, STEPS);
        let before = budget.charged();
        let mut of_first = 0;
        for at in CODE..CODE + CODE_BYTES {
            symbolizer.frames(at, false);
            if at == CODE {
                of_first = budget.charged() - before;
            }
        }
        (of_first, budget.charged() - before)
    };
    let (of_first, all) = needed(&Budget::new(BUDGET_BYTES));
    assert!(all < of_first + CODE_BYTES * 512 && of_first > length as u64, "{of_first} {all}");
    // What is kept for each address does not fill the memory.
    let budget = Budget::new(all / 2 + of_first);
    let mut symbolizer = Symbolizer::of_file(&bytes, &budget, STEPS);
    let named = (CODE..CODE + CODE_BYTES).filter(|at| symbolizer.frames(*at, false)[0].function.is_some());
    let named = named.count();
    assert!((1..CODE_BYTES as usize).contains(&named), "{named}");
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert!(symbols.reason.starts_with("the memory limit of "), "{symbols:?}");
    assert!(symbols.reason.ends_with(" MiB was reached: names are missing"), "{symbols:?}");
}

#[test]
fn nothing_is_read_after_the_deadline() {
    let budget = budget::standard();
    budget.end_by(std::time::Instant::now());
    let mut symbolizer = Symbolizer::of_file(FIXTURES[0], &budget, STEPS);
    symbolizer.frames(0x1400, false);
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
}

#[test]
fn random_damage_does_not_panic() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |below: usize| {
        // xorshift64: the same damage in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..if long() { 100_000 } else { 100 } {
        let mut file = FIXTURES[random(2)].to_vec();
        for _ in 0..=random(8) {
            let at = random(file.len());
            file[at] = random(256) as u8;
        }
        look_up_everything(&file);
    }
}

fn long() -> bool {
    std::env::var_os("RGOPS_LONG").is_some()
}

//! Files with a small part that takes long to read: strings without an end, lists shared by all entries, full
//! indexes. The only cost is missing names, within the time limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rgops_dwarf::Budget;
use rgops_dwarf::made::{self, CODE, CODE_BYTES, all_code, entry, file, unit, unit_of};
use rgops_protocol::reply::Module;

use super::Program;
use crate::budget;
use crate::symbols::{Detail, ModuleSymbols, Symbolizer};

const BUDGET_BYTES: u64 = 64 << 20;
const STEPS: u64 = 50_000_000;

/// Abbreviations by number: 1 a unit with a name in another section and a start address, 2 a function with
/// such a name, 3 a function with a list of ranges.
const ABBREVIATIONS: &[u8] = &[
    1, 0x11, 1, 0x03, 0x0e, 0x11, 0x01, 0x12, 0x07, 0, 0, //
    2, 0x2e, 0, 0x03, 0x0e, 0x11, 0x01, 0x12, 0x07, 0, 0, //
    3, 0x2e, 0, 0x55, 0x17, 0, 0, //
    0,
];

/// A unit with these abbreviations.
fn named_unit(name: u32, entries: &[u8]) -> Vec<u8> {
    unit_of(&[&[1][..], &name.to_le_bytes(), &all_code(), entries].concat())
}

/// The name at the start of the code, and the report about the module.
fn look_up(bytes: &[u8], steps: u64) -> (Option<Arc<str>>, ModuleSymbols) {
    let budget = Budget::new(BUDGET_BYTES);
    let mut symbolizer = Symbolizer::of_file(bytes, &budget, steps);
    let frames = symbolizer.frames(CODE + 5, false);
    let symbols = symbolizer.module_symbols().next().unwrap().clone();
    drop(symbolizer);
    assert_eq!(budget.charged(), 0, "all charges are released");
    (frames.last().unwrap().function.clone(), symbols)
}

/// The same, with a deadline instead of a number of steps.
fn look_up_within(bytes: &[u8], time: Duration) -> ModuleSymbols {
    let budget = Budget::new(BUDGET_BYTES);
    let started = Instant::now();
    budget.end_by(started + time);
    let mut symbolizer = Symbolizer::of_file(bytes, &budget, u64::MAX);
    symbolizer.frames(CODE + 5, false);
    assert!(started.elapsed() < time + Duration::from_secs(5), "{:?}", started.elapsed());
    symbolizer.module_symbols().next().unwrap().clone()
}

/// Megabytes of a string.
fn endless() -> Vec<u8> {
    let mut string = vec![b'x'; 8 << 20];
    string.push(0);
    string
}

#[test]
fn a_string_with_a_distant_end_is_cut_and_reported() {
    let entries = [entry(2, &[&[0; 4], &all_code()]), vec![0]].concat();
    let sections = [(".debug_abbrev", 0, ABBREVIATIONS), (".debug_str", 0, &endless()[..])];
    let (name, symbols) = look_up(&file(&named_unit(0, &entries), &sections), STEPS);
    assert!(name.is_some_and(|name| name.starts_with("xxxx")), "{symbols:?}");
    assert!(symbols.reason.contains("are longer than 64 KiB and are cut"), "{symbols:?}");
    assert_eq!(symbols.detail, Detail::Lines);
}

#[test]
fn strings_that_share_a_distant_end_are_counted_as_work() {
    // 50,000 units, each with a name of 8 MB.
    let units = named_unit(0, &[0]).repeat(50_000);
    let endless = endless();
    let sections = [(".debug_abbrev", 0, ABBREVIATIONS), (".debug_str", 0, &endless[..])];
    let bytes = file(&units, &sections);
    let (_, symbols) = look_up(&bytes, 1_000_000);
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
    let symbols = look_up_within(&bytes, Duration::from_millis(50));
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
}

#[test]
fn names_of_megabytes_are_counted_at_each_read() {
    // Each address reads the name of the function again.
    let long = [b"x".repeat(1 << 20), vec![0]].concat();
    let entries = [entry(2, &[&long, &all_code()]), vec![0, 0]].concat();
    let bytes = file(&unit(&entries), &[]);
    let mut symbolizer = Symbolizer::of_file(&bytes, &Budget::new(BUDGET_BYTES), 10_000_000);
    for svma in CODE..CODE + 500 {
        symbolizer.frames(svma, false);
    }
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
}

/// Functions that share one list of ranges without code.
fn functions_with_one_list(range: [u64; 2]) -> Vec<u8> {
    let mut ranges = range.map(u64::to_le_bytes).concat().repeat(100_000);
    ranges.extend([0; 16]);
    let entries = [entry(3, &[&[0; 4]]).repeat(10_000), vec![0]].concat();
    let sections = [(".debug_abbrev", 0, ABBREVIATIONS), (".debug_ranges", 0, &ranges[..])];
    file(&named_unit(0, &entries), &sections)
}

#[test]
fn empty_ranges_are_counted_also() {
    // Empty ranges, and entries that only set the base of the next ones.
    for range in [[7, 7], [u64::MAX, CODE]] {
        let bytes = functions_with_one_list(range);
        let (_, symbols) = look_up(&bytes, 1_000_000);
        assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
        let symbols = look_up_within(&bytes, Duration::from_millis(20));
        assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
    }
    let (_, symbols) = look_up(&functions_with_one_list([7, 7]), u64::MAX);
    assert!(symbols.reason.contains("lists of ranges are longer"), "{symbols:?}");
}

#[test]
fn units_that_share_a_list_of_ranges_are_left_out_and_counted() {
    let mut ranges = [7u64; 2].map(u64::to_le_bytes).concat().repeat(100_000);
    ranges.extend([0; 16]);
    // A unit with a list of ranges: the first 73 are read.
    let abbreviations = [1, 0x11, 0, 0x55, 0x17, 0, 0, 0];
    let one = unit_of(&[1, 0, 0, 0, 0]);
    let sections = [(".debug_abbrev", 0, &abbreviations[..]), (".debug_ranges", 0, &ranges[..])];
    let (_, symbols) = look_up(&file(&one.repeat(100), &sections), u64::MAX);
    let reason = "27 units of its debug information are left out; one reason: its lists of ranges";
    assert!(symbols.reason.starts_with(reason), "{symbols:?}");
}

#[test]
fn calls_with_many_ranges_are_counted_at_each_address() {
    // A call with 100,000 ranges that do not contain the address.
    let mut ranges = [CODE - 16, CODE].map(u64::to_le_bytes).concat().repeat(100_000);
    ranges.extend([0; 16]);
    let abbreviations = [
        &made::ABBREVIATIONS[..made::ABBREVIATIONS.len() - 1],
        &[7, 0x1d, 0, 0x31, 0x13, 0x55, 0x17, 0, 0, 0],
    ]
    .concat();
    let call = entry(7, &[&made::FIRST_ENTRY.to_le_bytes(), &[0; 4]]);
    let entries = [entry(2, &[b"outer\0", &all_code()]), call, vec![0, 0]].concat();
    let sections = [(".debug_abbrev", 0, &abbreviations[..]), (".debug_ranges", 0, &ranges[..])];
    let mut relative = unit(&entries);
    // The list is relative to the start of the unit.
    relative[16..24].copy_from_slice(&0u64.to_le_bytes());
    relative[24..32].copy_from_slice(&(2 * CODE_BYTES).to_le_bytes());
    let bytes = file(&relative, &sections);
    let mut symbolizer = Symbolizer::of_file(&bytes, &Budget::new(BUDGET_BYTES), 2_000_000);
    assert_eq!(symbolizer.frames(CODE, false)[0].function.as_deref(), Some("outer"));
    for svma in CODE..CODE + CODE_BYTES {
        symbolizer.frames(svma, false);
    }
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert!(symbols.reason.contains("the time limit was reached"), "{symbols:?}");
}

#[test]
fn units_that_are_left_out_are_reported() {
    let entries = [entry(2, &[b"outer\0", &all_code()]), vec![0, 0]].concat();
    let whole = unit(&entries);
    // The abbreviation of its first entry is missing.
    let mut damaged = unit(&[]);
    damaged[11] = 99;
    let (name, symbols) = look_up(&file(&[&damaged[..], &whole].concat(), &[]), STEPS);
    assert_eq!(name.as_deref(), Some("outer"));
    assert!(symbols.reason.starts_with("a unit of its debug information is left out: "), "{symbols:?}");
    let three = [&damaged[..], &whole, &damaged, &damaged].concat();
    let (name, symbols) = look_up(&file(&three, &[]), STEPS);
    assert_eq!((name.as_deref(), symbols.detail), (Some("outer"), Detail::Lines));
    assert!(symbols.reason.starts_with("3 units of its debug information are left out"), "{symbols:?}");
    // An invalid header ends the list; zeros are padding.
    let (name, symbols) = look_up(&file(&[&whole[..], &[0; 3]].concat(), &[]), STEPS);
    assert_eq!((name.as_deref(), &*symbols.reason), (Some("outer"), ""));
    let (name, symbols) = look_up(&file(&[&whole[..], &[9; 40]].concat(), &[]), STEPS);
    assert_eq!(name.as_deref(), Some("outer"));
    assert!(symbols.reason.contains("the last 40 bytes begin with a damaged header"), "{symbols:?}");
}

#[test]
fn a_table_of_lines_above_32_mib_is_not_used_and_reported() {
    let mut lines = made::lines();
    // Address advances that produce no row.
    lines.resize(lines.len() + (33 << 20), 8);
    let length = lines.len() as u32 - 4;
    lines[..4].copy_from_slice(&length.to_le_bytes());
    let entries = [entry(2, &[b"outer\0", &all_code()]), vec![0, 0]].concat();
    let budget = Budget::new(1 << 30);
    let bytes = file(&unit(&entries), &[(".debug_line", 0, &lines)]);
    let mut symbolizer = Symbolizer::of_file(&bytes, &budget, STEPS);
    symbolizer.frames(CODE + 5, false);
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert!(symbols.reason.contains("a table of lines is larger than 32 MiB"), "{symbols:?}");
}

#[test]
fn indirect_forms_are_refused() {
    // DW_FORM_indirect, a million times: each states that the next one states the form.
    let abbreviations = [1, 0x11, 0, 0x03, 0x16, 0, 0, 0];
    let one = unit_of(&[&[1][..], &[0x16; 1_000_000]].concat());
    let (_, symbols) = look_up(&file(&one, &[(".debug_abbrev", 0, &abbreviations)]), STEPS);
    assert!(symbols.reason.contains("DW_FORM_indirect"), "{symbols:?}");
}

#[test]
fn a_package_with_an_index_above_32_mib_is_not_used_and_reported() {
    let program = Program::build("package", &["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"]);
    let index = vec![0; 33 << 20];
    let package = made::elf(&[(".debug_cu_index", 0, &index)]);
    std::fs::write(format!("{}.dwp", program.path.display()), package).unwrap();
    let svma = program.svma_of("4deep4park");
    let look = || {
        let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
        let frames = symbolizer.frames(0x10_0000 + svma, false);
        (frames, symbolizer.module_symbols().next().unwrap().clone())
    };
    let (frames, symbols) = look();
    assert!(frames[0].line.is_some() && symbols.reason.is_empty(), "its .dwo is used: {symbols:?}");
    for entry in std::fs::read_dir(&program.directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "dwo") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (_, symbols) = look();
    let why = ".dwo was not found, and ";
    assert!(symbols.reason.contains(why) && symbols.reason.contains("larger than 32 MiB"), "{symbols:?}");
}

#[test]
fn after_the_deadline_new_addresses_have_no_names_and_known_names_stay() {
    let program = Program::build("time", &["-Cdebuginfo=1"]);
    let svma = program.svma_of("4deep4park");
    let budget = budget::standard();
    let mut symbolizer = Symbolizer::with_budget(&[program.module()], None, &[], &budget);
    let named = symbolizer.frames(0x10_0000 + svma, false);
    assert!(named[0].function.is_some(), "{named:?}");
    budget.end_by(Instant::now());
    assert_eq!(symbolizer.frames(0x10_0000 + svma, false), named);
    let bare = symbolizer.frames(0x10_0000 + svma + 1, false);
    assert_eq!((bare.len(), bare[0].name()), (1, format!("target+{:#x}", svma + 1)));
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert_eq!(symbols.reason, "the time limit was reached: names are missing");
    assert_eq!(symbols.fix, "pass a larger --timeout");
}

#[test]
fn after_the_deadline_no_files_are_searched() {
    let program = Program::build("modules", &["-Cdebuginfo=1"]);
    let module = program.module();
    let modules: Vec<Module> = (0..20_000u64)
        .map(|number| {
            let start_avma = 0x1000_0000 * (number + 1);
            Module { start_avma, end_avma: start_avma + 0x1000, bias: start_avma, ..module.clone() }
        })
        .collect();
    let budget = budget::standard();
    let started = Instant::now();
    budget.end_by(started + Duration::from_millis(50));
    let mut symbolizer = Symbolizer::with_budget(&modules, None, &[], &budget);
    for module in modules.iter().rev().take(10) {
        assert_eq!(symbolizer.frames(module.start_avma, false).len(), 1);
    }
    // The same list again: this does not compare every module with every other one.
    symbolizer.set_modules(&modules);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let mut reasons = symbolizer.module_symbols().map(|symbols| &*symbols.reason);
    assert_eq!(symbolizer.module_symbols().count(), 10);
    assert!(reasons.all(|reason| reason == "the time limit was reached: names are missing"));
}

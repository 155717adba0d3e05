//! Files with many units, or with damaged ones: units that are left out are counted, and the reason is kept.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rgops_dwarf::{Budget, Charge, Exhausted, Remedy, Sections, SplitFiles, Work, made};

use crate::types::TypeError;
use crate::types::dwarf::{EntryId, ModuleDwarf};
use crate::types::index::Index;
use crate::types::lines::FileNames;
use crate::types::program::{ProgramTypes, WANTED};
use crate::types::scanning;

fn dwarf(bytes: &[u8], work: &Work) -> ModuleDwarf {
    let sections = Sections::read(bytes, &WANTED, work.budget()).unwrap();
    ModuleDwarf::new(&sections, SplitFiles::default(), work).unwrap()
}

fn scan(dwarf: &ModuleDwarf, budget: &Budget) -> (Index, Charge, u32) {
    let mut charge = Charge::none(budget);
    let reports = Cell::new(0);
    let index = scanning::scan(dwarf.main(), dwarf.split(), &mut charge, &|_| reports.set(reports.get() + 1));
    (index, charge, reports.get())
}

#[test]
fn units_are_charged_and_those_beyond_the_memory_limit_are_counted() {
    const UNITS: u64 = 100_000;
    let bytes = made::file(&made::unit(&[0]).repeat(UNITS as usize), &[]);
    let budget = Budget::new(48 << 20);
    let dwarf = dwarf(&bytes, &Work::new(&budget));
    let (index, charge, _) = scan(&dwarf, &budget);
    assert!((1..UNITS).contains(&index.left_out.units()), "{}", index.left_out.units());
    assert_eq!(index.left_out.reason(), "the memory limit of 48 MiB was reached");
    assert_eq!(index.left_out.remedy(), Remedy::Limit(Exhausted::Memory(48 << 20)));
    let information = &ProgramTypes::of_file(&bytes, &Budget::new(48 << 20)).information()[0];
    assert!(information.fix.contains("limit of 48 MiB was reached): pass a larger --max-memory; "));
    assert!(!information.fix.contains("--symbols") && information.note.is_empty(), "{information:?}");
    drop((charge, dwarf));
    assert_eq!(budget.charged(), 0, "all charges are released");
    // Charges during the scan are released afterwards.
    let budget = Budget::new(1 << 30);
    let dwarf = self::dwarf(&bytes, &Work::new(&budget));
    let before = budget.charged();
    let (index, _charge, _) = scan(&dwarf, &budget);
    assert_eq!(index.left_out.units(), 0);
    // Their only table of abbreviations is kept.
    assert!(budget.charged() - before < 10_000, "{}", budget.charged() - before);
}

#[test]
fn units_after_the_deadline_are_left_out_and_counted() {
    let bytes = made::file(&made::unit(&[0]).repeat(50_000), &[]);
    let budget = Budget::new(1 << 30);
    let dwarf = dwarf(&bytes, &Work::new(&budget));
    budget.end_by(Instant::now());
    let started = Instant::now();
    let (index, _charge, reports) = scan(&dwarf, &budget);
    assert_eq!((index.left_out.units(), index.left_out.reason()), (50_000, "the time limit was reached"));
    assert_eq!(index.left_out.remedy(), Remedy::Limit(Exhausted::Time));
    assert!(started.elapsed() < Duration::from_secs(1) && reports < 20, "{:?}", started.elapsed());
}

#[test]
fn a_damaged_header_ends_the_list_and_is_counted() {
    let bytes = made::file(&[&made::unit(&[0])[..], &[9; 40]].concat(), &[]);
    let budget = Budget::new(1 << 30);
    let dwarf = dwarf(&bytes, &Work::new(&budget));
    let (index, _charge, _) = scan(&dwarf, &budget);
    assert_eq!(index.left_out.units(), 1);
    assert!(
        index.left_out.reason().starts_with("the last 40 bytes begin with a damaged header"),
        "{index:?}"
    );
    assert_eq!(index.left_out.remedy(), Remedy::Nothing);
    let information = &ProgramTypes::of_file(&bytes, &Budget::new(1 << 30)).information()[0];
    let note = "1 parts of the debug information could not be read (the last 40 bytes begin with";
    assert!(information.note.starts_with(note), "{information:?}");
    assert!(!information.fix.contains("could not be read"), "{information:?}");
}

#[test]
fn a_reached_limit_is_not_damage() {
    let bytes = made::file(&made::unit(&[0]), &[]);
    let budget = Budget::new(8 << 20);
    let dwarf = dwarf(&bytes, &Work::new(&budget));
    let entry = EntryId::new(0, 11).unwrap();
    let left = (8 << 20) - budget.charged();
    budget.charge(left).unwrap();
    let limit = |limit| Some(TypeError::Exhausted(limit));
    assert_eq!(dwarf.unit_of(entry).err(), limit(Exhausted::Memory(8 << 20)));
    budget.release(left);
    budget.end_by(Instant::now());
    assert_eq!(dwarf.unit_of(entry).err(), limit(Exhausted::Time));
    budget.end_by(Instant::now() + Duration::from_secs(600));
    assert!(dwarf.unit_of(entry).is_ok());
}

#[test]
fn cached_file_names_are_charged() {
    let budget = Budget::new(1 << 30);
    let dwarf = dwarf(&made::file(&made::unit(&[0]), &[]), &Work::new(&budget));
    let before = budget.charged();
    let unit = dwarf.unit_of(EntryId::new(0, 11).unwrap()).unwrap();
    let of_unit = budget.charged();
    assert!(of_unit > before, "a unit that is kept");
    let files = FileNames::default();
    assert_eq!(files.name(&unit, 1).as_deref(), Some("a.rs"));
    // Missing files are cached also.
    (2..1000).for_each(|file| assert_eq!(files.name(&unit, file), None));
    assert!(budget.charged() - of_unit > 1000 * 100, "{}", budget.charged() - of_unit);
    budget.end_by(Instant::now());
    assert_eq!(files.name(&unit, 1).as_deref(), Some("a.rs"), "it is known");
    drop((files, unit, dwarf));
    assert_eq!(budget.charged(), 0);
}

#[test]
fn names_with_a_distant_end_are_cut_and_counted() {
    // A unit, and a thousand namespaces with one name of 8 MB.
    let abbreviations = [1, 0x11, 1, 0, 0, 2, 0x39, 1, 0x03, 0x0e, 0, 0, 0];
    let info = made::unit_of(&[&[1][..], &[2, 0, 0, 0, 0, 0].repeat(1000)].concat());
    let mut name = vec![b'x'; 8 << 20];
    name.push(0);
    let sections =
        [(".debug_info", 0, &info[..]), (".debug_abbrev", 0, &abbreviations), (".debug_str", 0, &name)];
    let bytes = made::elf(&sections);
    let types = ProgramTypes::of_file(&bytes, &Budget::new(1 << 30));
    let information = types.information();
    assert!(information[0].note.ends_with("are cut (1000 times)"), "{information:?}");
    assert!(!information[0].fix.contains("are cut"), "{information:?}");
    // Each search for the end of the name counts as work.
    let budget = Budget::new(1 << 30);
    let dwarf = dwarf(&bytes, &Work::limited(&budget, 1_000_000));
    let (index, _charge, _) = scan(&dwarf, &budget);
    assert_eq!((index.left_out.units(), index.left_out.reason()), (1, "the time limit was reached"));
}

//! Debug information that no compiler writes: it is read within the command's memory and time, or refused.

use std::time::Instant;

use rgops_dwarf::{Budget, Exhausted, made};

use crate::types::text::LONGEST_PATH;
use crate::types::{ProgramTypes, Shape, TypeError, TypeId, TypeSource};

/// Abbreviations by number: 1 a unit, 2 a namespace and 3 a struct with a shared name, 4 a struct with
/// members, 5 a member with such a name.
const ABBREVIATIONS: &[u8] = &[
    1, 0x11, 1, 0, 0, //
    2, 0x39, 1, 0x03, 0x0e, 0, 0, //
    3, 0x13, 0, 0x03, 0x0e, 0x0b, 0x0b, 0, 0, //
    4, 0x13, 1, 0x0b, 0x0b, 0, 0, //
    5, 0x0d, 0, 0x03, 0x0e, 0x49, 0x13, 0, 0, //
    0,
];

/// Bytes of a unit before the entries in it, including its own entry.
const FIRST: u64 = 12;

/// A name of 16 KiB, the maximum that is read.
fn long_name() -> Vec<u8> {
    let mut name = vec![b'x'; 16 << 10];
    name.push(0);
    name
}

fn file(entries: &[u8]) -> Vec<u8> {
    let info = made::unit_of(&[&[1][..], entries].concat());
    let name = long_name();
    made::elf(&[(".debug_info", 0, &info), (".debug_abbrev", 0, ABBREVIATIONS), (".debug_str", 0, &name)])
}

/// Nested namespaces, each with a struct in it; and the positions of the structs.
fn nested_namespaces(count: u64) -> (Vec<u8>, Vec<TypeId>) {
    let entry = [&[2, 0, 0, 0, 0][..], &[3, 0, 0, 0, 0, 8]].concat();
    let mut entries = entry.repeat(count as usize);
    entries.resize(entries.len() + count as usize + 1, 0);
    let ids = (0..count).map(|number| TypeId(FIRST + 11 * number + 5));
    (file(&entries), ids.collect())
}

/// A struct with this many members.
fn wide(count: usize) -> Vec<u8> {
    let member = [&[5, 0, 0, 0, 0][..], &(FIRST as u32).to_le_bytes()].concat();
    file(&[&[4, 8][..], &member.repeat(count), &[0, 0]].concat())
}

#[test]
fn paths_of_long_namespaces_are_cut() {
    // 300 paths of 16 KiB to 5 MiB would be 700 MiB.
    let (bytes, ids) = nested_namespaces(300);
    let budget = Budget::new(64 << 20);
    let types = ProgramTypes::of_file(&bytes, &budget);
    for id in &ids {
        let found = types.get(*id).unwrap();
        assert!(found.namespace.len() <= LONGEST_PATH && found.namespace.ends_with('…'), "{found:?}");
    }
    assert!(budget.charged() > 300 * (LONGEST_PATH as u64 - 8), "paths are charged");
}

#[test]
fn paths_beyond_the_memory_limit_are_an_error() {
    let (bytes, ids) = nested_namespaces(300);
    let budget = Budget::new(u64::MAX);
    let types = ProgramTypes::of_file(&bytes, &budget);
    types.get(ids[0]).unwrap();
    let limit = budget.charged() + (1 << 20);
    let types = ProgramTypes::of_file(&bytes, &Budget::new(limit));
    let errors = ids.iter().filter_map(|id| types.get(*id).err()).collect::<Vec<_>>();
    assert!(errors.len() > 200, "{}", errors.len());
    assert!(
        errors.iter().all(|error| *error == TypeError::Exhausted(Exhausted::Memory(limit))),
        "{errors:?}"
    );
}

#[test]
fn names_of_members_are_cut_and_charged_while_they_are_read() {
    // 8,000 names of 16 KiB would be 125 MiB.
    let bytes = wide(8000);
    let types = ProgramTypes::of_file(&bytes, &Budget::new(32 << 20));
    let found = types.get(TypeId(FIRST)).unwrap();
    let Shape::Struct { members, .. } = &found.shape else { panic!("{}", found.name) };
    assert_eq!(members.len(), 8000);
    assert!(members.iter().all(|member| member.name.len() <= 256 && member.name.ends_with('…')));
    let little = Budget::new(2 << 20);
    let types = ProgramTypes::of_file(&bytes, &little);
    assert_eq!(types.get(TypeId(FIRST)), Err(TypeError::Exhausted(Exhausted::Memory(2 << 20))));
}

#[test]
fn a_type_is_not_read_beyond_the_deadline() {
    let bytes = wide(8000);
    let budget = Budget::new(1 << 30);
    let types = ProgramTypes::of_file(&bytes, &budget);
    budget.end_by(Instant::now());
    assert_eq!(types.get(TypeId(FIRST)), Err(TypeError::Exhausted(Exhausted::Time)));
}

#[test]
fn names_are_not_read_beyond_the_deadline() {
    let (bytes, ids) = nested_namespaces(300);
    let budget = Budget::new(1 << 30);
    let types = ProgramTypes::of_file(&bytes, &budget);
    types.get(ids[0]).unwrap();
    budget.end_by(Instant::now());
    assert_eq!(types.get(ids[299]), Err(TypeError::Exhausted(Exhausted::Time)));
    // With time left it is read: the failure was not cached.
    budget.end_by(Instant::now() + std::time::Duration::from_secs(600));
    assert!(types.get(ids[299]).is_ok());
}

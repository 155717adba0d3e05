//! Damaged files: fewer results or an error, but nothing panics, hangs or fills the memory.

use std::collections::{BTreeSet, VecDeque};

use object::{Object as _, ObjectSection as _};
use rgops_dwarf::Budget;

use super::FIXTURE;
use crate::types::{ProgramTypes, Shape, TypeSource};

/// Maximum types followed from the results of the addresses.
const MAX_TYPES: usize = 500;

/// Makes every possible lookup; returns the number of types that could be read.
fn look_up_everything(file: &[u8]) -> usize {
    let types = ProgramTypes::of_file(file, &Budget::new(1 << 30));
    let mut next = VecDeque::new();
    for address in (0..FIXTURE.len() as u64).step_by(8) {
        for task in types.task_types(address) {
            next.extend([task.future, task.scheduler]);
        }
        next.extend(types.vtable_types(address));
        types.future_name(address);
    }
    next.extend(types.named("tokio::scheduler::Handle"));
    types.information();
    let mut seen = BTreeSet::new();
    let mut read = 0;
    while let Some(id) = next.pop_front() {
        if seen.len() >= MAX_TYPES || !seen.insert(id) {
            continue;
        }
        let Ok(found) = types.get(id) else { continue };
        read += 1;
        next.extend(found.parameters.iter().map(|(_, id)| *id));
        match &found.shape {
            Shape::Struct { members, .. } => next.extend(members.iter().map(|member| member.type_id)),
            Shape::Enum { variants, .. } => {
                next.extend(variants.iter().map(|variant| variant.content.type_id));
            }
            Shape::Pointer { target } => next.extend(target),
            Shape::Array { element, .. } => next.push_back(*element),
            Shape::Scalar => {}
        }
    }
    read
}

/// The range of a section in the file.
fn section(name: &str) -> std::ops::Range<usize> {
    let elf = object::File::parse(FIXTURE).unwrap();
    let (start, size) = elf.section_by_name(name).unwrap().file_range().unwrap();
    start as usize..(start + size) as usize
}

#[test]
fn the_fixture_is_valid() {
    assert_eq!(look_up_everything(FIXTURE), 60);
}

#[test]
fn a_file_truncated_anywhere_does_not_panic() {
    for length in (0..FIXTURE.len()).step_by(if long() { 1 } else { 397 }) {
        assert!(look_up_everything(&FIXTURE[..length]) <= 60);
    }
}

#[test]
fn sections_truncated_anywhere_do_not_panic() {
    // The header of the unit still claims its full length.
    for name in [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line"] {
        let range = section(name);
        for at in range.clone().step_by(if long() { 1 } else { 211 }) {
            let mut file = FIXTURE.to_vec();
            file[at..range.end].fill(0);
            look_up_everything(&file);
            file[at..range.end].fill(0xff);
            look_up_everything(&file);
        }
    }
}

#[test]
fn wrong_bytes_do_not_panic() {
    // Every byte of the abbreviations affects how all entries are read.
    for (name, step) in
        [(".debug_abbrev", 17), (".debug_info", 211), (".debug_line", 211), (".debug_str", 997)]
    {
        for at in section(name).step_by(if long() { 1 } else { step }) {
            for wrong in [FIXTURE[at] ^ 1, FIXTURE[at] ^ 0x80, 0, 0xff] {
                let mut file = FIXTURE.to_vec();
                file[at] = wrong;
                look_up_everything(&file);
            }
        }
    }
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
    let sections = [".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".symtab"].map(section);
    for _ in 0..if long() { 200_000 } else { 100 } {
        let mut file = FIXTURE.to_vec();
        for _ in 0..=random(8) {
            let range = &sections[random(sections.len())];
            let at = range.start + random(range.len());
            file[at] = random(256) as u8;
        }
        look_up_everything(&file);
    }
}

fn long() -> bool {
    std::env::var_os("RGOPS_LONG").is_some()
}

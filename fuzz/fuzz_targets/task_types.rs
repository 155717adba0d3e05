//! Types of tasks from damaged debug information: a real file with edits, or with a section from the fuzzer. A lookup
//! always ends and stays within its memory budget.
#![no_main]

use std::collections::{BTreeSet, VecDeque};

use libfuzzer_sys::fuzz_target;
use rgops_dwarf::Budget;
use rgops_tasks::types::{ProgramTypes, Shape, TypeSource};

const FIXTURE: &[u8] = include_bytes!("../../tasks/fixtures/types.so");

/// Maximum number of types that are followed from the addresses.
const MAX_TYPES: usize = 500;

/// The memory budget of one file.
const BUDGET_BYTES: u64 = 768 << 20;

/// An edit: two bytes for the offset, and the byte to write there.
const EDIT_BYTES: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let mut file = FIXTURE.to_vec();
    match bytes.split_first() {
        Some((255, made_up)) => {
            // The input replaces the file after the headers: the sections, from the first one on.
            let from = 0x1000.min(file.len());
            let length = made_up.len().min(file.len() - from);
            file[from..from + length].copy_from_slice(&made_up[..length]);
        }
        Some((254, rest)) if rest.len() >= 2 => {
            let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
            file.truncate(length);
        }
        Some((_, edits)) => {
            for edit in edits.chunks_exact(EDIT_BYTES) {
                let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % file.len();
                file[at] = edit[2];
            }
        }
        None => {}
    }
    read_everything(&file);
});

fn read_everything(file: &[u8]) {
    let types = ProgramTypes::of_file(file, &Budget::new(BUDGET_BYTES));
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
    while let Some(id) = next.pop_front() {
        if seen.len() >= MAX_TYPES || !seen.insert(id) {
            continue;
        }
        let Ok(found) = types.get(id) else { continue };
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
}

//! Async stacks from arbitrary memory: real types of a small file; arbitrary cells, vtables and answers to every
//! read. Decoding always ends, requests no more than it may, and its numbers add up.
//!
//! The types are those of `tasks/fixtures/types.so`, or of the program that `RGOPS_FUZZ_PROGRAM` names. A program
//! that contains all of Tokio reaches more of the decoder. On a stable compiler:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo fuzz run task_memory -- -max_total_time=600 -rss_limit_mb=1024 -timeout=20
//! ```
#![no_main]

use std::collections::HashMap;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use rgops_dwarf::Budget;
use rgops_protocol::reply::tasks::{CellBytes, TaskCell, TaskVtable};
use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};
use rgops_tasks::decode::Decoder;
use rgops_tasks::graph::WaitGraph;
use rgops_tasks::model::{Counts, Tasks};
use rgops_tasks::types::{ProgramTypes, TypeSource};

const FIXTURE: &[u8] = include_bytes!("../../tasks/fixtures/types.so");

/// Maximum number of tasks in one input, and the bytes of one cell.
const MAX_TASKS: usize = 6;
const CELL_BYTES: usize = 2048;
/// Maximum number of reads for one input: eight retries of a task with nested boxes.
const MAX_ROUNDS: usize = 1000;

/// The budget of the types and that of the decoder.
const BUDGET_BYTES: u64 = 768 << 20;

thread_local! {
    static TYPES: ProgramTypes<'static> = ProgramTypes::of_file(program(), &Budget::new(BUDGET_BYTES));
}

fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("RGOPS_FUZZ_PROGRAM") {
        Some(path) => std::fs::read(path).expect("the program can be read"),
        None => FIXTURE.to_vec(),
    })
}

/// Addresses of real functions and types.
struct Addresses {
    polls: Vec<u64>,
    vtables: Vec<u64>,
}

fn addresses(types: &ProgramTypes<'_>) -> &'static Addresses {
    static ADDRESSES: OnceLock<Addresses> = OnceLock::new();
    ADDRESSES.get_or_init(|| {
        let all = |step| (0..program().len() as u64).step_by(step);
        // Functions of large programs are aligned.
        let step = if program().len() > 1 << 20 { 16 } else { 1 };
        let is_poll = |address: &u64| !types.task_types(*address).is_empty();
        let is_vtable = |address: &u64| !types.vtable_types(*address).is_empty();
        let found = Addresses {
            polls: all(step).filter(is_poll).collect(),
            vtables: all(8).filter(is_vtable).collect(),
        };
        assert!(!found.polls.is_empty(), "the program polls no task");
        eprintln!("{} poll functions, {} vtables", found.polls.len(), found.vtables.len());
        found
    })
}

/// The input, read to its end; then zeros.
struct Input<'i>(&'i [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// One of the words.
    fn one_of(&mut self, words: &[u64]) -> u64 {
        let number = usize::from(self.byte()) | usize::from(self.byte()) << 8;
        if words.is_empty() { 0 } else { words[number % words.len()] }
    }

    /// A word that could be in memory.
    fn value(&mut self, addresses: &Addresses) -> u64 {
        match self.byte() % 8 {
            0 => self.word(),
            1 => self.one_of(&addresses.vtables),
            2 => header(usize::from(self.byte()) % MAX_TASKS) + u64::from(self.byte() % 64) * 8,
            3 => 0x7e00_0000_0000 + u64::from(self.byte()) * 64,
            4 => u64::MAX - u64::from(self.byte() % 16),
            _ => u64::from(self.byte() % 8),
        }
    }

    /// Some bytes, fewer than requested, or none.
    fn memory(&mut self, length: usize, addresses: &Addresses) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let mut bytes = vec![0; length];
        match self.byte() % 16 {
            0 => return None,
            1 => bytes.truncate(usize::from(self.byte())),
            2 => bytes.fill(self.byte()),
            _ => {
                // The rest stays zero: no input fills 64 KiB.
                for word in bytes.chunks_mut(8).take(64) {
                    let value = self.value(addresses).to_le_bytes();
                    word.copy_from_slice(&value[..word.len()]);
                }
            }
        }
        Some(bytes)
    }
}

fn header(number: usize) -> u64 {
    0x7f00_0000_0000 + 4096 * number as u64
}

fuzz_target!(
    // Reading the debug information of a large program takes longer than one input may take.
    init: TYPES.with(|types| {
        addresses(types);
    }),
    |bytes: &[u8]| TYPES.with(|types| decode(types, bytes))
);

fn decode(types: &ProgramTypes<'_>, bytes: &[u8]) {
    let addresses = addresses(types);
    let input = &mut Input(bytes);
    let vtables: Vec<TaskVtable> =
        (0..MAX_TASKS).map(|number| vtable(types, number, input, addresses)).collect();
    let count = usize::from(input.byte()) % (MAX_TASKS + 1);
    let cells: Vec<TaskCell> = (0..count).map(|number| cell(number, &vtables, input, addresses)).collect();

    let mut decoder = Decoder::new(&Budget::new(BUDGET_BYTES), types, vtables, cells);
    let mut memory: HashMap<(u64, u32), Option<Vec<u8>>> = HashMap::new();
    let mut rounds = 0;
    loop {
        let needs = decoder.needs();
        if needs.is_empty() {
            break;
        }
        rounds += 1;
        assert!(rounds < MAX_ROUNDS, "it does not end");
        let mut answer = |range: &MemoryRange| {
            assert!(range.length <= MAX_RANGE_BYTES, "{range:?}");
            let changes = input.byte() % 8 == 7;
            let known = memory.entry((range.avma, range.length));
            let known = known.or_insert_with(|| input.memory(range.length as usize, addresses));
            if changes {
                *known = input.memory(range.length as usize, addresses);
            }
            known.clone()
        };
        let answers: Vec<_> = needs.iter().map(&mut answer).collect();
        decoder.provide(answers);
    }
    let (tasks, counts) = decoder.finish();
    let Counts { listed, decoded, cut, running, complete, moved, unknown } = counts;
    assert_eq!((listed, tasks.len()), (count as u64, count));
    assert_eq!(decoded + cut + running + complete + moved + unknown, listed);
    let tasks = Tasks { tasks, counts, ..Tasks::default() };
    WaitGraph::new(&tasks);
}

/// The vtable of a future. Its trailer is at Tokio's offset, or anywhere.
fn vtable(
    types: &ProgramTypes<'_>,
    number: usize,
    input: &mut Input<'_>,
    addresses: &Addresses,
) -> TaskVtable {
    let poll_avma = input.one_of(&addresses.polls);
    let future = types.task_types(poll_avma).first().and_then(|task| types.get(task.future).ok());
    let size = future.map_or(0, |future| future.size);
    let (mut id_offset, mut trailer_offset) = (40, 56 + size.next_multiple_of(8) as u32);
    match input.byte() % 16 {
        0 => id_offset = input.word() as u32,
        1 => trailer_offset = input.word() as u32,
        2 => trailer_offset += u32::from(input.byte()) * 8,
        _ => {}
    }
    TaskVtable { avma: 0x5500_0000_0000 + 64 * number as u64, poll_avma, id_offset, trailer_offset }
}

fn cell(number: usize, vtables: &[TaskVtable], input: &mut Input<'_>, addresses: &Addresses) -> TaskCell {
    let vtable = input.byte() % (MAX_TASKS as u8 + 1);
    let state = if input.byte() % 8 == 0 { input.word() } else { 2 << 6 };
    let header_avma = if input.byte() % 16 == 0 { input.word() } else { header(number) };
    let length = vtables.get(usize::from(vtable)).map_or(64, |vtable| vtable.trailer_offset as usize);
    let bytes = match input.byte() % 16 {
        0 => CellBytes::Moved,
        1 => CellBytes::Unreadable,
        2 => CellBytes::NotRead,
        _ => input.memory(length.min(CELL_BYTES), addresses).map_or(CellBytes::Moved, |mut bytes| {
            // Set the tag of a live future more often than by chance.
            if input.byte() % 8 != 0 && bytes.len() > 56 {
                bytes[48..56].fill(0);
            }
            CellBytes::Read(bytes)
        }),
    };
    TaskCell { runtime: 0, id: number as u64, header_avma, vtable: vtable.into(), state, bytes }
}

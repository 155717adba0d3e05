//! Tasks whose memory changes during decoding, and arbitrary memory. The types are real: those of
//! `tasks/fixtures/types.so`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod block_on;
mod hostile;

use object::{Object as _, ObjectSymbol as _};
use rgops_dwarf::Budget;
use rgops_protocol::reply::tasks::{CellBytes, TaskCell, TaskVtable};
use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange};

use crate::decode::Decoder;
use crate::decode::cell::{NOTIFIED, REFERENCE_SHIFT, RUNNING};
use crate::model::{AsyncStack, Counts, Location, State, Task};
use crate::types::{ProgramTypes, Shape, TypeSource};

const FIXTURE: &[u8] = include_bytes!("../../../fixtures/types.so");

const HEADER: u64 = 0x7f00_0000_1000;
const VTABLE: u64 = 0x5500_0000_2000;
const ID_OFFSET: u32 = 40;
const IDLE: u64 = 2 << REFERENCE_SHIFT;

/// The poll functions of `shop::checkout` and `shop::through_dyn`.
fn polls(types: &ProgramTypes<'_>) -> Vec<u64> {
    let elf = object::File::parse(FIXTURE).unwrap();
    let symbols = elf.symbols().filter(|symbol| symbol.name().unwrap_or("").contains("4task3raw4poll"));
    let mut polls: Vec<u64> = symbols.map(|symbol| symbol.address()).collect();
    let is_checkout = |poll: u64| {
        let types = types.get(types.task_types(poll)[0].future).unwrap();
        types.namespace.ends_with("checkout")
    };
    polls.sort_by_key(|poll| !is_checkout(*poll));
    assert_eq!(polls.len(), 2);
    polls
}

fn vtable(poll_avma: u64) -> TaskVtable {
    TaskVtable { avma: VTABLE, poll_avma, id_offset: ID_OFFSET, trailer_offset: 1024 }
}

/// A suspended `shop::checkout` with this id and Tokio state, as in memory.
fn checkout(types: &ProgramTypes<'_>, poll: u64, id: u64, state: u64) -> Vec<u8> {
    let future = types.get(types.task_types(poll)[0].future).unwrap();
    let Shape::Enum { discriminant: Some(discriminant), variants } = &future.shape else { panic!() };
    let suspended = variants
        .iter()
        .find(|variant| &*types.get(variant.content.type_id).unwrap().name == "Suspend0")
        .unwrap();
    let mut cell = vec![0; 1024];
    cell[..8].copy_from_slice(&state.to_le_bytes());
    cell[16..24].copy_from_slice(&VTABLE.to_le_bytes());
    cell[40..48].copy_from_slice(&id.to_le_bytes());
    // After the id the stage at the alignment of a `u128`, and in it the future.
    let at = 64 + discriminant.offset as usize;
    cell[at] = suspended.discriminant.unwrap() as u8;
    cell
}

/// The cell for the n-th request.
type Answers<'a> = &'a dyn Fn(&ProgramTypes<'_>, u64, usize) -> Option<Vec<u8>>;

/// The result for a checkout that the agent reported as moved, when its cell gets these answers, one for each
/// request; and the number of requests.
fn moved(answers: Answers<'_>) -> (Task, Counts, usize) {
    let types = ProgramTypes::of_file(FIXTURE, &Budget::new(1 << 30));
    let poll = polls(&types)[0];
    let cell =
        TaskCell { runtime: 0, id: 7, header_avma: HEADER, vtable: 0, state: IDLE, bytes: CellBytes::Moved };
    let mut decoder = Decoder::new(&Budget::new(1 << 30), &types, vec![vtable(poll)], vec![cell]);
    let mut times = 0;
    loop {
        let needs = decoder.needs();
        if needs.is_empty() {
            break;
        }
        let answer = |range: &MemoryRange| {
            let cell = answers(&types, poll, times)?;
            let skipped = (range.avma - HEADER) as usize;
            Some(cell[skipped..][..range.length as usize].to_vec())
        };
        let answered: Vec<_> = needs.iter().map(answer).collect();
        decoder.provide(answered);
        times += 1;
        assert!(times < 1000, "it ends");
    }
    let (mut tasks, counts) = decoder.finish();
    (tasks.remove(0), counts, times)
}

#[test]
fn a_moved_task_is_decoded_once_it_holds_still() {
    // Its cell once, and once more to compare; its state may change in between.
    let (task, counts, times) = moved(&|types, poll, time| {
        Some(checkout(types, poll, 7, if time == 0 { IDLE } else { IDLE | NOTIFIED }))
    });
    let AsyncStack::Decoded(node) = &task.stack else { panic!("{task:?}") };
    assert!(matches!(node.location, Some(Location::Await { .. })), "{node:?}");
    assert_eq!(&*node.name.short, "tokio::shop::checkout");
    assert_eq!((counts.listed, counts.decoded, counts.moved, times), (1, 1, 0, 2));
}

#[test]
fn a_task_that_never_holds_still_is_counted_as_moved() {
    let (task, counts, times) = moved(&|types, poll, time| {
        let mut cell = checkout(types, poll, 7, IDLE);
        cell[900] = time as u8;
        Some(cell)
    });
    assert_eq!(task.stack, AsyncStack::Moved);
    assert_eq!((counts.moved, times), (1, 16), "eight times, each read and compared");
}

#[test]
fn a_task_that_runs_at_the_retry_is_running() {
    let (task, counts, _) = moved(&|types, poll, _| Some(checkout(types, poll, 7, IDLE | RUNNING)));
    assert_eq!((task.state, &task.stack), (State::Running, &AsyncStack::Running));
    assert_eq!((counts.running, counts.moved), (1, 0));
}

#[test]
fn a_task_whose_cell_was_freed_has_moved() {
    let (task, counts, _) = moved(&|types, poll, _| {
        let mut cell = checkout(types, poll, 7, IDLE);
        cell[48] = 2;
        Some(cell)
    });
    assert_eq!(task.stack, AsyncStack::Moved);
    assert_eq!((counts.moved, counts.unknown), (1, 0));
}

#[test]
fn a_task_that_is_gone_at_the_retry_has_moved() {
    for answer in [Some(8), None] {
        let (task, counts, times) =
            moved(&|types, poll, _| answer.map(|other| checkout(types, poll, other, IDLE)));
        assert_eq!(task.stack, AsyncStack::Moved);
        assert_eq!((counts.moved, times), (1, 1), "requested once");
    }
}

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Bytes as in real memory: small numbers, pointers, arbitrary bytes, or unreadable.
    fn memory(&mut self, length: usize, pointers: &[u64]) -> Option<Vec<u8>> {
        let kind = self.below(8);
        let mut bytes = vec![0; length];
        match kind {
            0 => return None,
            1 => bytes.truncate(self.below(length as u64 + 1) as usize),
            2 => bytes.iter_mut().for_each(|byte| *byte = self.next() as u8),
            _ => {
                for word in bytes.chunks_mut(8) {
                    let value = match self.below(4) {
                        0 => pointers[self.below(pointers.len() as u64) as usize],
                        1 => self.next(),
                        _ => self.below(8),
                    };
                    word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
                }
            }
        }
        Some(bytes)
    }
}

#[test]
fn decoding_of_corrupt_memory_ends_without_a_panic() {
    let types = ProgramTypes::of_file(FIXTURE, &Budget::new(1 << 30));
    let polls = polls(&types);
    let mut vtables: Vec<u64> = (0..FIXTURE.len() as u64).step_by(8).collect();
    vtables.retain(|address| !types.vtable_types(*address).is_empty());
    assert!(!vtables.is_empty());
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut decoded = 0;
    for round in 0..if std::env::var_os("RGOPS_LONG").is_some() { 200_000 } else { 2000 } {
        let pointers = [&vtables[..], &[0, 1, HEADER, HEADER + 64, VTABLE, u64::MAX, u64::MAX - 7]].concat();
        let cells: Vec<TaskCell> = (0..random.below(6))
            .map(|number| {
                let cell = match random.below(3) {
                    0 => Some(checkout(&types, polls[0], number, IDLE)),
                    _ => random.memory(1024, &pointers),
                };
                TaskCell {
                    runtime: 0,
                    id: number,
                    header_avma: if random.below(4) == 0 { random.next() } else { HEADER + 4096 * number },
                    vtable: random.below(4) as u32,
                    state: if random.below(3) == 0 { random.next() } else { IDLE },
                    bytes: cell.map_or(CellBytes::Moved, CellBytes::Read),
                }
            })
            .collect();
        let offset = |random: &mut Random| {
            if random.below(3) == 0 { random.next() as u32 } else { ID_OFFSET }
        };
        let mut tables = vec![vtable(polls[0]), vtable(polls[1]), vtable(polls[0])];
        tables[1].id_offset = offset(&mut random);
        tables[2].trailer_offset = offset(&mut random);
        let count = cells.len() as u64;
        let mut decoder = Decoder::new(&Budget::new(1 << 30), &types, tables, cells);
        let mut asked = 0;
        loop {
            let needs = decoder.needs();
            if needs.is_empty() {
                break;
            }
            asked += 1;
            assert!(asked < 1000, "round {round} does not end");
            assert!(needs.iter().all(|range| range.length <= MAX_RANGE_BYTES), "{needs:?}");
            let answers: Vec<_> =
                needs.iter().map(|range| random.memory(range.length as usize, &pointers)).collect();
            // Some are missing at the end.
            let provided = random.below(needs.len() as u64 + 2) as usize;
            decoder.provide(answers.into_iter().take(provided.max(1)));
        }
        let (tasks, counts) = decoder.finish();
        let Counts { listed, decoded: whole, cut, running, complete, moved, unknown } = counts;
        assert_eq!((listed, tasks.len() as u64), (count, count));
        assert_eq!(whole + cut + running + complete + moved + unknown, listed, "{counts:?}");
        decoded += whole;
    }
    assert!(decoded > 0, "some of it is right");
}

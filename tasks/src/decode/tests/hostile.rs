//! Types and memory made to be expensive: decoding ends within the command's memory and time, keeps its
//! results, and reports the limit it reached.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use rgops_dwarf::{Budget, Exhausted};
use rgops_protocol::reply::tasks::{CellBytes, TaskCell, TaskVtable};
use rgops_protocol::request::MemoryRange;

use super::*;
use crate::decode::cell::CHANGING_BYTES;
use crate::decode::content::Content;
use crate::decode::decoder::Phase;
use crate::decode::round::{NO_TIME, NODE_BYTES};
use crate::decode::walk::TOO_MUCH;
use crate::model::Resource;
use crate::types::{Member, TaskTypes, Type, TypeError, TypeId};

const POLL: u64 = 0x5500_0000_3000;
/// Offset of the future in a cell: after the id and the stage's tag.
const FUTURE: usize = 56;

/// Types by number, generated on request.
struct Table<'t> {
    get: &'t dyn Fn(u64) -> Option<Type>,
    is_described: bool,
    name: Arc<str>,
    /// Number of types for each vtable.
    alternatives: u64,
    /// Number of calls that should happen once for all tasks.
    named: Cell<usize>,
    looked_up: Cell<usize>,
    got: RefCell<HashMap<TypeId, Arc<Type>>>,
}

fn table(get: &dyn Fn(u64) -> Option<Type>) -> Table<'_> {
    Table {
        get,
        is_described: true,
        name: "shop::checkout".into(),
        alternatives: 1,
        named: Cell::new(0),
        looked_up: Cell::new(0),
        got: RefCell::default(),
    }
}

impl TypeSource for Table<'_> {
    fn task_types(&self, _: u64) -> Vec<TaskTypes> {
        let types = TaskTypes { future: TypeId(0), scheduler: TypeId(0) };
        if self.is_described { vec![types] } else { Vec::new() }
    }

    fn vtable_types(&self, _: u64) -> Vec<TypeId> {
        self.looked_up.set(self.looked_up.get() + 1);
        (2..2 + self.alternatives).map(TypeId).collect()
    }

    fn named(&self, _: &str) -> Option<TypeId> {
        None
    }

    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
        if let Some(known) = self.got.borrow().get(&id) {
            return Ok(known.clone());
        }
        let found = (self.get)(id.0).map(Arc::new);
        let found = found.ok_or(TypeError::NotDescribed { name: id.0.to_string() })?;
        self.got.borrow_mut().insert(id, found.clone());
        Ok(found)
    }

    fn future_name(&self, _: u64) -> Option<Arc<str>> {
        self.named.set(self.named.get() + 1);
        Some(Arc::from(&*self.name))
    }
}

fn structure(name: &str, size: u64, members: impl IntoIterator<Item = (u64, u64)>) -> Type {
    let member: Arc<str> = "member".into();
    let members = members.into_iter().map(|(offset, id)| Member {
        name: member.clone(),
        offset,
        type_id: TypeId(id),
        declared: None,
    });
    Type {
        name: name.into(),
        namespace: "shop".into(),
        size,
        alignment: Some(8),
        shape: Shape::Struct { members: members.collect(), is_union: false },
        parameters: Vec::new(),
    }
}

fn sleep() -> Type {
    Type { namespace: "tokio::time::sleep".into(), ..structure("Sleep", 8, []) }
}

fn boxed(target: u64) -> Type {
    let shape = Shape::Pointer { target: Some(TypeId(target)) };
    Type { shape, ..structure("alloc::boxed::Box<shop::Fut, alloc::alloc::Global>", 8, []) }
}

fn scalar() -> Type {
    Type { shape: Shape::Scalar, ..structure("u64", 8, []) }
}

/// This many idle tasks with these bytes as their future.
fn cells(count: u64, future: &[u8]) -> Vec<TaskCell> {
    let mut bytes = vec![0; FUTURE];
    bytes.extend(future);
    bytes.resize(bytes.len() + 64, 0);
    let cell = |id| TaskCell {
        runtime: 0,
        id,
        header_avma: HEADER + id * 0x10_0000,
        vtable: 0,
        state: IDLE,
        bytes: CellBytes::Read(bytes.clone()),
    };
    (0..count).map(cell).collect()
}

fn decoder<'s>(budget: &Budget, source: &'s Table<'_>, cells: Vec<TaskCell>) -> Decoder<'s> {
    let vtable = TaskVtable { avma: VTABLE, poll_avma: POLL, id_offset: ID_OFFSET, trailer_offset: u32::MAX };
    Decoder::new(budget, source, vec![vtable], cells)
}

/// Answers with the cells unchanged, and zeros everywhere else.
fn run(decoder: &mut Decoder<'_>, future: &[u8]) {
    let CellBytes::Read(cell) = cells(1, future).remove(0).bytes else { unreachable!() };
    let answer = |range: &MemoryRange| {
        let (at, length) = ((range.avma % 0x10_0000) as usize, range.length as usize);
        let is_cell = range.avma >= HEADER - 0x1000;
        let in_cell = cell
            .get(at.wrapping_sub(0x1000)..at.wrapping_sub(0x1000).wrapping_add(length))
            .filter(|_| is_cell);
        Some(in_cell.map_or(vec![0; length], <[u8]>::to_vec))
    };
    for _ in 0..1000 {
        let needs = decoder.needs();
        if needs.is_empty() {
            return;
        }
        decoder.provide(needs.iter().map(answer).collect::<Vec<_>>());
    }
    panic!("it does not end");
}

#[test]
fn members_of_a_large_future_are_searched_once_for_all_tasks() {
    // Searched for each task, this would be 300 million members.
    let members = || (0..60_000).map(|number| (8, 1 + u64::from(number == 7)));
    let get = |id| match id {
        0 => Some(structure("Fut", 16, members())),
        1 => Some(scalar()),
        _ => Some(sleep()),
    };
    let (source, began) = (table(&get), Instant::now());
    let mut decoder = decoder(&Budget::new(256 << 20), &source, cells(5000, &[0; 16]));
    run(&mut decoder, &[0; 16]);
    assert_eq!(decoder.exhausted(), None);
    let (_, counts) = decoder.finish();
    assert_eq!(counts.decoded, 5000, "{counts:?}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn a_walk_ends_at_the_deadline_and_keeps_its_results() {
    let budget = Budget::new(64 << 20);
    // Each type contains the next one twice: 2 to the power of 80 values.
    let get = |id| match id {
        80 => {
            budget.end_by(Instant::now());
            Some(sleep())
        }
        _ => Some(structure("Fut", 8, [(0, id + 1), (0, id + 1)])),
    };
    let source = table(&get);
    let mut decoder = decoder(&budget, &source, cells(3, &[0; 8]));
    budget.end_by(Instant::now() + std::time::Duration::from_secs(600));
    run(&mut decoder, &[0; 8]);
    assert_eq!(decoder.exhausted(), Some(Exhausted::Time));
    let (tasks, counts) = decoder.finish();
    let AsyncStack::Cut(_, why) = &tasks[0].stack else { panic!("{:?}", tasks[0].stack) };
    assert_eq!((&**why, counts.cut, counts.unknown), (NO_TIME, 1, 2));
    let undecoded = "not decoded: the time limit was reached";
    assert_eq!(tasks[2].stack, AsyncStack::Unknown(undecoded.into()));
}

#[test]
fn no_memory_is_requested_after_the_deadline() {
    let get = |id| Some(if id == 0 { structure("Fut", 8, [(0, 1)]) } else { boxed(0) });
    let source = table(&get);
    let budget = Budget::new(64 << 20);
    let mut decoder = decoder(&budget, &source, cells(3, &HEADER.to_le_bytes()));
    budget.end_by(Instant::now());
    assert_eq!(decoder.needs(), Vec::new());
    assert_eq!(decoder.exhausted(), Some(Exhausted::Time));
}

#[test]
fn tasks_share_the_name_of_a_poll_function() {
    let get = |_| None;
    let mut source = table(&get);
    (source.is_described, source.name) = (false, "x".repeat(16 << 10).into());
    let budget = Budget::new(1 << 20);
    // 2,000 of them would be 64 MiB.
    let mut of_all = decoder(&budget, &source, cells(2000, &[0; 8]));
    run(&mut of_all, &[0; 8]);
    assert_eq!((of_all.exhausted(), source.named.get()), (None, 1));
    let (tasks, _) = of_all.finish();
    let name = |number: usize| tasks[number].future.as_ref().unwrap().clone();
    assert!(Arc::ptr_eq(&name(0).raw, &name(1999).raw) && Arc::ptr_eq(&name(0).short, &name(1999).short));
    assert!(name(0).short.len() <= 4096 && name(0).short.ends_with('…'), "{}", name(0).short.len());
    assert!(budget.charged() > 16 << 10, "{}", budget.charged());
    let of_none = decoder(&Budget::new(1024), &source, cells(2000, &[0; 8]));
    assert_eq!(of_none.exhausted(), Some(Exhausted::Memory(1024)));
}

#[test]
fn a_vtable_is_looked_up_once_for_all_tasks() {
    let get = |id| match id {
        0 => Some(fat(1)),
        1 => Some(scalar()),
        _ => Some(sleep()),
    };
    let source = table(&get);
    let mut decoder = decoder(&Budget::new(64 << 20), &source, cells(500, &[1; 16]));
    run(&mut decoder, &[1; 16]);
    let (_, counts) = decoder.finish();
    assert_eq!((counts.decoded, source.looked_up.get()), (500, 1), "{counts:?}");
}

#[test]
fn a_type_with_too_much_content_cuts_the_stack_and_is_charged() {
    // 700 types of 2,000 members each: there is no answer for any of them.
    let members = |id: u64| (0..2000).map(move |number| (8, 1 + (id * 7 + number) % 700));
    let get = |id: u64| Some(structure("Fut", 16, members(id)));
    let source = table(&get);
    let budget = Budget::new(512 << 20);
    let mut of_all = decoder(&budget, &source, cells(3, &[0; 16]));
    run(&mut of_all, &[0; 8]);
    assert_eq!(of_all.exhausted(), None);
    let (tasks, counts) = of_all.finish();
    let AsyncStack::Cut(_, why) = &tasks[2].stack else { panic!("{:?}", tasks[2].stack) };
    assert_eq!((&**why, counts.cut), (TOO_MUCH, 3));
    let mut of_none = decoder(&Budget::new(16 << 20), &source, cells(3, &[0; 16]));
    run(&mut of_none, &[0; 8]);
    assert_eq!(of_none.exhausted(), Some(Exhausted::Memory(16 << 20)));
}

#[test]
fn requested_ranges_are_charged_before_they_are_listed() {
    let members = || (0..2000).map(|number| (8 * number, 1));
    let get = |id| match id {
        0 => Some(structure("Fut", 16_000, members())),
        1 => Some(boxed(2)),
        _ => Some(sleep()),
    };
    let source = table(&get);
    let pointers: Vec<u8> = (0..2000u64).flat_map(|number| (0x10_0000 + number * 16).to_le_bytes()).collect();
    let budget = Budget::new(64 << 20);
    let mut of_few = decoder(&budget, &source, cells(10, &pointers));
    run(&mut of_few, &pointers);
    assert_eq!(of_few.exhausted(), None);
    let (_, counts) = of_few.finish();
    assert_eq!(counts.decoded, 10, "{counts:?}");
    // 100 tasks request 200,000 ranges.
    let mut of_many = decoder(&Budget::new(16 << 20), &source, cells(100, &pointers));
    assert_eq!(of_many.needs(), Vec::new());
    assert_eq!(of_many.exhausted(), Some(Exhausted::Memory(16 << 20)));
}

#[test]
fn sizes_and_offsets_beyond_the_address_space_do_not_panic() {
    let array = |element| Type {
        shape: Shape::Array { element: TypeId(element), length: u64::MAX },
        ..structure("[Fut]", u64::MAX, [])
    };
    for size in [8, u64::MAX, u64::MAX - 7] {
        let get = |id| match id {
            0 => Some(structure("Fut", size, [(u64::MAX, 1), (u64::MAX - 3, 2)])),
            1 => Some(array(2)),
            _ => Some(Type { size: u64::MAX, ..sleep() }),
        };
        let source = table(&get);
        let mut decoder = decoder(&Budget::new(64 << 20), &source, cells(3, &[0; 64]));
        run(&mut decoder, &[0; 8]);
        let (tasks, counts) = decoder.finish();
        assert_eq!((tasks.len(), counts.listed), (3, 3));
    }
}

#[test]
fn a_stack_with_too_many_futures_is_cut() {
    // 512 leaf futures of futures that contain two each, and 2,048.
    for (levels, is_whole) in [(9, true), (11, false)] {
        let get = |id| match id {
            _ if id == levels => Some(sleep()),
            _ => Some(structure("Fut", 8, [(0, id + 1), (0, id + 1)])),
        };
        let source = table(&get);
        let mut decoder = decoder(&Budget::new(64 << 20), &source, cells(1, &[0; 8]));
        run(&mut decoder, &[0; 8]);
        let (_, counts) = decoder.finish();
        assert_eq!((counts.decoded == 1, counts.cut == 1), (is_whole, !is_whole), "{levels}: {counts:?}");
    }
}

/// A future that is suspended in a state with these guards and an awaited type; it has the same number of
/// pointers.
fn with_guards(count: u64, guard: u64, awaitee: u64) -> impl Fn(u64) -> Option<Type> {
    move |id| {
        let mut found = structure("Suspend0", 8 * count + 16, []);
        let Shape::Struct { members, .. } = &mut found.shape else { unreachable!() };
        let member = |name: &str, offset, id| Member {
            name: name.into(),
            offset,
            type_id: TypeId(id),
            declared: None,
        };
        members.push(member("__awaitee", 8, awaitee));
        members.extend((0..count).map(|number| member("guard", 16 + 8 * number, guard)));
        let content = member("3", 0, 1);
        let variants = vec![crate::types::Variant { discriminant: None, content }];
        let shape = Shape::Enum { discriminant: None, variants };
        match id {
            0 => Some(Type { shape, ..structure("{async_fn_env#0}", 8 * count + 16, []) }),
            1 => Some(found),
            _ => None,
        }
    }
}

#[test]
fn the_charge_of_dropped_memory_is_released() {
    // Twenty boxes inside each other after fifty guards: twenty rounds, each with all the guards.
    let outer = with_guards(50, 2, 10);
    let get = |id| match id {
        0 | 1 => outer(id),
        2 => {
            let mut guard = structure("MutexGuard<u64>", 8, [(0, 3)]);
            let Shape::Struct { members, .. } = &mut guard.shape else { unreachable!() };
            members[0].name = "lock".into();
            Some(Type { namespace: "tokio::sync::mutex".into(), ..guard })
        }
        3 => Some(Type {
            shape: Shape::Pointer { target: Some(TypeId(4)) },
            ..structure("&tokio::sync::mutex::Mutex<u64>", 8, [])
        }),
        4 => Some(Type { namespace: "tokio::sync::mutex".into(), ..structure("Mutex<u64>", 64, [(0, 5)]) }),
        5 => {
            Some(Type { namespace: "tokio::sync::batch_semaphore".into(), ..structure("Semaphore", 40, []) })
        }
        10..30 => Some(boxed(id + 1)),
        30 => Some(sleep()),
        _ => None,
    };
    let source = table(&get);
    let mut future = vec![0; 16];
    future[8..].copy_from_slice(&0x20_0000u64.to_le_bytes());
    future.extend((1..=50u64).flat_map(|number| (0x10_0000 * number).to_le_bytes()));
    let budget = Budget::new(256 << 20);
    let held = |tasks: &[Task]| tasks.iter().map(|task| task.holds.len()).sum::<usize>() as u64;

    let of_all = decoder(&budget, &source, cells(20, &future));
    let cell_bytes = 20 * (FUTURE + future.len() + 64) as u64;
    assert!(budget.charged() > cell_bytes, "the bytes of cells are charged: {}", budget.charged());
    drop(of_all.finish());
    assert!(budget.charged() < 4096, "names alone: {}", budget.charged());

    let budget = Budget::new(256 << 20);
    let mut of_all = decoder(&budget, &source, cells(20, &future));
    // Each box points at the next one.
    let answer = |range: &MemoryRange| {
        let mut bytes = vec![0; range.length as usize];
        bytes[..8].copy_from_slice(&(range.avma + 64).to_le_bytes());
        Some(bytes)
    };
    for _ in 0..10 {
        let needs = of_all.needs();
        of_all.provide(needs.iter().map(answer).collect::<Vec<_>>());
    }
    assert!(of_all.needs().len() >= 20, "they want more");
    let (tasks, counts) = of_all.finish();
    assert_eq!((counts.unknown, held(&tasks)), (20, 0));
    assert!(budget.charged() < 4096, "{}", budget.charged());

    // To the end: the shown result stays charged, once.
    let mut of_all = decoder(&budget, &source, cells(20, &future));
    while of_all.phase == Phase::Walk {
        let needs = of_all.needs();
        if of_all.phase == Phase::Walk {
            of_all.provide(needs.iter().map(answer).collect::<Vec<_>>());
        }
    }
    // Unchanged: compared with themselves.
    let used = of_all.tasks.iter().flat_map(|task| task.snapshot.used(CHANGING_BYTES));
    let used: Vec<_> = used.map(|(_, bytes)| Some(bytes.to_vec())).collect();
    of_all.provide(used);
    assert!(of_all.needs().is_empty());
    let (tasks, counts) = of_all.finish();
    assert_eq!((counts.cut + counts.decoded, held(&tasks)), (20, 1000), "{:?}", tasks[0]);
    let shown = 20 * (50 * size_of::<Resource>() as u64 + 4 * NODE_BYTES);
    assert!(budget.charged() < shown + 8192, "{} of {shown}", budget.charged());
}

#[test]
fn a_type_that_contains_one_without_an_answer_does_not_use_up_another_attempt() {
    // A type that contains more types than the limit, twenty types that contain it, and one of 5,000 members.
    let get = |id| match id {
        0..60_000 => Some(structure("Deep", 8, [(0, id + 1)])),
        100_000..100_020 => Some(structure("Holder", 8, [(0, 0)])),
        200_000 => Some(structure("Wide", 8, (0..5000).map(|number| (0, 300_000 + number)))),
        304_999 => Some(sleep()),
        _ => Some(scalar()),
    };
    let source = table(&get);
    let mut content = Content::new(&Budget::new(1 << 30));
    content.begin_walk();
    for id in [0].into_iter().chain(100_000..100_020) {
        assert!(!content.leads_to_future(&source, TypeId(id)));
        assert!(content.is_cut());
    }
    content.begin_walk();
    assert!(content.leads_to_future(&source, TypeId(200_000)));
    assert_eq!((content.is_cut(), content.exhausted()), (false, None));
}

/// A fat pointer to `dyn Future`.
fn fat(id: u64) -> Type {
    let mut found = structure("dyn core::future::Future<Output=()>", 16, [(0, id), (8, id)]);
    let Shape::Struct { members, .. } = &mut found.shape else { unreachable!() };
    (members[0].name, members[1].name) = ("pointer".into(), "vtable".into());
    found
}

#[test]
fn alternative_types_of_a_vtable_are_not_additional_futures() {
    let get = |id| match id {
        0 => Some(fat(1)),
        1 => Some(scalar()),
        _ => Some(sleep()),
    };
    for (alternatives, is_whole) in [(4, true), (5, false), (1000, false)] {
        let mut source = table(&get);
        source.alternatives = alternatives;
        let mut decoder = decoder(&Budget::new(64 << 20), &source, cells(1, &[1; 16]));
        run(&mut decoder, &[1; 16]);
        let (tasks, _) = decoder.finish();
        let (node, why) = match &tasks[0].stack {
            AsyncStack::Decoded(node) => (node, None),
            AsyncStack::Cut(node, why) => (node, Some(&**why)),
            other => panic!("{other:?}"),
        };
        assert_eq!((node.children.len(), node.children_left_out), (4, 0));
        assert_eq!(why, (!is_whole).then_some("more types share a vtable than are shown"));
    }
}

#[test]
fn the_count_of_futures_saturates() {
    let members = [(0, 1)].into_iter().chain((0..40).map(|_| (0, 2)));
    let get = |id| match id {
        0 => Some(structure("Fut", 8, members.clone())),
        1 => Some(Type {
            shape: Shape::Array { element: TypeId(2), length: u64::MAX },
            ..structure("[Sleep]", 8, [])
        }),
        _ => Some(Type { size: 0, ..sleep() }),
    };
    let source = table(&get);
    let mut decoder = decoder(&Budget::new(64 << 20), &source, cells(1, &[0; 64]));
    run(&mut decoder, &[0; 64]);
    let (tasks, _) = decoder.finish();
    let (AsyncStack::Decoded(node) | AsyncStack::Cut(node, _)) = &tasks[0].stack else { panic!("{tasks:?}") };
    assert_eq!(node.children_left_out, u64::MAX);
}

#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rgops_protocol::reply::schedtrace::SchedtraceRuntime;
use rgops_protocol::reply::tasks::RuntimeKind;
use rgops_protocol::reply::{Known, Unavailable};
use rgops_protocol::request::MemoryRange;

use crate::schedtrace::layout::MULTI_THREAD;
use crate::schedtrace::plan::QUEUE_CAPACITY;
use crate::schedtrace::{Hidden, MAX_WORKERS, Memory, Plan, Source};
use crate::types::{Member, Shape, TaskTypes, Type, TypeError, TypeId, TypeSource};

/// Types by number, and their names.
#[derive(Default)]
struct Table {
    types: RefCell<Vec<Type>>,
    names: HashMap<&'static str, TypeId>,
}

impl TypeSource for Table {
    fn task_types(&self, _poll_avma: u64) -> Vec<TaskTypes> {
        Vec::new()
    }

    fn vtable_types(&self, _vtable_avma: u64) -> Vec<TypeId> {
        Vec::new()
    }

    fn named(&self, path: &str) -> Option<TypeId> {
        self.names.get(path).copied()
    }

    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
        let found = self.types.borrow().get(id.0 as usize).cloned();
        found.map(Arc::new).ok_or(TypeError::NotDescribed { name: id.0.to_string() })
    }
}

impl Table {
    fn add(&self, size: u64, shape: Shape) -> TypeId {
        let mut types = self.types.borrow_mut();
        let name = format!("type {}", types.len()).into();
        types.push(Type { name, namespace: "".into(), size, alignment: None, shape, parameters: Vec::new() });
        TypeId(types.len() as u64 - 1)
    }

    fn scalar(&self, size: u64) -> TypeId {
        self.add(size, Shape::Scalar)
    }

    fn pointer(&self, target: TypeId) -> TypeId {
        self.add(8, Shape::Pointer { target: Some(target) })
    }

    fn structure(&self, size: u64, members: &[(&str, u64, TypeId)]) -> TypeId {
        let member = |(name, offset, type_id): &(&str, u64, TypeId)| Member {
            name: (*name).into(),
            offset: *offset,
            type_id: *type_id,
            declared: None,
        };
        let members = members.iter().map(member).collect();
        self.add(size, Shape::Struct { members, is_union: false })
    }

    /// An atomic in rustc's description: three wrappers around a number, without other members.
    fn atomic(&self, size: u64) -> TypeId {
        let nothing = self.structure(0, &[]);
        let value = self.structure(size, &[("value", 0, self.scalar(size))]);
        self.structure(size, &[("phantom", 0, nothing), ("v", 0, value)])
    }
}

/// A scheduler with two workers, in the layout of Tokio 1.54 with arbitrary offsets.
fn tokio() -> Table {
    let mut table = Table::default();
    let (word, half) = (table.atomic(8), table.atomic(4));
    let queue_data = table.structure(24, &[("buffer", 16, word), ("head", 0, word), ("tail", 8, half)]);
    let queue = table.structure(40, &[("data", 16, queue_data)]);
    let steal = table.structure(8, &[("__0", 0, table.pointer(queue))]);
    let remote = table.structure(16, &[("unpark", 8, word), ("steal", 0, steal)]);
    let remotes =
        table.structure(16, &[("data_ptr", 0, table.pointer(remote)), ("length", 8, table.scalar(8))]);
    let idle = table.structure(16, &[("state", 0, word), ("num_workers", 8, word)]);
    let padded = table.structure(128, &[("value", 0, idle)]);
    let metrics = table
        .structure(24, &[("num_threads", 0, word), ("num_idle_threads", 8, word), ("queue_depth", 16, word)]);
    let pool_data = table.structure(40, &[("scheduler_threads", 0, word), ("metrics", 8, metrics)]);
    let pool = table.structure(56, &[("data", 16, pool_data)]);
    let spawner = table.structure(8, &[("inner", 0, table.pointer(pool))]);
    let shared = table.structure(256, &[("remotes", 128, remotes), ("idle", 0, padded)]);
    let data = table.structure(300, &[("shared", 0, shared), ("blocking_spawner", 256, spawner)]);
    let arc = table.structure(316, &[("strong", 0, word), ("weak", 8, word), ("data", 16, data)]);
    table.names.insert(MULTI_THREAD, arc);
    table
}

const SHARED: u64 = 0x10_0000;
const REMOTES: u64 = 0x20_0000;
const QUEUES: u64 = 0x30_0000;
const POOL: u64 = 0x40_0000;

/// Words by address; all other addresses are unreadable.
struct Words(HashMap<u64, u64>);

impl Memory for Words {
    fn read(&mut self, ranges: &[MemoryRange]) -> Result<Vec<Option<Vec<u8>>>, Unavailable> {
        Ok(ranges.iter().map(|range| self.bytes(range)).collect())
    }
}

impl Words {
    /// Two workers: one has 3 tasks, the other 0; one searches; 5 threads, 2 of them workers, 1 idle; 7 wait.
    fn tokio() -> Words {
        let head = (7 << 32) | 9;
        Words(HashMap::from([
            (SHARED, 1),
            (SHARED + 8, 1),
            (SHARED + 16, (2 << 16) | 1),
            (SHARED + 16 + 128, REMOTES),
            (SHARED + 16 + 136, 2),
            (SHARED + 16 + 256, POOL),
            (REMOTES, QUEUES),
            (REMOTES + 16, QUEUES + 64),
            (QUEUES + 16, head),
            (QUEUES + 24, 12),
            (QUEUES + 64 + 16, 0xffff_ffff),
            (QUEUES + 64 + 24, 0xffff_ffff),
            (POOL + 16, 2),
            (POOL + 24, 5),
            (POOL + 32, 1),
            (POOL + 40, 7),
        ]))
    }

    fn bytes(&self, range: &MemoryRange) -> Option<Vec<u8>> {
        let length = range.length as usize;
        let words = (0..length.div_ceil(8) as u64).map(|word| self.0.get(&range.avma.wrapping_add(word * 8)));
        let words: Option<Vec<[u8; 8]>> = words.map(|word| Some(word?.to_le_bytes())).collect();
        let mut bytes = words?.concat();
        bytes.truncate(length);
        Some(bytes)
    }

    fn hidden(&mut self, table: &Table) -> Hidden {
        let runtime = SchedtraceRuntime {
            name: "main".into(),
            kind: RuntimeKind::MultiThread,
            handle_words: vec![1, SHARED],
        };
        let plan = Plan::make(table, self, &runtime);
        let read = self.read(&plan.ranges).unwrap();
        plan.decode(&read)
    }

    fn with(mut self, avma: u64, word: u64) -> Words {
        self.0.insert(avma, word);
        self
    }

    fn without(mut self, avma: u64) -> Words {
        self.0.remove(&avma);
        self
    }
}

fn numbers(hidden: &Hidden) -> [Option<u64>; 4] {
    let of = |known: &Known<u64>| known.value().copied();
    [
        of(&hidden.searching),
        of(&hidden.blocking_threads),
        of(&hidden.idle_blocking_threads),
        of(&hidden.blocking_queue),
    ]
}

#[test]
fn every_number_is_read_at_the_offset_of_its_type() {
    let hidden = Words::tokio().hidden(&tokio());
    assert_eq!(numbers(&hidden), [Some(1), Some(3), Some(1), Some(7)]);
    assert_eq!(hidden.local_queues.value(), Some(&vec![3, 0]));
    assert_eq!(hidden.source, Source::Memory);
}

#[test]
fn implausible_values_are_missing_and_the_others_stay() {
    let table = tokio();
    // More unparked workers than workers.
    let hidden = Words::tokio().with(SHARED + 16, 3 << 16).hidden(&table);
    assert_eq!(numbers(&hidden), [None, Some(3), Some(1), Some(7)]);
    // A queue longer than its capacity.
    let hidden = Words::tokio().with(QUEUES + 24, 4000).hidden(&table);
    assert_eq!((hidden.local_queues.value(), hidden.searching.value()), (None, Some(&1)));
    // Its owner moved the head between the two loads.
    let hidden = Words::tokio().with(QUEUES + 24, 8).hidden(&table);
    assert_eq!(hidden.local_queues.value(), Some(&vec![0, 0]));
    // Billions of workers, and none.
    for count in [u64::MAX, 0] {
        let hidden = Words::tokio().with(SHARED + 16 + 136, count).hidden(&table);
        assert_eq!(hidden.local_queues.value(), None);
    }
    let hidden = Words::tokio().without(POOL + 24).hidden(&table);
    assert_eq!(numbers(&hidden), [Some(1), None, Some(1), Some(7)]);
    // None of its words points at an Arc.
    let hidden = Words::tokio().with(SHARED, 0).hidden(&table);
    assert_eq!((numbers(&hidden), hidden.source), ([None; 4], Source::None));
}

#[test]
fn without_types_the_reason_and_the_fix_are_reported() {
    let hidden = Words::tokio().hidden(&Table::default());
    let Known::Unavailable(why) = hidden.searching else { panic!("known without types") };
    assert!(why.reason.contains("no debug information") && why.fix.contains("debug = 2"), "{why:?}");
}

#[test]
fn a_cycle_of_wrappers_ends() {
    let mut table = Table::default();
    let wrapper = table.structure(8, &[("value", 0, TypeId(0))]);
    table.names.insert(MULTI_THREAD, wrapper);
    assert_eq!(numbers(&Words::tokio().hidden(&table)), [None; 4]);
}

#[test]
fn arbitrary_words_give_plausible_queues() {
    let table = tokio();
    let places: Vec<u64> = Words::tokio().0.keys().copied().collect();
    let strange = [0, 1, 7, 255, 257, 0xffff, 1 << 16, SHARED, REMOTES + 1, 1 << 63, u64::MAX - 7, u64::MAX];
    for first in &places {
        for second in &places {
            for word in strange {
                let words = Words::tokio().with(*first, word).with(*second, word.wrapping_add(*first));
                let hidden = words.without(first ^ second).hidden(&table);
                let queues = hidden.local_queues.value().cloned().unwrap_or_default();
                assert!(queues.len() <= MAX_WORKERS);
                assert!(queues.iter().all(|length| *length <= QUEUE_CAPACITY));
            }
        }
    }
}

#[test]
fn short_reads_give_no_numbers() {
    let runtime = SchedtraceRuntime {
        name: "main".into(),
        kind: RuntimeKind::MultiThread,
        handle_words: vec![1, SHARED],
    };
    let plan = Plan::make(&tokio(), &mut Words::tokio(), &runtime);
    for count in 0..plan.ranges.len() + 2 {
        for length in [0, 1, 3, 7, 9, 20] {
            let hidden = plan.decode(&vec![Some(vec![0xff; length]); count]);
            assert_eq!(numbers(&hidden), [None; 4], "{count} of {length} bytes");
        }
    }
}

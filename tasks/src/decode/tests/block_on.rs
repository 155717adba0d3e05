//! Futures of `block_on` on a stack: one, none, two that say the same, two that do not, one behind a pointer.

use std::sync::Arc;

use rgops_dwarf::Budget;
use rgops_protocol::request::MemoryRange;

use super::*;
use crate::decode::BlockedThread;
use crate::types::{Declared, TaskTypes, Type, TypeError, TypeId};

const STACK: u64 = 0x7ffc_0000_1000;
const HEAP: u64 = 0x5600_0000_4000;

/// The types of the fixture, in which a `block_on` polls this future.
struct Blocking<'t> {
    types: &'t ProgramTypes<'t>,
    future: TypeId,
}

impl TypeSource for Blocking<'_> {
    fn task_types(&self, poll_avma: u64) -> Vec<TaskTypes> {
        self.types.task_types(poll_avma)
    }

    fn vtable_types(&self, vtable_avma: u64) -> Vec<TypeId> {
        self.types.vtable_types(vtable_avma)
    }

    fn named(&self, path: &str) -> Option<TypeId> {
        self.types.named(path)
    }

    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
        // The number of no type of the fixture: a box of the future.
        if id == TypeId(u64::MAX) {
            let shape = Shape::Pointer { target: Some(self.future) };
            let (name, namespace) = (Arc::from("alloc::boxed::Box<checkout>"), Arc::from(""));
            let boxed = Type { name, namespace, size: 8, alignment: None, shape, parameters: Vec::new() };
            return Ok(Arc::new(boxed));
        }
        self.types.get(id)
    }

    fn awaited_at(&self, coroutine: TypeId, awaitee: TypeId) -> Option<Declared> {
        self.types.awaited_at(coroutine, awaitee)
    }

    fn block_on_types(&self, _: u64, linkage_name: &str) -> Vec<TypeId> {
        match linkage_name {
            "boxed" => vec![TypeId(u64::MAX)],
            "direct" => vec![self.future],
            _ => Vec::new(),
        }
    }
}

/// A coroutine in a state, and in the first state with an await of the coroutine that it awaits.
fn suspended(types: &ProgramTypes<'_>, id: TypeId, state: &str) -> Vec<u8> {
    let found = types.get(id).unwrap();
    let Shape::Enum { discriminant: Some(discriminant), variants } = &found.shape else { panic!() };
    let name = |id| types.get(id).unwrap().name.clone();
    let variant = variants.iter().find(|variant| *name(variant.content.type_id) == *state).unwrap();
    let mut bytes = vec![0; found.size as usize];
    bytes[discriminant.offset as usize] = variant.discriminant.unwrap() as u8;
    let content = types.get(variant.content.type_id).unwrap();
    let Shape::Struct { members, .. } = &content.shape else { panic!() };
    if let Some(awaitee) = members.iter().find(|member| &*member.name == "__awaitee")
        && types.get(awaitee.type_id).unwrap().is_coroutine()
    {
        let inner = suspended(types, awaitee.type_id, "Suspend0");
        let reference = inner.len();
        let at = (variant.content.offset + awaitee.offset) as usize;
        for (place, byte) in bytes[at..at + reference].iter_mut().zip(inner) {
            *place |= byte;
        }
        point_somewhere(types, awaitee.type_id, &mut bytes[at..at + reference]);
    }
    bytes
}

/// The references in a suspended coroutine's state lead somewhere.
fn point_somewhere(types: &ProgramTypes<'_>, id: TypeId, bytes: &mut [u8]) {
    let found = types.get(id).unwrap();
    let Shape::Enum { variants, .. } = &found.shape else { return };
    for variant in variants {
        let content = types.get(variant.content.type_id).unwrap();
        let Shape::Struct { members, .. } = &content.shape else { continue };
        for member in members.iter().filter(|member| &*member.name == "self") {
            let at = (variant.content.offset + member.offset) as usize;
            bytes[at..at + 8].copy_from_slice(&HEAP.to_le_bytes());
        }
    }
}

/// What is found on a stack with these bytes at these places, and with a pointer to a future in memory.
fn found(
    function: &str,
    states: &[(usize, &str)],
    boxed: Option<&str>,
) -> Option<Result<Task, &'static str>> {
    let types = ProgramTypes::of_file(FIXTURE, &Budget::new(1 << 30));
    let future = types.task_types(polls(&types)[0])[0].future;
    let mut stack = vec![0; 4096];
    for (at, state) in states {
        let bytes = suspended(&types, future, state);
        stack[*at..at + bytes.len()].copy_from_slice(&bytes);
    }
    let mut heap = boxed.map(|state| suspended(&types, future, state)).unwrap_or_default();
    heap.resize(heap.len().max(4096), 0);
    if boxed.is_some() {
        stack[8..16].copy_from_slice(&HEAP.to_le_bytes());
    }
    let source = Blocking { types: &types, future };
    let mut decoder = Decoder::of_block_ons(&Budget::new(1 << 30), &source, Vec::new(), []);
    let functions = [(0x1000, Arc::from("unknown")), (0x2000, Arc::from(function))];
    let thread = BlockedThread { tid: 41, functions: &functions, stack: (STACK, &stack[..]), own: 0 };
    if let Err(why) = decoder.add_block_on(thread) {
        return Some(Err(why));
    }
    let piece = |bytes: &[u8], start: u64, range: &MemoryRange| {
        let at = usize::try_from(range.avma.checked_sub(start)?).ok()?;
        Some(bytes.get(at..at + range.length as usize)?.to_vec())
    };
    loop {
        let needs = decoder.needs();
        if needs.is_empty() {
            break;
        }
        let read = |range: &MemoryRange| piece(&stack, STACK, range).or_else(|| piece(&heap, HEAP, range));
        let answers: Vec<_> = needs.iter().map(read).collect();
        decoder.provide(answers);
    }
    decoder.finish_block_ons().remove(&41)
}

/// The name and line of what was found.
fn shown(found: Option<Result<Task, &'static str>>) -> (String, u32) {
    let task = found.unwrap().unwrap();
    let AsyncStack::Decoded(node) = &task.stack else { panic!("{task:?}") };
    let Some(Location::Await { line, .. }) = node.location else { panic!("{node:?}") };
    (node.name.short.to_string(), line)
}

#[test]
fn the_only_one_is_found_at_any_place() {
    let (name, first) = shown(found("direct", &[(64, "Suspend0")], None));
    assert_eq!(name, "tokio::shop::checkout");
    let (_, second) = shown(found("direct", &[(3008, "Suspend1")], None));
    assert!(first < second, "{first} {second}");
}

#[test]
fn one_that_is_not_suspended_is_not_one() {
    assert!(found("direct", &[], None).is_none());
    assert!(found("direct", &[(64, "Unresumed"), (1024, "Returned")], None).is_none());
    let moved_in = found("direct", &[(64, "Unresumed"), (1024, "Suspend0")], None);
    assert_eq!(shown(moved_in).0, "tokio::shop::checkout");
}

#[test]
fn two_are_shown_only_if_they_say_the_same() {
    let same = found("direct", &[(64, "Suspend0"), (1024, "Suspend0")], None);
    assert_eq!(shown(same).0, "tokio::shop::checkout");
    let differ = found("direct", &[(64, "Suspend0"), (1024, "Suspend1")], None);
    assert_eq!(differ.unwrap().unwrap_err(), "more than one place of its stack may be it");
}

#[test]
fn one_in_a_box_is_found_by_its_address_on_the_stack() {
    assert_eq!(shown(found("boxed", &[], Some("Suspend1"))).0, "tokio::shop::checkout");
    assert!(found("boxed", &[], Some("Returned")).is_none());
    assert!(found("direct", &[], Some("Suspend1")).is_none());
}

#[test]
fn a_function_without_types_says_so() {
    let unknown = found("another", &[(64, "Suspend0")], None);
    assert_eq!(unknown.unwrap().unwrap_err(), crate::decode::NOT_DESCRIBED);
}

//! Types from the debug information of a small crate, built in all relevant ways.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod build;
mod cached;
mod forms;
mod levels;

use std::sync::Arc;

use rgops_tasks::model::DebugLevel;
use rgops_tasks::types::{Member, ProgramTypes, Shape, Type, TypeId, TypeSource};

use crate::tasks::files::{TypeFiles, types_with_cache};

/// Line of the fixture that ends with `// AWAIT:name`.
fn await_line(name: &str) -> u32 {
    let mark = format!("// AWAIT:{name}");
    let line =
        include_str!("../../../../tasks/fixtures/types.rs").lines().position(|line| line.ends_with(&mark));
    line.unwrap_or_else(|| panic!("no {mark}")) as u32 + 1
}

/// The future with this name among those that the file's poll functions poll.
fn future(types: &ProgramTypes<'_>, polls: &[u64], name: &str) -> Arc<Type> {
    let tasks = polls.iter().flat_map(|poll| types.task_types(*poll));
    let mut futures = tasks.map(|task| types.get(task.future).unwrap());
    let found = futures.find(|future| format!("{}::{}", future.namespace, future.name) == name);
    found.unwrap_or_else(|| panic!("no {name}: {:?}", types.information()))
}

/// A coroutine's states as `number name @line`.
fn states(coroutine: &Type, types: &dyn TypeSource) -> Vec<String> {
    let Shape::Enum { discriminant: Some(_), variants } = &coroutine.shape else { panic!("{coroutine:?}") };
    let shown = variants.iter().map(|variant| {
        let content = types.get(variant.content.type_id).unwrap();
        let declared = variant.content.declared.as_ref().unwrap();
        assert!(declared.file.ends_with("tasks/fixtures/types.rs"), "{declared:?}");
        format!("{} {} @{}", variant.discriminant.unwrap(), content.name, declared.line)
    });
    shown.collect()
}

/// The awaited type in a state of a coroutine.
fn awaitee(coroutine: &Type, state: &str, types: &dyn TypeSource) -> Arc<Type> {
    types.get(awaitee_id(coroutine, state, types)).unwrap()
}

fn awaitee_id(coroutine: &Type, state: &str, types: &dyn TypeSource) -> TypeId {
    let Shape::Enum { variants, .. } = &coroutine.shape else { panic!("{coroutine:?}") };
    let mut contents = variants.iter().map(|variant| types.get(variant.content.type_id).unwrap());
    let content = contents.find(|content| &*content.name == state).unwrap();
    member(&content, "__awaitee").type_id
}

fn member<'a>(of: &'a Type, name: &str) -> &'a Member {
    let Shape::Struct { members, .. } = &of.shape else { panic!("{of:?}") };
    members.iter().find(|member| &*member.name == name).unwrap_or_else(|| panic!("{name} of {of:?}"))
}

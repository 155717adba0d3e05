//! Names of tasks without their stacks, for other answers: the same names that decoded tasks have.

use std::sync::Arc;

use rgops_dwarf::Budget;

use crate::decode::content::Content;
use crate::types::TypeSource;

/// Memory for the names of one answer. Real ones have some hundred bytes.
const NAMES_BYTES: u64 = 16 << 20;

/// Names of tasks, each read once.
#[derive(Debug)]
pub(crate) struct TaskNames(Content);

impl TaskNames {
    pub(crate) fn new() -> TaskNames {
        TaskNames(Content::new(&Budget::new(NAMES_BYTES)))
    }

    /// The name of the tasks with this poll function; `None` if it is unknown.
    pub(crate) fn of_poll(&mut self, types: &dyn TypeSource, poll_avma: u64) -> Option<Arc<str>> {
        self.0.begin_walk();
        self.0.name_of_task(types, poll_avma).map(|name| name.short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Shape, TaskTypes, Type, TypeError, TypeId};

    /// Futures by the address of their poll function.
    struct Futures;

    impl TypeSource for Futures {
        fn task_types(&self, poll_avma: u64) -> Vec<TaskTypes> {
            let of = |id| TaskTypes { future: TypeId(id), scheduler: TypeId(9) };
            match poll_avma {
                0x10 => vec![of(0)],
                0x20 => vec![of(1)],
                // Merged by the linker.
                0x30 => vec![of(0), of(1)],
                _ => Vec::new(),
            }
        }

        fn vtable_types(&self, _: u64) -> Vec<TypeId> {
            Vec::new()
        }

        fn named(&self, _: &str) -> Option<TypeId> {
            None
        }

        fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError> {
            let (namespace, name) = match id.0 {
                0 => ("shop::{impl#0}::reserve", "{async_fn_env#0}<shop::Apple>"),
                _ => ("shop::main::{closure#1}", "{async_block_env#2}<shop::Apple>"),
            };
            Ok(Arc::new(Type {
                name: name.into(),
                namespace: namespace.into(),
                size: 8,
                alignment: None,
                shape: Shape::Scalar,
                parameters: Vec::new(),
            }))
        }

        fn owner(&self, id: TypeId) -> Option<Arc<str>> {
            (id.0 == 0).then(|| "Shop".into())
        }

        fn future_name(&self, poll_avma: u64) -> Option<Arc<str>> {
            (poll_avma == 0x40).then(|| "shop::waits::{async_fn_env#0}<shop::Apple>".into())
        }
    }

    #[test]
    fn a_name_has_the_type_of_its_method_and_no_type_parameters() {
        let mut names = TaskNames::new();
        let mut name = |poll| names.of_poll(&Futures, poll);
        assert_eq!(name(0x10).as_deref(), Some("shop::Shop::reserve"));
        assert_eq!(name(0x20).as_deref(), Some("shop::main::{closure#1}::{async block#2}"));
        assert_eq!(name(0x30), None, "either of two");
        assert_eq!(name(0x40).as_deref(), Some("shop::waits"));
    }
}

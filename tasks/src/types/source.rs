//! Where types come from.

use std::sync::Arc;

use crate::types::shape::{Declared, Type, TypeError, TypeId};

/// Where types come from: a program's debug information, or a test's table.
///
/// Addresses are those of the running process, as its memory and the agent give them.
pub trait TypeSource {
    /// The future `T` and scheduler `S` of the task poll function `poll::<T, S>` at an address.
    /// More than one where the linker merged identical functions; none when it is not known.
    fn task_types(&self, poll_avma: u64) -> Vec<TaskTypes>;

    /// The concrete types whose vtable is at an address.
    fn vtable_types(&self, vtable_avma: u64) -> Vec<TypeId>;

    /// The type of a path without a crate's disambiguators, as debug information spells it:
    /// `tokio::runtime::scheduler::multi_thread::handle::Handle`. Only Tokio's own types, and
    /// `alloc::sync::ArcInner<…>` of them, are found by name.
    fn named(&self, path: &str) -> Option<TypeId>;

    /// A type. Cheap when it was had before.
    ///
    /// # Errors
    /// Why it cannot be read: the debug information is damaged, or does not describe it.
    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError>;

    /// The type whose method a type is in, where its namespace has an `{impl#N}`: `Mutex` for
    /// `tokio::sync::mutex::{impl#10}::lock::{async_fn_env#0}<u64>`, `<F as Handler>` where a trait
    /// is implemented for a type parameter.
    fn owner(&self, id: TypeId) -> Option<Arc<str>> {
        let _ = id;
        None
    }

    /// Where a coroutine awaits a value of type `awaitee`. A coroutine's state has the line of its `await`
    /// as it is in the source, for a macro's `await` a line of the macro; this is where the macro is used.
    /// `None` when there are several places, or none is known.
    fn awaited_at(&self, coroutine: TypeId, awaitee: TypeId) -> Option<Declared> {
        let _ = (coroutine, awaitee);
        None
    }

    /// The future's name as the poll function's own name tells it, where its type is not described:
    /// `shop::checkout::reserve::{async_fn_env#0}` with `debug = 1`, `…::{closure#0}` from a symbol
    /// in the v0 mangling. `None` with neither.
    fn future_name(&self, poll_avma: u64) -> Option<Arc<str>> {
        let _ = poll_avma;
        None
    }
}

/// The types in a task's cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskTypes {
    /// The future.
    pub future: TypeId,
    /// The scheduler's handle.
    pub scheduler: TypeId,
}

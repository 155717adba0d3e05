//! The source of types.

use std::sync::Arc;

use crate::types::shape::{Declared, Type, TypeError, TypeId};

/// The source of types: a program's debug information, or a test's table.
///
/// Addresses are those of the running process, as in its memory and in the agent's answers.
pub trait TypeSource {
    /// The future `T` and scheduler `S` of the task poll function `poll::<T, S>` at an address. There are
    /// several if the linker merged identical functions; empty when unknown.
    fn task_types(&self, poll_avma: u64) -> Vec<TaskTypes>;

    /// The concrete types with their vtable at an address.
    fn vtable_types(&self, vtable_avma: u64) -> Vec<TypeId>;

    /// The type with a path, without a crate's disambiguators, in the spelling of debug information:
    /// `tokio::runtime::scheduler::multi_thread::handle::Handle`. Only Tokio's own types, and
    /// `alloc::sync::ArcInner<…>` of them, are found by name.
    fn named(&self, path: &str) -> Option<TypeId>;

    /// A type. Cheap for a type that was read before.
    ///
    /// # Errors
    /// Why it cannot be read: the debug information is damaged, or does not describe it.
    fn get(&self, id: TypeId) -> Result<Arc<Type>, TypeError>;

    /// The type whose method contains a type, if its namespace has an `{impl#N}`: `Mutex` for
    /// `tokio::sync::mutex::{impl#10}::lock::{async_fn_env#0}<u64>`, `<F as Handler>` where a trait is
    /// implemented for a type parameter.
    fn owner(&self, id: TypeId) -> Option<Arc<str>> {
        let _ = id;
        None
    }

    /// The position where a coroutine awaits a value of type `awaitee`. A coroutine's state has the source
    /// line of its `await`, which for an `await` in a macro is a line of the macro; this is the line that
    /// uses the macro. `None` when there are several positions, or none is known.
    fn awaited_at(&self, coroutine: TypeId, awaitee: TypeId) -> Option<Declared> {
        let _ = (coroutine, awaitee);
        None
    }

    /// Whether an address is in a loaded object, where functions and vtables are. `true` when unknown.
    fn is_loaded(&self, avma: u64) -> bool {
        let _ = avma;
        true
    }

    /// The futures `F` of the function `block_on::<F>` of Tokio that contains an address and has this linker's name:
    /// the same one, as far as several units describe it. Empty when unknown.
    fn block_on_types(&self, avma: u64, linkage_name: &str) -> Vec<TypeId> {
        let _ = (avma, linkage_name);
        Vec::new()
    }

    /// The future's name, from the name of the poll function, if the type is not described:
    /// `shop::checkout::reserve::{async_fn_env#0}` with `debug = 1`, `…::{closure#0}` from a symbol in the v0
    /// mangling. `None` without either.
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

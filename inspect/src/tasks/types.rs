//! Types as debug information states them: sizes, members, variants, and where each was declared.
//!
//! A program's types come from the debug information of its modules: [`ProgramTypes`].

mod cache;
mod discriminants;
mod dwarf;
mod entry;
mod futures;
mod index;
mod level;
mod lines;
mod module;
mod owner;
mod program;
mod scan;
pub(crate) mod text;

use std::sync::Arc;

pub use index::ScanProgress;
pub use program::{ProgramTypes, TypeFiles};

use crate::budget::Exhausted;

/// A type of one [`TypeSource`], which alone knows what the number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u64);

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

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its own name: `Sleep`, `Mutex<u64>`, `{async_fn_env#0}<u64>`.
    pub name: Arc<str>,
    /// What it is declared in: `tokio::time::sleep`; empty at the top.
    pub namespace: Arc<str>,
    /// Size in bytes.
    pub size: u64,
    /// Alignment in bytes, where debug information states it.
    pub alignment: Option<u64>,
    /// What it is made of.
    pub shape: Shape,
    /// Its type parameters, by name: `T`, `S`.
    pub parameters: Vec<(Arc<str>, TypeId)>,
}

/// What a type is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A struct, tuple or union: all members at once.
    Struct {
        /// Its members.
        members: Vec<Member>,
        /// Whether it is a union, whose members lie over each other.
        is_union: bool,
    },
    /// An enum or a coroutine: one of the variants.
    Enum {
        /// Where the discriminant is; `None` when there is only one variant.
        discriminant: Option<Discriminant>,
        /// The variants.
        variants: Vec<Variant>,
    },
    /// A thin pointer or reference.
    Pointer {
        /// To what; `None` for unknown.
        target: Option<TypeId>,
    },
    /// An array.
    Array {
        /// Of what.
        element: TypeId,
        /// How many.
        length: u64,
    },
    /// A number, a function pointer, and what else holds no future.
    Scalar,
}

/// Where an enum keeps its discriminant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discriminant {
    /// From the beginning of the enum, in bytes.
    pub offset: u64,
    /// Its size in bytes, at most 16.
    pub size: u64,
}

/// A variant of an enum, or a state of a coroutine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Discriminants that mean this variant; `None` for every other value (a niche).
    pub discriminant: Option<u128>,
    /// Its name and content. For a state of a coroutine, declared at the line of its `await`.
    pub content: Member,
}

/// A member of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name; `__0`, `__1` in tuples, `__awaitee` for what a coroutine awaits.
    pub name: Arc<str>,
    /// From the beginning of the type, in bytes.
    pub offset: u64,
    /// Its type.
    pub type_id: TypeId,
    /// Where it was declared.
    pub declared: Option<Declared>,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Source file, as the compiler saw its path.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

/// Why a type cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// The debug information contradicts itself or is cut short.
    #[error("the debug information is damaged at {offset:#x}: {why}")]
    Damaged {
        /// Offset in `.debug_info`.
        offset: u64,
        /// The reader's reason.
        why: String,
    },
    /// It is only declared, or is in a part that was not found (`.dwo`).
    #[error("the debug information does not describe {name}")]
    NotDescribed {
        /// The type's name, if that is known.
        name: String,
    },
    /// The command has no memory, or time, left to read it.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

impl Type {
    /// Whether it is the state of an async function, block or closure.
    pub fn is_coroutine(&self) -> bool {
        self.name.starts_with("{async_")
            || self.name.starts_with("{coroutine_")
            || self.name.starts_with("{gen_")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;

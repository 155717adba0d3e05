//! The description of a type: sizes, members, variants, and declarations.

use std::sync::Arc;

use rgops_dwarf::Exhausted;

/// A type of one [`TypeSource`](super::TypeSource); the number is meaningful only to that source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u64);

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its own name: `Sleep`, `Mutex<u64>`, `{async_fn_env#0}<u64>`.
    pub name: Arc<str>,
    /// The namespace of its declaration: `tokio::time::sleep`; empty at the top.
    pub namespace: Arc<str>,
    /// Size in bytes.
    pub size: u64,
    /// Alignment in bytes, where debug information states it.
    pub alignment: Option<u64>,
    /// Its structure.
    pub shape: Shape,
    /// Its type parameters, by name: `T`, `S`.
    pub parameters: Vec<(Arc<str>, TypeId)>,
}

/// The structure of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A struct, tuple or union: all members at once.
    Struct {
        /// Its members.
        members: Vec<Member>,
        /// Whether it is a union, whose members overlap.
        is_union: bool,
    },
    /// An enum or a coroutine: one of the variants.
    Enum {
        /// The position of the discriminant; `None` when there is only one variant.
        discriminant: Option<Discriminant>,
        /// The variants.
        variants: Vec<Variant>,
    },
    /// A thin pointer or reference.
    Pointer {
        /// The target type; `None` if unknown.
        target: Option<TypeId>,
    },
    /// An array.
    Array {
        /// The type of the elements.
        element: TypeId,
        /// The number of elements.
        length: u64,
    },
    /// A number, a function pointer, or another type that contains no future.
    Scalar,
}

/// The position of an enum's discriminant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discriminant {
    /// Offset from the start of the enum, in bytes.
    pub offset: u64,
    /// Its size in bytes, at most 16.
    pub size: u64,
}

/// A variant of an enum, or a state of a coroutine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The discriminant of this variant; `None` for all other values (a niche).
    pub discriminant: Option<u128>,
    /// Its name and content. For a state of a coroutine, the declaration is the line of its `await`.
    pub content: Member,
}

/// A member of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name; `__0`, `__1` in tuples, `__awaitee` for the value that a coroutine awaits.
    pub name: Arc<str>,
    /// Offset from the start of the type, in bytes.
    pub offset: u64,
    /// Its type.
    pub type_id: TypeId,
    /// Its declaration.
    pub declared: Option<Declared>,
}

/// A position in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Source file, as the compiler saw its path.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

/// Why a type is not available.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// The debug information contradicts itself or is truncated.
    #[error("the debug information is damaged at {offset:#x}: {why}")]
    Damaged {
        /// Offset in `.debug_info`.
        offset: u64,
        /// The reader's reason.
        why: String,
    },
    /// It is only declared, or in a file that was not found (`.dwo`).
    #[error("the debug information does not describe {name}")]
    NotDescribed {
        /// The type's name, if known.
        name: String,
    },
    /// A limit of the command, memory or time, was reached.
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

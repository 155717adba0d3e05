//! Types as described by debug information: sizes, members, variants, and declarations.
//!
//! The types of a program come from the debug information of its modules: [`ProgramTypes`].

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
mod scanning;
mod shape;
mod source;
mod stored;
pub(crate) mod text;

pub use program::{ModuleFile, ProgramModule, ProgramTypes};
pub use scanning::ScanProgress;
pub use shape::{Declared, Discriminant, Member, Shape, Type, TypeError, TypeId, Variant};
pub use source::{TaskTypes, TypeSource};
pub use stored::{IndexKey, IndexStore};

#[cfg(test)]
mod tests;

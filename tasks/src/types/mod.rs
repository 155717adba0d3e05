//! Types as debug information states them: sizes, members, variants, and where each was declared.
//!
//! A program's types come from the debug information of its modules: [`ProgramTypes`].

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

pub use module::MOST_MODULES;
pub use program::{ModuleFile, ProgramModule, ProgramTypes};
pub use scanning::ScanProgress;
pub use shape::{Declared, Discriminant, Member, Shape, Type, TypeError, TypeId, Variant};
pub use source::{TaskTypes, TypeSource};
pub use stored::{IndexKey, IndexStore};

#[cfg(test)]
mod tests;

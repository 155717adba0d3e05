//! Source lines and instructions with their values, as data.
//!
//! [`Listing`] has the lines of functions (`list`), [`Assembly`] their instructions (`disasm`), and
//! [`AnnotatedSource`] both, with inlined calls folded into the lines that make them (`weblist`, the page Source).

mod address;
mod annotate;
mod assembly;
mod callees;
mod code;
mod lines;
mod list;
mod listing;
mod object;
mod sampled;

pub use annotate::annotate;
pub use assembly::assembly;
pub use list::list;
pub use listing::{
    AnnotatedFile, AnnotatedFunction, AnnotatedInstruction, AnnotatedLine, AnnotatedSource, Assembly,
    AssemblyFunction, AssemblyInstruction, InlinedCall, ListedFile, ListedFunction, ListedLine, Listing,
};

#[cfg(test)]
mod tests;

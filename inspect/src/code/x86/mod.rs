//! Instructions of x86-64 as text, equal to what `objdump -d` of binutils 2.40 prints. (From 2.41 on, a shift by one has
//! the operand `$1`.)
//!
//! iced-x86 decodes and formats; what objdump does otherwise is here: prefixes by name, and names and
//! operands of some instructions.

mod disassemble;
mod mnemonic;
mod operands;
mod prefixes;
mod syntax;

pub use disassemble::{Names, disassemble};
pub use syntax::Syntax;

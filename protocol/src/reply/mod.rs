//! Requests and replies, one module per command, and the parts that all replies share.
//!
//! Replies contain the agent's raw data: addresses, counters, bytes. The inspector computes names, lines and
//! shares from them. The modules are those of the table ([`mod@crate::commands`]).

mod captured;
mod end;
mod known;

macro_rules! modules {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(pub mod $module;)*
    };
}

crate::commands!(modules, all);

pub use captured::{MAX_FRAMES, Module, Stack, StackEnd};
pub use end::{End, MAX_NOTES, Note, NoteKind, Progress};
pub use known::{Known, Unavailable};

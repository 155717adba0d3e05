//! Answers as text and as JSON, one module per question. The modules of agent commands come from the table of commands
//! ([`rgops_protocol::commands!`]).

mod document;
pub mod info;
pub mod known;
pub mod leaks;
pub mod list;
#[cfg(test)]
mod schemas;
pub mod screen;
mod top;
pub mod tree;

pub use document::Document;

macro_rules! modules {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(pub mod $module;)*
    };
}

rgops_protocol::commands!(modules, people);

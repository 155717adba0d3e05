//! Answers as people and programs read them: one module a question, text and the JSON contract. Those of
//! commands an agent answers are the table's ([`rgops_protocol::commands`]).

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

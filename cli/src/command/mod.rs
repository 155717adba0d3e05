//! The commands, one file each: arguments, then `run`. The commands that an agent answers come from the table
//! ([`rgops_protocol::commands!`]).

pub mod completions;
pub mod config;
pub mod diagnose;
mod gathering;
pub mod info;
pub mod leaks;
pub mod list;
pub mod man;
mod output;
pub mod pprof;
mod print;
mod profiled;
pub mod serve;
pub mod symbolize;
pub mod top;
pub mod tree;

macro_rules! modules {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(pub mod $module;)*
    };
}

rgops_protocol::commands!(modules, people);

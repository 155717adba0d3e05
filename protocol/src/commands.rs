//! The table of commands: the one place where all of them are listed.
//!
//! Everything that exists once per command is generated from this table: [`crate::request::Command`] and
//! [`crate::request::Request`], the modules of [`crate::reply`], the agent's collectors, the modules of a session, the
//! subcommands of `rgops`, the tests of the format and the fuzz targets. `docs/CONTRIBUTING.md` lists what a
//! new command needs.
//!
//! A macro gets the rows as tokens:
//!
//! ```
//! macro_rules! names {
//!     ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
//!         $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
//!         [$($name),*]
//!     };
//! }
//! let people_type = rgops_protocol::commands!(names, people);
//! assert!(people_type.contains(&"stack") && !people_type.contains(&"read"));
//! ```

/// Calls the macro `$then` with the rows of the table: of `all` commands, or of those that `people` type.
///
/// | column | meaning |
/// | --- | --- |
/// | number | on the wire, permanent |
/// | variant, module | the name in Rust, of types and of modules |
/// | name | what people type |
/// | versions | the oldest and the newest this crate speaks; a change of the layout is a new one |
/// | load | `Exclusive`: only one of these runs at a time in a program; `Light`: runs alongside any other |
/// | changes | whether it changes something in the program: `never`, `always`, or `(if f)`, a method of the request |
/// | memory | whether it sends bytes of the program's memory: `Never`, `Partly` (the rest is answered if that is not allowed), `Only` |
/// | request, part | its arguments, and the type of each `Data` packet in its answer; both in `reply/MODULE.rs` |
#[macro_export]
macro_rules! commands {
    ($then:ident, $which:ident) => {
        $crate::select_commands! { $then $which
            people {
            //  number  variant  module  name  versions  load  changes  memory  request  part
                1 Stack stack "stack" 1..=1 Exclusive never Never StackRequest StackPart;
                2 Memstats memstats "memstats" 1..=1 Light never Never MemstatsRequest MemstatsReply;
                3 Stats stats "stats" 1..=1 Light never Never StatsRequest StatsReply;
                4 Version version "version" 1..=1 Light never Never VersionRequest VersionReply;
                5 PprofCpu pprof_cpu "pprof-cpu" 1..=1 Exclusive never Never PprofCpuRequest PprofCpuPart;
                6 Trace trace "trace" 1..=1 Exclusive never Never TraceRequest TracePart;
                7 Tasks tasks "tasks" 1..=1 Exclusive never Partly TasksRequest TasksPart;
                9 Schedtrace schedtrace "schedtrace" 1..=1 Light never Partly SchedtraceRequest SchedtracePart;
                10 PprofHeap pprof_heap "pprof-heap" 1..=1 Light never Never PprofHeapRequest PprofHeapPart;
                11 Gc gc "gc" 1..=1 Light always Never GcRequest GcReply;
                12 HeapRate heap_rate "heap-rate" 1..=1 Light (if sets) Never HeapRateRequest HeapRateReply;
            }
            // Sent by rgops itself, in order to answer another command.
            inspector {
                8 Read read "read" 1..=1 Light never Only ReadRequest ReadPart;
                13 Words words "words" 1..=1 Light never Only WordsRequest WordsPart;
            }
        }
    };
}

/// Passes the rows of one or both groups of [`commands!`] to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! select_commands {
    ($then:ident all people { $($people:tt)* } inspector { $($inspector:tt)* }) => {
        $then! { $($people)* $($inspector)* }
    };
    ($then:ident people people { $($people:tt)* } inspector { $($inspector:tt)* }) => {
        $then! { $($people)* }
    };
}

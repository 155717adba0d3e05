//! Collectors: one module for each command of the table. Each is an `async fn` on the agent's own runtime that
//! sends parts into a [`Sink`]. It is cancelled by being dropped, so it must restore in `Drop` everything it
//! changes in the process (signal handlers, timers).
//!
//! A module that some systems cannot have begins with `#![cfg(…)]` and has a stand-in in `elsewhere`.

mod context;
mod dispatch;
#[cfg(not(native_engine))]
mod elsewhere;
mod finish;
#[cfg(native_engine)]
mod frame_pointers;
mod sink;
#[cfg(all(test, native_engine))]
mod tests;
#[cfg(native_engine)]
mod walks;

macro_rules! modules {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(pub(crate) mod $module;)*
    };
}

rgops_protocol::commands!(modules, all);

pub(crate) use context::Context;
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_imports, reason = "there is no server on other systems")
)]
pub(crate) use dispatch::answer;
#[cfg(all(not(native_engine), not(pprof_engine)))]
use elsewhere::pprof_cpu;
#[cfg(not(target_os = "linux"))]
use elsewhere::{gc, memstats, schedtrace, stats, version};
#[cfg(not(native_engine))]
use elsewhere::{heap_rate, pprof_heap, read, stack, tasks, trace, words};
pub(crate) use finish::Finish;
pub(crate) use sink::{Sink, Stop};
#[cfg(native_engine)]
use walks::{callers_hidden, unknown_stacks};

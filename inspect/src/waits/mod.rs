//! The profiles of `net/http/pprof` that are made of stacks and tasks: what threads and tasks wait for, by looks at
//! random moments, and the tables of such profiles. It asks nobody: `session` does.

mod cause;
mod draft;
mod path;
mod switches;
mod task_waits;
mod text;
mod thread_waits;

pub(crate) use cause::Cause;
pub(crate) use draft::{Draft, Kind};
pub(crate) use path::path;
pub(crate) use switches::Switches;
pub(crate) use task_waits::{TaskHolder, TaskWaits};
pub(crate) use text::Goroutines;
pub(crate) use thread_waits::{ThreadWait, ThreadWaits};

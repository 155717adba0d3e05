//! Tasks that no list has, because nobody told the agent about their runtime or `LocalSet`, and the agent did not find it:
//! the stacks of the threads show that there is one. The answer is then incomplete, and its number of tasks is not all of them.

use std::collections::HashSet;
use std::fmt::Write as _;

use rgops_protocol::reply::tasks::RuntimeKind;

use super::report::TasksReport;
use crate::report::screen::Screen;
use crate::report::stack::Thread;
use crate::text::escape;

/// Libraries that run each of their threads in a `LocalSet` of their own, which nobody else can name.
const WITH_LOCAL_SETS: [&str; 4] = ["actix_rt::", "actix_server::", "ntex_rt::", "tokio_uring::"];

/// Functions of Tokio that drive a `LocalSet`.
const LOCAL_SET: [&str; 2] = ["tokio::task::local::LocalSet", "tokio::task::local::RunUntil"];

/// Functions of Tokio that drive a runtime.
const RUNTIME: [&str; 3] = [
    "tokio::runtime::runtime::Runtime::block_on",
    "::context::runtime::enter_runtime",
    "::multi_thread::worker::run",
];

/// Maximum threads named.
const SHOWN: usize = 3;

/// What drives tasks that are in no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    LocalSet,
    Runtime,
}

impl TasksReport {
    /// The threads that drive tasks which are in no list.
    fn unlisted(&self) -> Vec<(&Thread, Driver)> {
        let watched = |wanted: fn(RuntimeKind) -> bool| {
            let watched = self.tasks.runtimes.iter().filter(|runtime| runtime.found_on.is_none());
            watched.filter(|runtime| wanted(runtime.kind)).count()
        };
        let local_sets = watched(|kind| kind == RuntimeKind::LocalSet);
        let has_runtime = watched(|kind| kind != RuntimeKind::LocalSet) > 0;
        // The sets that the agent found on stacks, each on that of its thread.
        let found: HashSet<u32> = self.tasks.runtimes.iter().filter_map(|runtime| runtime.found_on).collect();
        let is_found = |thread: &Thread, driver| driver == Driver::LocalSet && found.contains(&thread.tid);
        let threads: Vec<_> = (self.threads.iter())
            .filter_map(|thread| Some((thread, driver(thread)?)))
            .filter(|(thread, driver)| !is_found(thread, *driver))
            .collect();
        let driving = threads.iter().filter(|(_, driver)| *driver == Driver::LocalSet).count();
        let is_missing = |driver: Driver| match driver {
            // Which thread drives which watched set is unknown.
            Driver::LocalSet => driving > local_sets,
            Driver::Runtime => !has_runtime,
        };
        threads.into_iter().filter(|(_, driver)| is_missing(*driver)).collect()
    }

    /// Whether tasks are missing.
    pub(super) fn lacks_tasks(&self) -> bool {
        !self.unlisted().is_empty()
    }

    /// Says which.
    pub(super) fn missing_tasks(&self, text: &mut Screen) {
        let unlisted = self.unlisted();
        for (driver, what) in [(Driver::LocalSet, "a LocalSet"), (Driver::Runtime, "a Tokio runtime")] {
            let of: Vec<&Thread> =
                unlisted.iter().filter(|(_, own)| *own == driver).map(|(thread, _)| *thread).collect();
            if of.is_empty() {
                continue;
            }
            let named =
                of.iter().take(SHOWN).map(|thread| format!("{} {}", thread.tid, escape(&thread.name)));
            let more = if of.len() > SHOWN { " …" } else { "" };
            let (noun, verb) = if of.len() == 1 { ("thread", "drives") } else { ("threads", "drive") };
            let named = named.collect::<Vec<_>>().join(", ");
            let _ = writeln!(
                text,
                "incomplete: {noun} {named}{more} {verb} {what} that is not watched; its tasks are missing"
            );
            let fix = match driver {
                Driver::LocalSet if of.iter().any(|thread| is_private(thread)) => {
                    "none: the library that made it does not give it out; rgops stack shows the thread"
                }
                Driver::LocalSet => "pass it to Agent::watch_local_set",
                // The header says it.
                Driver::Runtime => continue,
            };
            let _ = writeln!(text, "  fix: {fix}");
        }
    }
}

fn driver(thread: &Thread) -> Option<Driver> {
    let has = |parts: &[&str]| names(thread).any(|name| parts.iter().any(|part| name.contains(part)));
    match thread {
        _ if has(&LOCAL_SET) || is_private(thread) => Some(Driver::LocalSet),
        _ if has(&RUNTIME) => Some(Driver::Runtime),
        _ => None,
    }
}

/// Whether a library made the `LocalSet` for itself.
fn is_private(thread: &Thread) -> bool {
    names(thread).any(|name| {
        let name = name.trim_start_matches('<');
        WITH_LOCAL_SETS.iter().any(|library| name.starts_with(library))
    })
}

fn names(thread: &Thread) -> impl Iterator<Item = &str> {
    thread.frames.iter().filter_map(|frame| frame.function.as_deref())
}

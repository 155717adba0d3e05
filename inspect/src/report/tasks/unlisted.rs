//! Tasks that no list has, because nobody told the agent about their runtime or `LocalSet`, and the agent did not find it:
//! the stacks of the threads show that there is one. The answer is then incomplete, and its number of tasks is not all of them.

use std::collections::HashSet;
use std::fmt::Write as _;

use rgops_protocol::reply::tasks::RuntimeKind;

use super::report::TasksReport;
use crate::report::screen::Screen;
use crate::report::stack::{Role, Thread};
use crate::text::escape;

/// Libraries that run each of their threads in a `LocalSet` of their own, which nobody else can name.
const WITH_LOCAL_SETS: [&str; 3] = ["actix_rt::", "ntex_rt::", "tokio_uring::"];

/// The same, but not for all of their threads: the one that accepts connections has none.
const WITH_SOME_LOCAL_SETS: [&str; 1] = ["actix_server::"];

/// Functions of Tokio that drive a `LocalSet`.
const LOCAL_SET: [&str; 2] = ["tokio::task::local::LocalSet", "tokio::task::local::RunUntil"];

/// Functions of Tokio that drive a runtime.
const RUNTIME: [&str; 3] = [
    "tokio::runtime::runtime::Runtime::block_on",
    "::context::runtime::enter_runtime",
    "::multi_thread::worker::run",
];

/// The scheduler of current-thread runtimes.
const CURRENT_THREAD: [&str; 1] = ["runtime::scheduler::current_thread::"];

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

    /// The threads with a `LocalSet` that was found, if there are more current-thread runtimes than watched ones: their
    /// threads drive one each. Which of them is watched is unknown.
    fn unlisted_runtimes(&self) -> Vec<&Thread> {
        let runtimes = || self.tasks.runtimes.iter();
        let watched = runtimes().filter(|runtime| runtime.kind == RuntimeKind::CurrentThread).count();
        let driving: Vec<&Thread> = self.threads.iter().filter(|thread| drives_current(thread)).collect();
        if driving.len() <= watched {
            return Vec::new();
        }
        let has_set = |thread: &&Thread| runtimes().any(|runtime| runtime.found_on == Some(thread.tid));
        driving.into_iter().filter(has_set).collect()
    }

    /// Whether tasks are missing.
    pub(super) fn lacks_tasks(&self) -> bool {
        !self.unlisted().is_empty() || !self.unlisted_runtimes().is_empty()
    }

    /// Says which.
    pub(super) fn missing_tasks(&self, text: &mut Screen) {
        self.missing_of_runtimes(text);
        let unlisted = self.unlisted();
        for (driver, what) in [(Driver::LocalSet, "a LocalSet"), (Driver::Runtime, "a Tokio runtime")] {
            let of: Vec<&Thread> =
                unlisted.iter().filter(|(_, own)| *own == driver).map(|(thread, _)| *thread).collect();
            if of.is_empty() {
                continue;
            }
            let (noun, verb) = if of.len() == 1 { ("thread", "drives") } else { ("threads", "drive") };
            let named = named(&of);
            let _ = writeln!(
                text,
                "incomplete: {noun} {named} {verb} {what} that is not watched; its tasks are missing"
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

    fn missing_of_runtimes(&self, text: &mut Screen) {
        let of = self.unlisted_runtimes();
        if of.is_empty() {
            return;
        }
        let (noun, verb) = if of.len() == 1 { ("thread", "drives") } else { ("threads", "drive") };
        let _ = writeln!(
            text,
            "incomplete: {noun} {} {verb} LocalSets on runtimes that are not all watched; their tokio::spawn tasks may be missing",
            named(&of)
        );
        text.push_str("  fix: on each such thread, pass tokio::runtime::Handle::current() to Agent::watch\n");
    }
}

/// `4713 arbiter:0, 4714 arbiter:1`.
fn named(threads: &[&Thread]) -> String {
    let name = |thread: &&Thread| format!("{} {}", thread.tid, escape(&thread.name));
    let names: Vec<String> = threads.iter().take(SHOWN).map(name).collect();
    let more = if threads.len() > SHOWN { " …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn driver(thread: &Thread) -> Option<Driver> {
    match thread {
        _ if has(thread, &LOCAL_SET) || is_of(thread, &WITH_LOCAL_SETS) => Some(Driver::LocalSet),
        _ if has(thread, &RUNTIME) && is_private(thread) => Some(Driver::LocalSet),
        _ if has(thread, &RUNTIME) => Some(Driver::Runtime),
        _ => None,
    }
}

/// Whether it drives a current-thread runtime, also as the main thread.
fn drives_current(thread: &Thread) -> bool {
    match thread.role {
        Role::TokioCurrentThread => true,
        Role::Main => has(thread, &CURRENT_THREAD),
        _ => false,
    }
}

/// Whether a library made the `LocalSet` for itself.
fn is_private(thread: &Thread) -> bool {
    is_of(thread, &WITH_LOCAL_SETS) || is_of(thread, &WITH_SOME_LOCAL_SETS)
}

/// Whether a function is of one of these libraries.
fn is_of(thread: &Thread, libraries: &[&str]) -> bool {
    names(thread)
        .any(|name| libraries.iter().any(|library| name.trim_start_matches('<').starts_with(library)))
}

fn has(thread: &Thread, parts: &[&str]) -> bool {
    names(thread).any(|name| parts.iter().any(|part| name.contains(part)))
}

fn names(thread: &Thread) -> impl Iterator<Item = &str> {
    thread.frames.iter().filter_map(|frame| frame.function.as_deref())
}

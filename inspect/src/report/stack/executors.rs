//! Which executors and thread pools run a program's threads, told by the functions on their stacks.

use std::collections::BTreeMap;

use super::role::Role;
use super::thread::Thread;

/// A crate that runs others' code, and its usual name. The first that a thread has, from its root, is what runs it.
const EXECUTORS: [(&str, &str); 17] = [
    ("rayon_core", "rayon"),
    ("async_std", "async-std"),
    ("async_global_executor", "async-global-executor"),
    ("smol", "smol"),
    ("async_executor", "smol"),
    ("async_io", "smol"),
    ("blocking", "smol"),
    ("monoio", "monoio"),
    ("glommio", "glommio"),
    ("compio_runtime", "compio"),
    ("compio", "compio"),
    ("actix_rt", "actix"),
    ("actix_server", "actix"),
    ("bevy_tasks", "bevy"),
    ("embassy_executor", "embassy"),
    ("futures_executor", "futures"),
    ("pollster", "pollster"),
];

/// The executors other than Tokio, each with the number of threads that it runs.
pub fn executors(threads: &[Thread]) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for thread in threads.iter().filter(|thread| thread.role != Role::Agent) {
        let names = thread.frames.iter().rev().filter_map(|frame| frame.function.as_deref());
        if let Some(name) = names.filter_map(executor).next() {
            *found.entry(name).or_default() += 1;
        }
    }
    found
}

/// Whether the functions of the program's threads are known, and none is of Tokio.
pub(crate) fn is_without_tokio(threads: &[Thread]) -> bool {
    let mut of_program = threads.iter().filter(|thread| thread.role != Role::Agent).peekable();
    let is_free = |thread: &Thread| {
        let mut names = thread.frames.iter().filter_map(|frame| frame.function.as_deref()).peekable();
        matches!(thread.role, Role::Main | Role::Other)
            && (names.peek().is_some() || thread.state_letter == 'Z')
            && !names.any(|name| crate_of(name) == "tokio")
    };
    of_program.peek().is_some() && of_program.all(is_free)
}

fn executor(function: &str) -> Option<&'static str> {
    let own = crate_of(function);
    EXECUTORS.iter().find(|(name, _)| *name == own).map(|(_, shown)| *shown)
}

/// The crate of a function: `rayon_core` for `<rayon_core::registry::ThreadBuilder>::run`.
fn crate_of(function: &str) -> &str {
    let start = function.trim_start_matches(['<', '&', '*']);
    start.split_once("::").map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executors_are_told_by_their_crates() {
        assert_eq!(executor("rayon_core::registry::WorkerThread::wait_until_cold"), Some("rayon"));
        assert_eq!(executor("<async_executor::Executor>::run::{{closure}}"), Some("smol"));
        assert_eq!(executor("<monoio::runtime::Runtime<D>>::block_on"), Some("monoio"));
        assert_eq!(executor("my_rayon_core::run"), None);
        assert_eq!(executor("main"), None);
    }
}

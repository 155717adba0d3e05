//! Which task a thread polls, derived from its native stack: the frames inside Tokio's poll harness.

use crate::symbols::{Frame, without_closures};

/// The part of a native stack that belongs to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poll {
    /// Number of the task's own frames, from the innermost. Tokio's frames follow.
    pub frames: usize,
    /// The task's outermost function that is not from a library; `None` without symbols.
    pub name: Option<String>,
}

/// The poll that a thread is in; `None` if it does not poll a task, or without symbols.
pub fn poll(frames: &[Frame]) -> Option<Poll> {
    let harness = frames.iter().position(is_harness)?;
    let inner = &frames[..harness];
    // A worker itself runs as a blocking task: frames outside the worker do not belong to the task that it polls.
    let is_worker = |frame: &Frame| {
        is_in(frame, "runtime::scheduler::multi_thread::worker::", "scheduler/multi_thread/worker.rs")
    };
    if inner.iter().any(is_worker) {
        return None;
    }
    let name = inner.iter().rev().filter_map(|frame| frame.function.as_deref()).find(|name| is_own(name));
    Some(Poll { frames: harness, name: name.map(|name| without_closures(name).to_owned()) })
}

/// Functions of `tokio/src/runtime/task/{core,harness,raw}.rs` between a worker and a future.
fn is_harness(frame: &Frame) -> bool {
    let function = frame.function.as_deref().unwrap_or_default();
    let in_module = function.contains("tokio::runtime::task::") && function.contains("poll");
    let in_file = frame.file.as_deref().is_some_and(|file| {
        file.contains("tokio")
            && ["runtime/task/core.rs", "runtime/task/raw.rs", "runtime/task/harness.rs"]
                .iter()
                .any(|end| file.ends_with(end))
    });
    in_module || (in_file && (function.is_empty() || function.contains("poll")))
}

/// Whether a frame is in this function or file of Tokio.
pub(super) fn is_in(frame: &Frame, function: &str, file: &str) -> bool {
    // A long text is searched for only after a short one, which the processor finds many bytes at a time.
    let named =
        frame.function.as_deref().is_some_and(|name| name.contains("runtime::") && name.contains(function));
    named || frame.file.as_deref().is_some_and(|path| path.ends_with(file) && path.contains("tokio"))
}

/// Whether a function identifies a task; wrappers around every future do not.
fn is_own(function: &str) -> bool {
    let path = function.trim_start_matches(['<', '&']);
    let wrappers = ["core::", "std::", "alloc::", "tokio::", "tracing::", "__rust"];
    // `{{closure}}` is the whole name of an inlined function with `line-tables-only`.
    !wrappers.iter().any(|wrapper| path.starts_with(wrapper)) && !path.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str) -> Frame {
        Frame { function: Some(function.into()), file: None, ..Frame::unknown(0) }
    }

    fn frames(functions: &[&str]) -> Vec<Frame> {
        functions.iter().map(|function| frame(function)).collect()
    }

    const WORKER: [&str; 4] = [
        "tokio::runtime::scheduler::multi_thread::worker::Context::run_task",
        "tokio::runtime::scheduler::multi_thread::worker::run",
        "tokio::runtime::task::core::Core<T,S>::poll",
        "tokio::runtime::blocking::pool::Inner::run",
    ];

    #[test]
    fn a_worker_polls_the_task_inside_the_innermost_harness() {
        let inside = [
            "shop::spin",
            "shop::checkout::reserve::{{closure}}::{{closure}}",
            "<core::pin::Pin<P> as core::future::future::Future>::poll",
            "tokio::runtime::task::core::Core<T,S>::poll::{{closure}}",
        ];
        let found = poll(&frames(&[&inside[..], &WORKER[..]].concat()));
        assert_eq!(found, Some(Poll { frames: 3, name: Some("shop::checkout::reserve".to_owned()) }));
    }

    #[test]
    fn a_parked_worker_polls_nothing() {
        assert_eq!(poll(&frames(&[&["__futex_wait"][..], &WORKER[..]].concat())), None);
        assert_eq!(poll(&frames(&["epoll_wait", "main"])), None);
    }
}

//! Which of Tokio's threads are workers when no function has a name: a stripped program.
//!
//! * Tokio names its threads. A thread of the blocking pool that waits for work has no task; every worker has one,
//!   because a worker is itself a task of that pool.
//! * A runtime starts its workers before anything can start a thread for blocking work, and thread ids ascend. So of
//!   the threads with a task the first ones are the workers; the agent knows their number.
//! * A worker waits for I/O in the driver; a blocking function does that only in odd programs.
//! * What runs a worker begins with the functions of the pool. A thread that shares more functions with a worker than
//!   a waiting thread of the pool does is a worker.
//!
//! A thread about which these tell nothing, or disagree, stays a "tokio thread".

use super::role::Role;
use super::thread::{Activity, Thread};

/// The multi-threaded runtimes, if the agent watches a runtime at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Runtimes {
    pub(crate) count: usize,
    /// All their workers.
    pub(crate) workers: usize,
}

/// Whether some of Tokio's threads could not be told apart by names of functions.
pub(crate) fn are_nameless(threads: &[Thread]) -> bool {
    threads.iter().any(|thread| thread.role == Role::Tokio)
}

/// Tells workers from threads for blocking work. `runtimes` is `None` when it is unknown.
pub(crate) fn tell_apart(threads: &mut [Thread], runtimes: Option<Runtimes>) {
    let mut unknown: Vec<usize> = (0..threads.len()).filter(|at| threads[*at].role == Role::Tokio).collect();
    unknown.sort_by_key(|at| threads[*at].tid);
    // Without one, Tokio's thread-local was not found.
    if unknown.iter().all(|at| threads[*at].polls.is_none()) {
        return;
    }
    let is_waiting = |thread: &Thread| thread.polls.is_none() && thread.state == "futex wait";
    let (idle, unknown): (Vec<usize>, Vec<usize>) =
        unknown.into_iter().partition(|at| is_waiting(&threads[*at]));
    let first = runtimes.and_then(|runtimes| first_workers(threads, &idle, &unknown, runtimes));
    let roles: Vec<Role> = (0..unknown.len()).map(|at| role(threads, at, &idle, &unknown, first)).collect();
    for (at, role) in unknown.into_iter().zip(roles) {
        let thread = &mut threads[at];
        thread.role = role;
        if in_driver(thread) && role == Role::TokioWorker {
            // Its task is the one that runs it.
            (thread.activity, thread.polls) = (Activity::Idle, None);
        }
    }
    for at in idle {
        (threads[at].role, threads[at].activity) = (Role::TokioBlocking, Activity::Idle);
    }
}

/// The role of a thread with a task; `first` of them are workers.
fn role(threads: &[Thread], at: usize, idle: &[usize], unknown: &[usize], first: Option<usize>) -> Role {
    let thread = &threads[unknown[at]];
    if in_driver(thread) {
        return Role::TokioWorker;
    }
    let own = path(thread);
    let drivers = unknown.iter().map(|at| &threads[*at]).filter(|thread| in_driver(thread));
    for driver in drivers.map(path) {
        let of_pool = idle.iter().map(|at| shared(&path(&threads[*at]), &driver)).max().unwrap_or(0);
        if of_pool > 0 {
            let is_worker = shared(&own, &driver) > of_pool;
            return if is_worker { Role::TokioWorker } else { Role::TokioBlocking };
        }
    }
    match first {
        Some(first) if at < first => Role::TokioWorker,
        // Of a runtime that the agent does not watch.
        Some(first) if !own.is_empty() && unknown[..first].iter().any(|at| path(&threads[*at]) == own) => {
            Role::TokioWorker
        }
        Some(_) => Role::TokioBlocking,
        None => Role::Tokio,
    }
}

/// Number of functions from the outermost that two stacks have in common.
fn shared(one: &[u64], other: &[u64]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// How many of the threads with a task, by thread id, are workers; `None` if the order cannot tell.
fn first_workers(threads: &[Thread], idle: &[usize], unknown: &[usize], runtimes: Runtimes) -> Option<usize> {
    let first = runtimes.workers.min(unknown.len());
    // The threads of several runtimes may alternate.
    let is_ordered = runtimes.count <= 1 || first == unknown.len();
    // A worker that came after a blocking thread: ids wrapped around, or a worker was replaced (`block_in_place`).
    let last = unknown[..first].last().map(|at| threads[*at].tid);
    let is_before = idle.iter().all(|at| last.is_none_or(|last| last < threads[*at].tid));
    let drivers = unknown[first..].iter().filter(|at| in_driver(&threads[**at])).count();
    (is_ordered && is_before && drivers == 0).then_some(first)
}

fn in_driver(thread: &Thread) -> bool {
    thread.state == "epoll_wait"
}

/// The first bytes of the program's functions, outermost first.
fn path(thread: &Thread) -> Vec<u64> {
    let nameless = thread.frames.iter().rev().filter(|frame| frame.function.is_none());
    nameless.filter_map(|frame| Some(frame.module_offset.wrapping_sub(frame.function_offset?))).collect()
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::stack::Capture;
    use rgops_protocol::reply::{Known, StackEnd};

    use super::super::thread::Polled;
    use super::*;
    use crate::symbols::Frame;

    fn thread(tid: u32, state: &str, task: u64, functions: &[u64]) -> Thread {
        let frame = |start: &u64| Frame {
            module: Some("/app".into()),
            function_offset: Some(4),
            ..Frame::unknown(*start + 4)
        };
        Thread {
            tid,
            name: "tokio-rt-worker".to_owned(),
            role: Role::Tokio,
            activity: Activity::Blocked,
            state: state.to_owned(),
            state_letter: 'S',
            futex: None,
            system_call: Known::Value(String::new()),
            wchan: String::new(),
            cpu_ns: Known::Value(0),
            polls: (task > 0).then_some(Polled { task: Some(task), name: None }),
            capture: Capture::Quiet,
            addresses: Vec::new(),
            frames: functions.iter().rev().map(frame).collect(),
            end: StackEnd::Root,
            moved: None,
            waiting_ns: None,
            has_unwind_data: false,
        }
    }

    fn roles(mut threads: Vec<Thread>, runtimes: Option<(usize, usize)>) -> Vec<(u32, Role, Activity)> {
        tell_apart(&mut threads, runtimes.map(|(count, workers)| Runtimes { count, workers }));
        threads.iter().map(|thread| (thread.tid, thread.role, thread.activity)).collect()
    }

    #[test]
    fn the_first_threads_with_a_task_are_the_workers() {
        use Activity::{Blocked, Idle};
        use Role::{Tokio, TokioBlocking, TokioWorker};
        let threads = || {
            vec![
                thread(14, "futex wait", 0, &[1, 2]),
                thread(13, "futex wait", 9, &[1, 2, 7]),
                thread(11, "epoll_wait", 1, &[1, 2, 3, 5]),
                thread(12, "running", 8, &[1, 2, 3, 4]),
            ]
        };
        let told = roles(threads(), Some((1, 2)));
        let expected = [
            (14, TokioBlocking, Idle),
            (13, TokioBlocking, Blocked),
            (11, TokioWorker, Idle),
            (12, TokioWorker, Blocked),
        ];
        assert_eq!(told, expected);
        // By the functions alone; and by the order alone.
        assert_eq!(roles(threads(), None), expected);
        let busy = || threads().into_iter().filter(|thread| thread.tid != 14).collect::<Vec<_>>();
        assert_eq!(roles(busy(), Some((1, 2))), expected[1..]);
        // With neither, only the driver is certain.
        for runtimes in [None, Some((2, 2))] {
            let told: Vec<Role> = roles(busy(), runtimes).into_iter().map(|(_, role, _)| role).collect();
            assert_eq!(told, [Tokio, TokioWorker, Tokio], "{runtimes:?}");
        }
    }

    #[test]
    fn without_a_multi_threaded_runtime_all_are_for_blocking_work() {
        let told = roles(vec![thread(11, "sleep", 3, &[1]), thread(12, "futex wait", 0, &[1])], Some((0, 0)));
        assert!(told.iter().all(|(_, role, _)| *role == Role::TokioBlocking), "{told:?}");
        // Tokio's thread-local was not found: nothing is known.
        let told = roles(vec![thread(11, "futex wait", 0, &[1])], Some((1, 1)));
        assert_eq!(told[0].1, Role::Tokio);
    }

    #[test]
    fn a_thread_in_the_same_functions_as_a_worker_is_one() {
        let parked = |tid| thread(tid, "futex wait", u64::from(tid), &[1, 2, 3]);
        let told = roles(vec![parked(11), parked(12), thread(13, "sleep", 9, &[1, 4])], Some((1, 1)));
        let told: Vec<Role> = told.into_iter().map(|(_, role, _)| role).collect();
        assert_eq!(told, [Role::TokioWorker, Role::TokioWorker, Role::TokioBlocking]);
    }
}

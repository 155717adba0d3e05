//! What a thread or a task waits for, in one word: the label `cause`.

use super::path::nodes;
use crate::locks::LockKind;
use crate::report::stack::Thread;
use crate::tasks::model::{NodeKind, Resource, ResourceKind, Task};

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cause {
    /// As the label says it.
    pub(crate) name: String,
    /// Whether it is a lock, so that it is in the profile `mutex`.
    pub(crate) is_lock: bool,
}

impl Cause {
    fn lock(name: &str) -> Cause {
        Cause { name: name.to_owned(), is_lock: true }
    }

    fn other(name: &str) -> Cause {
        Cause { name: name.to_owned(), is_lock: false }
    }

    /// Of a thread that waits.
    pub(crate) fn of_thread(thread: &Thread) -> Cause {
        let path = |paths: &[&str]| {
            let mut near = thread.frames.iter().take(NEAR);
            near.any(|frame| paths.iter().any(|path| frame.path().starts_with(path)))
        };
        if let Some(kind) = LockKind::of(&thread.frames) {
            return of_lock(kind);
        }
        let call = thread.system_call.value().map_or("", String::as_str);
        let has_join = || {
            let mut names = thread.frames.iter().take(NEAR).filter_map(|frame| frame.function.as_deref());
            names.any(|name| {
                name.contains("pthread_join")
                    || name.contains("thread::JoinHandle")
                    || name.contains("Thread>::join")
                    || name.contains("Thread::join")
            })
        };
        match call {
            "futex" | "futex_wait" | "futex_waitv"
                if path(&["std::sync::mpsc::", "std::sync::mpmc::", "crossbeam_channel::", "flume::"]) =>
            {
                Cause::other("channel")
            }
            "futex" | "futex_wait" | "futex_waitv" if has_join() => Cause::other("join"),
            "futex" | "futex_wait" | "futex_waitv" => Cause::other("futex"),
            "nanosleep" | "clock_nanosleep" => Cause::other("sleep"),
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => Cause::other("epoll"),
            "poll" | "ppoll" | "select" | "pselect6" => Cause::other("poll"),
            "wait4" | "waitid" => Cause::other("child process"),
            "read" | "readv" | "pread64" | "preadv" | "write" | "writev" | "pwrite64" | "recvfrom"
            | "recvmsg" | "recvmmsg" | "sendto" | "sendmsg" | "sendmmsg" | "accept" | "accept4"
            | "connect" | "fsync" | "fdatasync" | "io_uring_enter" => Cause::other("I/O"),
            _ if thread.state_letter == 'D' => Cause::other("uninterruptible"),
            "" => Cause::other("unknown"),
            call => Cause::other(call),
        }
    }

    /// Of a task that waits.
    pub(crate) fn of_task(task: &Task) -> Cause {
        match resource(task) {
            Some(resource) => of_resource(resource.kind),
            None => match nodes(task).last() {
                Some(node) if node.kind == NodeKind::Select => Cause::other("select"),
                Some(node) if node.kind == NodeKind::Join || node.children.len() > 1 => {
                    Cause::other("several")
                }
                _ => Cause::other("unknown"),
            },
        }
    }
}

/// Frames from the leaf that say what a thread waits for.
const NEAR: usize = 24;

/// What the innermost future waits on; `None` if it waits on several, or that is not known.
pub(super) fn resource(task: &Task) -> Option<&Resource> {
    let innermost = *nodes(task).last()?;
    innermost.waits_on.as_ref().filter(|_| innermost.children.is_empty())
}

fn of_lock(kind: LockKind) -> Cause {
    match kind {
        LockKind::Mutex => Cause::lock("std::sync::Mutex"),
        LockKind::RwLockRead | LockKind::RwLockWrite => Cause::lock("std::sync::RwLock"),
        LockKind::ParkingLotMutex => Cause::lock("parking_lot::Mutex"),
        LockKind::ParkingLotRwLock => Cause::lock("parking_lot::RwLock"),
        LockKind::Pthread => Cause::lock("pthread lock"),
        LockKind::Once => Cause::other("Once"),
        LockKind::Condvar => Cause::other("Condvar"),
    }
}

fn of_resource(kind: ResourceKind) -> Cause {
    match kind {
        ResourceKind::Mutex => Cause::lock("tokio::sync::Mutex"),
        ResourceKind::RwLockRead | ResourceKind::RwLockWrite => Cause::lock("tokio::sync::RwLock"),
        ResourceKind::Semaphore => Cause::other("Semaphore"),
        ResourceKind::Notify => Cause::other("Notify"),
        ResourceKind::Channel => Cause::other("channel"),
        ResourceKind::Barrier => Cause::other("Barrier"),
        ResourceKind::OnceCell => Cause::other("OnceCell"),
        ResourceKind::Timer => Cause::other("timer"),
        ResourceKind::Io => Cause::other("I/O"),
        ResourceKind::Task => Cause::other("join"),
        ResourceKind::BlockingTask => Cause::other("spawn_blocking"),
        ResourceKind::Other => Cause::other("unknown"),
    }
}

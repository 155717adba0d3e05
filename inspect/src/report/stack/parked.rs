//! Whether a thread is parked by its runtime: one rule for every role.
//!
//! A thread is parked if, from the leaf on, the first frame that is neither C's, std's nor the poller's is a function
//! of an async runtime that waits for work. A frame of the program or of a dependency that is nearer to the leaf
//! blocks the thread, whatever it runs in.
//!
//! Without inlined frames, code of the program may be within a generic function of the runtime. So what the thread
//! waits in counts, too: no runtime waits for work in `recv`, in a sleep or in the end of a thread.

use crate::symbols::{Frame, Origin};

/// A module: the path of its functions, and the end of its file for functions whose names have no path.
type Module = (&'static str, &'static str);

/// Modules of Tokio in which a thread waits for work.
const PARKS: [Module; 6] = [
    ("tokio::runtime::park::", "runtime/park.rs"),
    ("tokio::runtime::driver::", "runtime/driver.rs"),
    ("tokio::runtime::scheduler::multi_thread::park::", "scheduler/multi_thread/park.rs"),
    ("tokio::runtime::scheduler::multi_thread::worker::", "scheduler/multi_thread/worker.rs"),
    ("tokio::runtime::scheduler::current_thread::", "scheduler/current_thread/mod.rs"),
    ("tokio::runtime::blocking::pool::", "runtime/blocking/pool.rs"),
];

/// Modules of Tokio in which a thread waits for work in `park…` and `turn`. In other functions it may wait for a lock.
const DRIVERS: [Module; 4] = [
    ("tokio::runtime::io::driver::", "runtime/io/driver.rs"),
    ("tokio::runtime::time::", "runtime/time/mod.rs"),
    ("tokio::runtime::signal::", "runtime/signal/mod.rs"),
    ("tokio::runtime::process::", "runtime/process.rs"),
];

/// Tokio's words for types of std and parking_lot.
const LOOM: Module = ("tokio::loom::", "loom/std/parking_lot.rs");
/// A runtime that is dropped waits for its threads.
const SHUTDOWN: Module = ("tokio::runtime::blocking::shutdown::", "runtime/blocking/shutdown.rs");
/// A thread outside the pool waits for the pool's result.
const LATCH: Module = ("rayon_core::latch::", "rayon-core/src/latch.rs");

/// System calls in which runtimes wait for work. A call with a timeout continues in `restart_syscall` after a stop.
const WAITS: [&str; 13] = [
    "futex",
    "futex_wait",
    "futex_waitv",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "io_uring_enter",
    "io_getevents",
    "restart_syscall",
];

/// Whether a runtime may wait for work in this system call; an empty one is not known.
pub(super) fn may_park_in(system_call: &str) -> bool {
    system_call.is_empty() || WAITS.contains(&system_call)
}

/// Whether the runtime parked the thread with these frames, innermost first, if it is in a system call in which it may.
pub(super) fn is_parked(frames: &[Frame]) -> bool {
    let (mut waits_for_lock, mut waits_for_another) = (false, false);
    for (place, frame) in frames.iter().enumerate() {
        match Origin::of(frame) {
            Origin::Native => {}
            Origin::Std => {
                waits_for_lock |= is_lock(frame);
                waits_for_another |= is_channel(frame);
                if is_blocking_std(frame) {
                    return false;
                }
            }
            // A feature of Tokio: it parks by its condition variables.
            Origin::Dependency if frame.is_of("parking_lot") || frame.is_of("parking_lot_core") => {
                waits_for_lock |= is_lock(frame);
            }
            Origin::Runtime if frame.is_of("mio") || frame.is_of("polling") || is_in(frame, LOOM) => {}
            Origin::Runtime => {
                // Pools of threads take their work from a channel of std; Tokio does not.
                let waits_for_another = waits_for_another && frame.is_of("tokio");
                return !waits_for_lock
                    && !waits_for_another
                    && is_park(frame)
                    && !is_blocking_call(&frames[place..]);
            }
            // Without a name it may be anyone's.
            Origin::Own | Origin::Dependency | Origin::Unknown => return false,
        }
    }
    false
}

/// Waits for a lock, and not for a condition, by which threads park.
fn is_lock(frame: &Frame) -> bool {
    let has = |text: &Option<_>, words: &[&str]| {
        text.as_deref().is_some_and(|text: &str| words.iter().any(|word| text.contains(word)))
    };
    let of_lock = has(&frame.function, &["mutex", "rwlock", "Mutex", "RwLock", "raw_rwlock"])
        || has(&frame.file, &["/mutex", "/rwlock", "/raw_mutex", "/raw_rwlock"]);
    let method = method(frame);
    of_lock && ["lock", "read", "write"].iter().any(|verb| method.starts_with(verb))
}

/// Waits for what a channel or a barrier of std brings.
fn is_channel(frame: &Frame) -> bool {
    ["std::sync::mpsc::", "std::sync::mpmc::", "std::sync::barrier::", "std::sync::poison::barrier::"]
        .iter()
        .any(|module| frame.path().starts_with(module))
}

/// A function of std in which no runtime waits for work: a sleep, the end of a thread or of a process, files and
/// sockets.
fn is_blocking_std(frame: &Frame) -> bool {
    let modules = ["std::fs::", "std::io::", "std::net::", "std::os::", "std::process::"];
    let path = frame.path();
    let is_of_thread = path.starts_with("std::") && path.contains("thread");
    modules.iter().any(|module| path.starts_with(module))
        || (is_of_thread && (method(frame).starts_with("sleep") || method(frame) == "join"))
}

fn is_park(frame: &Frame) -> bool {
    if !frame.is_of("tokio") {
        // What waits in another runtime below the frames of the program waits for work.
        return !is_in(frame, LATCH);
    }
    let method = method(frame);
    let in_driver = DRIVERS.iter().any(|driver| is_in(frame, *driver));
    PARKS.iter().any(|park| is_in(frame, *park))
        || (in_driver && (method.starts_with("park") || method == "turn"))
}

/// Whether the program called what parked the thread to block: `blocking_recv`, or the drop of a runtime.
fn is_blocking_call(frames: &[Frame]) -> bool {
    let runtime = frames.iter().take_while(|frame| !Origin::of(frame).is_of_program());
    let mut runtime = runtime.filter(|frame| frame.is_of("tokio"));
    runtime.any(|frame| method(frame).starts_with("blocking_") || is_in(frame, SHUTDOWN))
}

/// The function's own name: `lock_contended` of `<std::sync::Mutex<T>>::lock_contended::{closure#0}`.
fn method(frame: &Frame) -> &str {
    let name = frame.function.as_deref().unwrap_or_default();
    let name = name.split("::{").next().unwrap_or(name);
    let name = name.split("::<").next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

/// Whether a frame is in this module.
fn is_in(frame: &Frame, (function, file): Module) -> bool {
    let name = function.split("::").next().unwrap_or(function);
    frame.path().starts_with(function)
        || (frame.is_of(name) && frame.file.as_deref().is_some_and(|path| path.ends_with(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(functions: &[&str]) -> bool {
        let frames: Vec<Frame> = functions.iter().map(|name| Frame::named(name)).collect();
        is_parked(&frames)
    }

    fn is_parked_in(frames: &[Frame], system_call: &str) -> bool {
        may_park_in(system_call) && is_parked(frames)
    }

    const WORKER: [&str; 3] = [
        "tokio::runtime::scheduler::multi_thread::worker::Context::run",
        "tokio::runtime::task::raw::poll",
        "tokio::runtime::blocking::pool::Inner::run",
    ];
    const PARKS_BY: [&str; 2] = ["syscall", "std::sys::sync::condvar::futex::Condvar::wait"];

    fn within<'a>(inner: &[&'a str], outer: &[&'a str]) -> Vec<&'a str> {
        [inner, outer].concat()
    }

    #[test]
    fn a_runtime_that_waits_for_work_parks_the_thread() {
        let worker = within(
            &["epoll_wait", "mio::poll::Poll::poll", "tokio::runtime::io::driver::Driver::turn"],
            &WORKER,
        );
        assert!(parked(&worker));
        // opt-level = "z" and fat LTO: everything that parks is inlined.
        assert!(parked(&within(&PARKS_BY, &WORKER)));
        assert!(parked(&within(&PARKS_BY, &WORKER[2..])));
        assert!(parked(&within(
            &PARKS_BY,
            &["tokio::runtime::park::CachedParkThread::block_on", "shop::main"]
        )));
        assert!(parked(&["epoll_wait", "polling::Poller::wait", "async_io::driver::block_on", "shop::main"]));
        assert!(parked(&within(&PARKS_BY, &["rayon_core::sleep::Sleep::sleep"])));
    }

    #[test]
    fn code_of_the_program_that_is_nearer_to_the_leaf_blocks_it() {
        for own in ["shop::reserve", "hyper::x", "<shop::Cart as core::future::future::Future>::poll"] {
            assert!(!parked(&within(&[&PARKS_BY[..], &[own]].concat(), &WORKER)), "{own}");
            assert!(!parked(&within(&["read", own], &["tokio::runtime::park::CachedParkThread::block_on"])));
        }
        // A file of tokio::fs is read on the pool.
        assert!(!parked(&within(&["read", "tokio::fs::read::read::{{closure}}"], &WORKER)));
    }

    #[test]
    fn a_lock_of_the_runtime_and_a_blocking_call_are_no_parking() {
        let lock = "std::sys::sync::mutex::futex::Mutex::lock_contended";
        assert!(!parked(&within(&["syscall", lock, "tokio::runtime::time::Handle::reregister"], &WORKER)));
        assert!(!parked(&within(&["syscall", lock], &WORKER)));
        let park = "tokio::runtime::park::CachedParkThread::block_on";
        let received =
            within(&PARKS_BY, &[park, "tokio::sync::mpsc::bounded::Receiver<T>::blocking_recv", "shop::x"]);
        assert!(!parked(&received));
        assert!(!parked(&within(
            &PARKS_BY,
            &[park, "tokio::runtime::blocking::shutdown::Receiver::wait", "shop::main"]
        )));
        assert!(!parked(&within(&PARKS_BY, &["rayon_core::latch::LockLatch::wait", "shop::main"])));
    }

    #[test]
    fn what_no_runtime_waits_in_blocks_the_thread_also_where_the_program_is_within_its_function() {
        let block_on = "tokio::runtime::park::CachedParkThread::block_on";
        let call_box = "<F as threadpool::FnBox>::call_box";
        let frames = |inner: &[&str], outer| -> Vec<Frame> {
            inner.iter().copied().chain([outer]).map(Frame::named).collect()
        };
        for outer in [block_on, call_box] {
            let read = frames(&["recv", "<std::net::tcp::TcpStream as std::io::Read>::read"], outer);
            assert!(!is_parked_in(&read, "recvfrom") && !is_parked_in(&read, ""), "{outer}");
            for inner in ["std::thread::functions::sleep", "<std::sys::thread::unix::Thread>::join"] {
                assert!(!is_parked_in(&frames(&["syscall", inner], outer), "futex"), "{inner}, {outer}");
            }
            assert!(is_parked_in(&frames(&PARKS_BY, outer), "futex"), "{outer}");
            assert!(!is_parked_in(&frames(&PARKS_BY, outer), "wait4"), "{outer}");
        }
        let channel = ["syscall", "std::thread::functions::park", "std::sync::mpmc::list::Channel<T>::recv"];
        assert!(!is_parked_in(&frames(&channel, block_on), "futex"));
        assert!(is_parked_in(&frames(&channel, "threadpool::spawn_in_pool::{{closure}}"), "futex"));
    }

    #[test]
    fn without_names_nothing_is_known() {
        let nameless = [Frame::named("epoll_wait"), Frame::unknown(0x1000), Frame::named(WORKER[0])];
        assert!(!is_parked_in(&nameless, ""));
        assert!(!parked(&["epoll_wait", "start_thread"]));
        assert!(!is_parked_in(&[], ""));
    }
}

//! What all programs do: build a runtime, listen in it, say when they are ready, and wait to be killed.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A runtime with two workers whose blocking pool has at most `blocking` threads, and an agent that watches it.
pub(crate) fn runtime(blocking: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(2).max_blocking_threads(blocking).enable_all();
    let runtime = builder.build().expect("a runtime");
    let inside = runtime.enter();
    listen();
    drop(inside);
    runtime
}

/// Listens, in the runtime that this is called in, if any.
pub(crate) fn listen() {
    rgops_agent::listen(rgops_agent::Options::default()).expect("nothing else listens for this process");
    println!("pid {}", std::process::id());
}

/// Says that the state is reached, and waits to be killed.
pub(crate) fn ready() -> ! {
    println!("ready");
    loop {
        thread::sleep(LONG);
    }
}

/// Uses a CPU for this long.
#[inline(never)]
pub(crate) fn compute(time: Duration) {
    let began = Instant::now();
    let mut turns = 0_u64;
    while began.elapsed() < time {
        for _ in 0..1000 {
            turns = black_box(turns.wrapping_add(1));
        }
    }
}

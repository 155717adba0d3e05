//! Timers that fire late, and timers of a program that is busy.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::program::{LONG, compute, listen, ready};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("runtime-without-a-driver", without_a_driver),
    ("rare-turns", rare_turns),
    ("busy-timers", busy_timers),
];

fn runtime(event_interval: u32) -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().event_interval(event_interval).build();
    let runtime = runtime.expect("a runtime");
    let inside = runtime.enter();
    listen();
    drop(inside);
    runtime
}

/// Sick: the only thread of the runtime left `block_on`, so nobody fires the timers of its tasks.
fn without_a_driver() {
    let runtime = runtime(61);
    runtime.block_on(async {
        for _ in 0..3 {
            tokio::spawn(tick());
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
    });
    ready()
}

/// Sick: the runtime looks at its timers once in 100,000 polls of 5 ms.
fn rare_turns() {
    let runtime = runtime(100_000);
    runtime.block_on(async {
        for _ in 0..3 {
            tokio::spawn(tick());
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
        work(5, 40);
        println!("ready");
        // Its place in the queue comes again, but its timer is one of those that are late.
        tokio::time::sleep(LONG).await;
    });
}

/// Healthy: the same load in polls of 1 ms, and the timers are looked at as usual.
fn busy_timers() {
    let runtime = runtime(61);
    runtime.block_on(async {
        for _ in 0..20 {
            tokio::spawn(tick());
        }
        work(1, 40);
        println!("ready");
        tokio::time::sleep(LONG).await;
    });
}

async fn tick() {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Tasks that are always ready.
fn work(poll_ms: u64, tasks: usize) {
    for _ in 0..tasks {
        tokio::spawn(poll_fn::<(), _>(move |context| {
            compute(Duration::from_millis(poll_ms));
            context.waker().wake_by_ref();
            Poll::Pending
        }));
    }
}

//! The blocking pool.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use crate::program::{LONG, compute, ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("full-pool", full),
    ("pool-in-a-mutex", in_a_mutex),
    ("pool-in-bursts", in_bursts),
    ("sleeping-pool", asleep),
    ("idle-pool", idle),
];

/// Sick: all four threads wait, and closures queue.
fn full() {
    let runtime = runtime(4);
    fill(&runtime, 4, wait_for_a_service);
    queue(&runtime);
    ready()
}

#[inline(never)]
fn wait_for_a_service() {
    thread::sleep(LONG);
    black_box(());
}

/// Sick: all sixteen threads wait for one Mutex, whose owner sleeps; closures queue.
fn in_a_mutex() {
    let runtime = runtime(16);
    let mutex = Arc::new(Mutex::new(0));
    let (held, is_held) = mpsc::channel();
    let of_owner = Arc::clone(&mutex);
    thread::Builder::new()
        .name("owner".to_owned())
        .spawn(move || own_the_mutex(&of_owner, &held))
        .expect("a thread");
    let _ = is_held.recv();
    fill(&runtime, 16, move || wait_for_the_mutex(&mutex));
    queue(&runtime);
    ready()
}

#[inline(never)]
fn own_the_mutex(mutex: &Mutex<u64>, held: &mpsc::Sender<()>) {
    let mut guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = held.send(());
    thread::sleep(LONG);
    *guard += 1;
}

#[inline(never)]
fn wait_for_the_mutex(mutex: &Mutex<u64>) {
    *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
}

/// Starts `count` closures and waits until each has begun.
fn fill(runtime: &Runtime, count: usize, work: impl Fn() + Clone + Send + 'static) {
    let (began, begun) = mpsc::channel();
    for _ in 0..count {
        let (began, work) = (began.clone(), work.clone());
        runtime.spawn_blocking(move || {
            let _ = began.send(());
            work();
        });
    }
    for _ in 0..count {
        let _ = begun.recv();
    }
}

/// Tasks that wait for the pool.
fn queue(runtime: &Runtime) {
    for number in 0..20_u64 {
        runtime.spawn(async move {
            let _ = Handle::current().spawn_blocking(move || number * number).await;
        });
    }
}

/// Healthy: bursts that are twice as large as the pool and drain.
fn in_bursts() {
    let runtime = runtime(4);
    runtime.spawn(async {
        loop {
            let burst: Vec<_> =
                (0..8).map(|_| tokio::task::spawn_blocking(|| compute(Duration::from_millis(5)))).collect();
            for closure in burst {
                let _ = closure.await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    ready()
}

/// Healthy: closures sleep in the pool, where they may, and there are threads for more.
fn asleep() {
    let runtime = runtime(64);
    fill(&runtime, 16, wait_for_a_service);
    runtime.spawn(async {
        loop {
            let _ = tokio::task::spawn_blocking(|| compute(Duration::from_millis(5))).await;
        }
    });
    ready()
}

/// Healthy: threads of the pool wait for work.
fn idle() {
    let runtime = runtime(64);
    fill(&runtime, 16, || thread::sleep(Duration::from_millis(50)));
    runtime.spawn(async {
        loop {
            compute(Duration::from_millis(5));
            tokio::task::yield_now().await;
        }
    });
    ready()
}

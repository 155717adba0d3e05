//! Threads that wait for locks, and threads that wait for work.

use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use crate::program::{LONG, compute, ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("lock-convoy", convoy),
    ("thread-deadlock", deadlock),
    ("waits-for-work", waits_for_work),
    ("shared-receiver", shared_receiver),
    ("short-locks", short_locks),
];

/// Sick: five threads wait for a Mutex whose owner sleeps.
fn convoy() {
    let _runtime = runtime(4);
    let mutex = Arc::new(Mutex::new(0_u64));
    let (held, is_held) = mpsc::channel();
    let of_owner = Arc::clone(&mutex);
    thread::spawn(move || {
        let mut guard = of_owner.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = held.send(());
        thread::sleep(LONG);
        *guard += 1;
    });
    let _ = is_held.recv();
    for _ in 0..5 {
        let mutex = Arc::clone(&mutex);
        thread::spawn(move || wait_for_the_owner(&mutex));
    }
    ready()
}

#[inline(never)]
fn wait_for_the_owner(mutex: &Mutex<u64>) {
    *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
}

/// Sick: two threads lock two Mutexes in opposite order.
fn deadlock() {
    let _runtime = runtime(4);
    let both: &'static (Mutex<u64>, Mutex<u64>, Barrier) =
        Box::leak(Box::new((Mutex::new(0), Mutex::new(0), Barrier::new(2))));
    let (first, second, barrier) = both;
    thread::spawn(move || lock_both(first, second, barrier));
    thread::spawn(move || lock_both(second, first, barrier));
    ready()
}

#[inline(never)]
fn lock_both(first: &Mutex<u64>, second: &Mutex<u64>, barrier: &Barrier) {
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    barrier.wait();
    *second.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    *first += 1;
}

/// Healthy: a pool of threads whose queue is a channel behind a Mutex: one has the lock and waits for work.
fn shared_receiver() {
    let _runtime = runtime(4);
    let (sender, receiver) = mpsc::channel::<u64>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..6 {
        let receiver = Arc::clone(&receiver);
        thread::spawn(move || {
            loop {
                let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                if job.is_err() {
                    return;
                }
            }
        });
    }
    thread::spawn(|| {
        loop {
            compute(Duration::from_secs(1))
        }
    });
    let _kept = sender;
    ready()
}

/// Healthy: threads wait on a Condvar and on a channel for work that is not there yet; the rest is busy.
fn waits_for_work() {
    let _runtime = runtime(4);
    let shared = Arc::new((Mutex::new(0_u64), Condvar::new()));
    for _ in 0..8 {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let (mutex, condvar) = &*shared;
            let mut jobs = mutex.lock().unwrap_or_else(PoisonError::into_inner);
            while *jobs == 0 {
                jobs = condvar.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            }
        });
    }
    let mut kept = Vec::new();
    for _ in 0..8 {
        let (sender, receiver) = mpsc::channel::<()>();
        kept.push(sender);
        thread::spawn(move || receiver.recv());
    }
    thread::spawn(|| {
        loop {
            compute(Duration::from_secs(1))
        }
    });
    ready()
}

/// Healthy: tasks take a std Mutex for a moment, all the time, on both workers.
fn short_locks() {
    let runtime = runtime(4);
    let counter = Arc::new(Mutex::new(0_u64));
    for _ in 0..20 {
        let counter = Arc::clone(&counter);
        runtime.spawn(async move {
            loop {
                compute(Duration::from_micros(200));
                *counter.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                tokio::task::yield_now().await;
            }
        });
    }
    ready()
}

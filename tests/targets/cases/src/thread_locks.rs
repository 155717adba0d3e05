//! Threads that wait for locks of other threads: `cases thread-locks NAME`. It prints `ready` when the state is reached.
//!
//! Some are rings, some have one slow holder, and in some a thread has no more than a reference to the lock.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::{Arc, Barrier, Mutex, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

static FIRST: Mutex<u64> = Mutex::new(0);
static SECOND: Mutex<u64> = Mutex::new(0);

pub(crate) fn run(arguments: &[String]) {
    match arguments.first().map_or("", String::as_str) {
        "ring-of-three" => ring_of_three(),
        "ring-of-statics" => ring_of_statics(),
        "ring-of-pthread" => ring_of_pthread(),
        "convoy" => convoy(false),
        "convoy-and-reference" => convoy(true),
        "convoy-of-static" => convoy_of_static(),
        "ordered" => ordered(),
        other => panic!("unknown name {other:?}"),
    }
    println!("ready");
    thread::sleep(LONG);
}

/// A Mutex, a RwLock that is read and one that is written.
fn ring_of_three() {
    let locks = Arc::new((Mutex::new(0), RwLock::new(0), RwLock::new(0)));
    let barrier = Arc::new(Barrier::new(3));
    let (of_first, at_first) = (Arc::clone(&locks), Arc::clone(&barrier));
    thread::spawn(move || mutex_then_write(&of_first.0, &of_first.1, &at_first));
    let (of_second, at_second) = (Arc::clone(&locks), Arc::clone(&barrier));
    thread::spawn(move || read_then_read(&of_second.1, &of_second.2, &at_second));
    thread::spawn(move || write_then_mutex(&locks.2, &locks.0, &barrier));
}

#[inline(never)]
fn mutex_then_write(mutex: &Mutex<u64>, lock: &RwLock<u64>, barrier: &Barrier) {
    let mut had = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    barrier.wait();
    *lock.write().unwrap_or_else(PoisonError::into_inner) += 1;
    *had += 1;
}

#[inline(never)]
fn read_then_read(had: &RwLock<u64>, wanted: &RwLock<u64>, barrier: &Barrier) {
    let had = had.read().unwrap_or_else(PoisonError::into_inner);
    barrier.wait();
    black_box(*wanted.read().unwrap_or_else(PoisonError::into_inner) + *had);
}

#[inline(never)]
fn write_then_mutex(lock: &RwLock<u64>, mutex: &Mutex<u64>, barrier: &Barrier) {
    let mut had = lock.write().unwrap_or_else(PoisonError::into_inner);
    barrier.wait();
    *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    *had += 1;
}

fn ring_of_statics() {
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    thread::spawn(move || first_then_second(&barrier));
    thread::spawn(move || second_then_first(&other));
}

#[inline(never)]
fn first_then_second(barrier: &Barrier) {
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    barrier.wait();
    *SECOND.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    *first += 1;
}

#[inline(never)]
fn second_then_first(barrier: &Barrier) {
    let mut second = SECOND.lock().unwrap_or_else(PoisonError::into_inner);
    barrier.wait();
    *FIRST.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    *second += 1;
}

struct Pthread(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made to be shared.
unsafe impl Sync for Pthread {}

impl Pthread {
    const fn new() -> Pthread {
        Pthread(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER))
    }

    fn lock(&self) {
        // SAFETY: initialised, and never moved or destroyed: it is a static.
        let failed = unsafe { libc::pthread_mutex_lock(self.0.get()) };
        assert_eq!(failed, 0);
    }
}

static LEFT: Pthread = Pthread::new();
static RIGHT: Pthread = Pthread::new();

fn ring_of_pthread() {
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    thread::spawn(move || both_of_pthread(&LEFT, &RIGHT, &barrier));
    thread::spawn(move || both_of_pthread(&RIGHT, &LEFT, &other));
}

#[inline(never)]
fn both_of_pthread(had: &Pthread, wanted: &Pthread, barrier: &Barrier) {
    had.lock();
    barrier.wait();
    wanted.lock();
    black_box(had);
}

/// Three threads wait for a thread that sleeps with the lock. With `and_reference`, one more has only a reference.
fn convoy(and_reference: bool) {
    let lock = Arc::new(Mutex::new(0_u64));
    let (held, is_held) = mpsc::channel();
    let of_holder = Arc::clone(&lock);
    thread::spawn(move || sleep_with_the_lock(&of_holder, &held));
    let _ = is_held.recv();
    if and_reference {
        let referred = Arc::clone(&lock);
        thread::spawn(move || sleep_with_a_reference(&referred));
    }
    for _ in 0..3 {
        let lock = Arc::clone(&lock);
        thread::spawn(move || wait_for_the_lock(&lock));
    }
}

#[inline(never)]
fn sleep_with_the_lock(lock: &Mutex<u64>, held: &mpsc::Sender<()>) {
    let mut guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = held.send(());
    thread::sleep(LONG);
    *guard += 1;
}

#[inline(never)]
fn sleep_with_a_reference(lock: &Mutex<u64>) {
    // It has to keep the address until it wakes.
    thread::sleep(LONG);
    *lock.lock().unwrap_or_else(PoisonError::into_inner) += 1;
}

#[inline(never)]
fn wait_for_the_lock(lock: &Mutex<u64>) {
    *lock.lock().unwrap_or_else(PoisonError::into_inner) += 1;
}

fn convoy_of_static() {
    let (held, is_held) = mpsc::channel();
    thread::spawn(move || sleep_with_the_static(&held));
    let _ = is_held.recv();
    for _ in 0..3 {
        thread::spawn(wait_for_the_static);
    }
}

#[inline(never)]
fn sleep_with_the_static(held: &mpsc::Sender<()>) {
    let mut guard = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = held.send(());
    thread::sleep(LONG);
    *guard += 1;
}

#[inline(never)]
fn wait_for_the_static() {
    *FIRST.lock().unwrap_or_else(PoisonError::into_inner) += 1;
}

/// Healthy: threads take two locks in the same order all the time, and one thread refers to both.
fn ordered() {
    let locks = Arc::new((Mutex::new(0_u64), Mutex::new(0_u64)));
    for _ in 0..4 {
        let locks = Arc::clone(&locks);
        thread::spawn(move || {
            loop {
                take_both_in_order(&locks.0, &locks.1);
            }
        });
    }
    thread::spawn(move || {
        sleep_with_a_reference(&locks.0);
        sleep_with_a_reference(&locks.1);
    });
}

#[inline(never)]
fn take_both_in_order(first: &Mutex<u64>, second: &Mutex<u64>) {
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    let mut second = second.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1000 {
        *first = black_box(first.wrapping_add(*second));
        *second = black_box(second.wrapping_add(1));
    }
}

//! Threads that wait for locks of parking_lot: `cases parked-locks NAME`. It prints the addresses of the mutex and of the
//! lock for readers and writers, then `ready` when the state is reached.
//!
//! Some are rings, some have one slow holder, and in some a thread has no more than a reference to the lock.

use std::hint::black_box;
use std::ptr::from_ref;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

const LONG: Duration = Duration::from_secs(600);

/// The mutex is at an odd address: the word before it is part of it, and parking_lot needs no more than one byte.
#[derive(Default)]
#[repr(C)]
struct Locks {
    before: u8,
    mutex: Mutex<[u8; 7]>,
    lock: RwLock<u64>,
}

static LOCKS: Locks = Locks { before: 0, mutex: Mutex::new([0; 7]), lock: RwLock::new(0) };

pub(crate) fn run(arguments: &[String]) {
    let locks = Arc::new(Locks::default());
    if arguments.first().is_none_or(|name| name != "ring-of-statics") {
        show(&locks);
    }
    match arguments.first().map_or("", String::as_str) {
        "ring" => ring(&locks),
        "ring-of-statics" => ring_of_statics(),
        "last-reader" => last_reader(&locks),
        "read-again" => read_again(&locks),
        "convoy" => convoy(&locks, false),
        "convoy-and-reference" => convoy(&locks, true),
        "condvar" => condvar(),
        "ordered" => ordered(&locks),
        other => panic!("unknown name {other:?}"),
    }
    println!("ready");
    thread::sleep(LONG);
    black_box(locks.before);
}

/// In a function of its own, as [`ring_of_statics`], so that the main thread does not keep the addresses.
#[inline(never)]
fn show(locks: &Locks) {
    println!("{:#x} {:#x}", from_ref(&locks.mutex).addr(), from_ref(&locks.lock).addr());
}

/// A thread with its own reference to the locks.
fn spawn(locks: &Arc<Locks>, run: impl FnOnce(&Locks) + Send + 'static) {
    let locks = Arc::clone(locks);
    thread::spawn(move || run(&locks));
}

fn ring(locks: &Arc<Locks>) {
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    spawn(locks, move |locks| mutex_then_write(&locks.mutex, &locks.lock, &barrier));
    spawn(locks, move |locks| write_then_mutex(&locks.lock, &locks.mutex, &other));
}

#[inline(never)]
fn mutex_then_write(mutex: &Mutex<[u8; 7]>, lock: &RwLock<u64>, barrier: &Barrier) {
    let mut had = mutex.lock();
    barrier.wait();
    *lock.write() += 1;
    had[0] += 1;
}

#[inline(never)]
fn write_then_mutex(lock: &RwLock<u64>, mutex: &Mutex<[u8; 7]>, barrier: &Barrier) {
    let mut had = lock.write();
    barrier.wait();
    mutex.lock()[0] += 1;
    *had += 1;
}

/// Here no thread needs the addresses on its stack.
#[inline(never)]
fn ring_of_statics() {
    show(&LOCKS);
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    thread::spawn(move || static_mutex_then_write(&barrier));
    thread::spawn(move || static_write_then_mutex(&other));
}

#[inline(never)]
fn static_mutex_then_write(barrier: &Barrier) {
    let mut had = LOCKS.mutex.lock();
    barrier.wait();
    *LOCKS.lock.write() += 1;
    had[0] += 1;
}

#[inline(never)]
fn static_write_then_mutex(barrier: &Barrier) {
    let mut had = LOCKS.lock.write();
    barrier.wait();
    LOCKS.mutex.lock()[0] += 1;
    *had += 1;
}

/// A ring in which a writer waits for a reader: in a queue of its own.
fn last_reader(locks: &Arc<Locks>) {
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    spawn(locks, move |locks| mutex_then_write(&locks.mutex, &locks.lock, &barrier));
    spawn(locks, move |locks| read_then_mutex(&locks.lock, &locks.mutex, &other));
}

#[inline(never)]
fn read_then_mutex(lock: &RwLock<u64>, mutex: &Mutex<[u8; 7]>, barrier: &Barrier) {
    let had = lock.read();
    barrier.wait();
    mutex.lock()[0] += 1;
    black_box(*had);
}

/// A reader reads again, behind a writer that waits for it. Another thread has no more than a reference.
fn read_again(locks: &Arc<Locks>) {
    let (has_read, is_read) = mpsc::channel();
    spawn(locks, sleep_with_a_reference);
    spawn(locks, move |locks| read_twice(&locks.lock, &has_read));
    let _ = is_read.recv();
    spawn(locks, |locks| write(&locks.lock));
}

#[inline(never)]
fn read_twice(lock: &RwLock<u64>, has_read: &mpsc::Sender<()>) {
    let had = lock.read();
    let _ = has_read.send(());
    // Until a writer waits.
    while lock.try_read().is_some() {
        thread::yield_now();
    }
    black_box(*lock.read() + *had);
}

#[inline(never)]
fn write(lock: &RwLock<u64>) {
    *lock.write() += 1;
}

#[inline(never)]
fn sleep_with_a_reference(locks: &Locks) {
    // It has to keep the address until it wakes.
    thread::sleep(LONG);
    locks.mutex.lock()[0] += 1;
    write(&locks.lock);
}

/// Three threads wait for a thread that sleeps with the lock. With `and_reference`, one more has only a reference.
fn convoy(locks: &Arc<Locks>, and_reference: bool) {
    let (has_locked, is_held) = mpsc::channel();
    spawn(locks, move |locks| sleep_with_the_lock(&locks.mutex, &has_locked));
    let _ = is_held.recv();
    if and_reference {
        spawn(locks, |locks| sleep_before_the_lock(&locks.mutex));
    }
    for _ in 0..3 {
        spawn(locks, |locks| wait_for_the_lock(&locks.mutex));
    }
}

#[inline(never)]
fn sleep_with_the_lock(lock: &Mutex<[u8; 7]>, held: &mpsc::Sender<()>) {
    let mut guard = lock.lock();
    let _ = held.send(());
    thread::sleep(LONG);
    guard[0] += 1;
}

#[inline(never)]
fn sleep_before_the_lock(lock: &Mutex<[u8; 7]>) {
    thread::sleep(LONG);
    lock.lock()[0] += 1;
}

#[inline(never)]
fn wait_for_the_lock(lock: &Mutex<[u8; 7]>) {
    lock.lock()[0] += 1;
}

/// Two threads wait for one condition, each at a futex of its own.
fn condvar() {
    let shared = Arc::new((Mutex::new(false), parking_lot::Condvar::new()));
    for _ in 0..2 {
        let shared = Arc::clone(&shared);
        thread::spawn(move || wait_for_the_condition(&shared.0, &shared.1));
    }
}

#[inline(never)]
fn wait_for_the_condition(is_so: &Mutex<bool>, condvar: &parking_lot::Condvar) {
    let mut guard = is_so.lock();
    while !*guard {
        condvar.wait(&mut guard);
    }
}

/// Healthy: threads take two locks in the same order all the time, and one thread refers to both.
fn ordered(locks: &Arc<Locks>) {
    for _ in 0..4 {
        spawn(locks, |locks| {
            loop {
                take_both_in_order(&locks.mutex, &locks.lock);
            }
        });
    }
    spawn(locks, sleep_with_a_reference);
}

#[inline(never)]
fn take_both_in_order(mutex: &Mutex<[u8; 7]>, lock: &RwLock<u64>) {
    let mut first = mutex.lock();
    let mut second = lock.write();
    for _ in 0..1000 {
        first[0] = black_box(first[0].wrapping_add(*second as u8));
        *second = black_box(second.wrapping_add(1));
    }
}

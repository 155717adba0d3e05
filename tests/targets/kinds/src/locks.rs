//! Tokio's locks, each with one task that holds it and others that wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore};
use tokio::time::sleep;

use crate::LONG;

pub(crate) async fn start() {
    let mutex = Arc::new(Mutex::new(0));
    holds(tokio::spawn(holds_mutex(mutex.clone())), || mutex.try_lock().is_err()).await;
    tokio::spawn(waits_for_mutex(mutex.clone()));
    tokio::spawn(waits_for_mutex_owned(mutex));
    let lock = Arc::new(RwLock::new(0));
    holds(tokio::spawn(reads(lock.clone())), || lock.try_write().is_err()).await;
    tokio::spawn(waits_to_write(lock.clone()));
    let other = Arc::new(RwLock::new(0));
    holds(tokio::spawn(writes(other.clone())), || other.try_read().is_err()).await;
    tokio::spawn(waits_to_read(other.clone()));
    tokio::spawn(waits_to_read_owned(other));
    let permits = Arc::new(Semaphore::new(1));
    holds(tokio::spawn(holds_permit(permits.clone())), || permits.available_permits() == 0).await;
    tokio::spawn(waits_for_permit(permits.clone()));
    tokio::spawn(waits_for_permits(permits.clone()));
    tokio::spawn(waits_for_permit_owned(permits));
    tokio::spawn(waits_for_notify(Arc::new(Notify::new())));
    tokio::spawn(waits_for_notify_enabled(Arc::new(Notify::new())));
    tokio::spawn(waits_at_barrier(Arc::new(Barrier::new(2))));
    let cell = Arc::new(OnceCell::new());
    tokio::spawn(initializes(cell.clone()));
    sleep(Duration::from_millis(20)).await;
    tokio::spawn(waits_for_cell(cell));
}

/// Waits until the task has locked.
async fn holds(_task: tokio::task::JoinHandle<()>, mut is_held: impl FnMut() -> bool) {
    while !is_held() {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn holds_mutex(mutex: Arc<Mutex<u64>>) {
    let mut guard = mutex.lock().await;
    sleep(LONG).await;
    *guard += 1;
}

async fn waits_for_mutex(mutex: Arc<Mutex<u64>>) {
    *mutex.lock().await += 1;
}

async fn waits_for_mutex_owned(mutex: Arc<Mutex<u64>>) {
    *mutex.lock_owned().await += 1;
}

async fn reads(lock: Arc<RwLock<u64>>) {
    let guard = lock.read().await;
    sleep(LONG).await;
    println!("{guard}");
}

async fn waits_to_write(lock: Arc<RwLock<u64>>) {
    *lock.write().await += 1;
}

async fn writes(lock: Arc<RwLock<u64>>) {
    let mut guard = lock.write().await;
    sleep(LONG).await;
    *guard += 1;
}

async fn waits_to_read(lock: Arc<RwLock<u64>>) {
    println!("{}", lock.read().await);
}

async fn waits_to_read_owned(lock: Arc<RwLock<u64>>) {
    println!("{}", lock.read_owned().await);
}

async fn holds_permit(permits: Arc<Semaphore>) {
    let permit = permits.acquire().await;
    sleep(LONG).await;
    drop(permit);
}

async fn waits_for_permit(permits: Arc<Semaphore>) {
    drop(permits.acquire().await);
}

async fn waits_for_permits(permits: Arc<Semaphore>) {
    drop(permits.acquire_many(10).await);
}

async fn waits_for_permit_owned(permits: Arc<Semaphore>) {
    drop(permits.acquire_owned().await);
}

async fn waits_for_notify(notify: Arc<Notify>) {
    notify.notified().await;
}

async fn waits_for_notify_enabled(notify: Arc<Notify>) {
    let notified = notify.notified();
    tokio::pin!(notified);
    notified.as_mut().enable();
    notified.await;
}

async fn waits_at_barrier(barrier: Arc<Barrier>) {
    barrier.wait().await;
}

async fn initializes(cell: Arc<OnceCell<u64>>) {
    let number = cell.get_or_init(async || {
        sleep(LONG).await;
        1
    });
    println!("{}", number.await);
}

async fn waits_for_cell(cell: Arc<OnceCell<u64>>) {
    println!("{}", cell.get_or_init(async || 2).await);
}

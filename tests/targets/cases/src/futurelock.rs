//! Futures that keep a lock and are not polled any more (RFD 609 of Oxide names this a futurelock), and healthy
//! programs that look alike: `cases futurelock SHAPE`. Each task prints its shape and id first; `ready` comes when the
//! state is reached.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::select;
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;

const LONG: Duration = Duration::from_secs(600);

type Lock = Arc<Mutex<u32>>;

/// Takes the lock and keeps it for long.
async fn keep(lock: Lock) {
    let mut guard = lock.lock().await;
    *guard += 1;
    sleep(LONG).await;
    *guard += 1;
}

/// Takes the lock for a moment.
async fn touch(lock: &Mutex<u32>) {
    let mut guard = lock.lock().await;
    *guard += 1;
}

/// Polls a future until it waits.
async fn begin<F: Future + ?Sized>(future: Pin<&mut F>) {
    select! {
        biased;
        _ = future => {}
        _ = tokio::task::yield_now() => {}
    }
}

async fn boxed(lock: Lock) {
    let mut first = Box::pin(keep(lock.clone()));
    select! {
        biased;
        () = &mut first => {}
        () = tokio::task::yield_now() => touch(&lock).await,
    }
    first.await;
}

async fn pinned(lock: Lock) {
    let mut first = pin!(keep(lock.clone()));
    select! {
        biased;
        () = &mut first => {}
        () = tokio::task::yield_now() => touch(&lock).await,
    }
    first.await;
}

async fn set(lock: Lock) {
    let mut all: FuturesUnordered<_> =
        [false, true].map(|keeps| one_of(lock.clone(), keeps)).into_iter().collect();
    while all.next().await.is_some() {
        touch(&lock).await;
    }
}

async fn one_of(lock: Lock, keeps: bool) {
    match keeps {
        true => keep(lock).await,
        // The other one has the lock by then.
        false => tokio::task::yield_now().await,
    }
}

async fn list(lock: Lock) {
    let mut all: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = vec![Box::pin(keep(lock.clone()))];
    begin(all[0].as_mut()).await;
    touch(&lock).await;
    all.remove(0).await;
}

async fn option(lock: Lock) {
    let mut kept = Some(Box::pin(keep(lock.clone())));
    if let Some(first) = &mut kept {
        begin(first.as_mut()).await;
    }
    touch(&lock).await;
    if let Some(first) = kept {
        first.await;
    }
}

/// The lock is given to a future that waits for it and is not polled any more.
async fn given(lock: Lock) {
    let holder = lock.clone().lock_owned().await;
    let mut first = Box::pin(keep(lock.clone()));
    begin(first.as_mut()).await;
    drop(holder);
    touch(&lock).await;
    first.await;
}

/// The future that kept the lock is gone.
async fn dropped(lock: Lock) {
    {
        let mut first = pin!(keep(lock.clone()));
        begin(first.as_mut()).await;
    }
    touch(&lock).await;
    sleep(LONG).await;
}

/// It keeps the lock, and waits for something else.
async fn elsewhere(lock: Lock) {
    let mut first = Box::pin(keep(lock.clone()));
    begin(first.as_mut()).await;
    sleep(LONG).await;
    first.await;
}

/// It is polled beside the one that waits for its lock.
async fn both(lock: Lock) {
    let mut first = Box::pin(keep(lock.clone()));
    begin(first.as_mut()).await;
    tokio::join!(first.as_mut(), touch(&lock));
}

/// It waits for the lock, but not for ever.
async fn timeout(lock: Lock) {
    let mut first = Box::pin(keep(lock.clone()));
    begin(first.as_mut()).await;
    let _ = tokio::time::timeout(LONG, touch(&lock)).await;
    first.await;
}

/// The futures of a set are tasks: the runtime polls them.
async fn tasks(lock: Lock) {
    let mut set = JoinSet::new();
    let (begun, begins) = oneshot::channel();
    let kept = lock.clone();
    set.spawn(async move {
        let mut guard = kept.lock().await;
        let _ = begun.send(());
        sleep(LONG).await;
        *guard += 1;
    });
    let _ = begins.await;
    touch(&lock).await;
    while set.join_next().await.is_some() {}
}

/// A guard that was used and dropped, while a thread has the lock: its bytes are still there.
async fn used(lock: Lock) {
    let mut guard = lock.lock().await;
    *guard += 1;
    add(&mut guard);
    drop(guard);
    let other = lock.clone();
    let (taken, takes) = oneshot::channel();
    std::thread::spawn(move || {
        let _guard = other.blocking_lock();
        let _ = taken.send(());
        std::thread::sleep(LONG);
    });
    let _ = takes.await;
    touch(&lock).await;
}

fn add(guard: &mut MutexGuard<'_, u32>) {
    **guard += 1;
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &[String]) {
    crate::watch();
    let lock = Lock::default();
    let task = match arguments.first().map_or("", String::as_str) {
        "boxed" => tokio::spawn(boxed(lock)),
        "pinned" => tokio::spawn(pinned(lock)),
        "set" => tokio::spawn(set(lock)),
        "list" => tokio::spawn(list(lock)),
        "option" => tokio::spawn(option(lock)),
        "given" => tokio::spawn(given(lock)),
        "dropped" => tokio::spawn(dropped(lock)),
        "elsewhere" => tokio::spawn(elsewhere(lock)),
        "both" => tokio::spawn(both(lock)),
        "timeout" => tokio::spawn(timeout(lock)),
        "tasks" => tokio::spawn(tasks(lock)),
        _ => tokio::spawn(used(lock)),
    };
    // Until all tasks wait.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    println!("ready");
    let _ = task.await;
}

//! One task of each of a few kinds, suspended for ever, each at a known place.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rgops_agent::Options;
use tokio::runtime::Builder;
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::task::JoinHandle;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(100_000);

/// An async fn that awaits another one, which awaits a lock.
async fn nested(lock: Arc<Mutex<u64>>) -> u64 {
    locked(&lock).await
}

async fn locked(lock: &Mutex<u64>) -> u64 {
    *lock.lock().await
}

/// Futures on the heap: only their vtables give their types.
async fn boxed() {
    let hidden: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(sleeps());
    hidden.await;
}

async fn sleeps() {
    tokio::time::sleep(LONG).await;
}

/// Waits for the first of several futures.
async fn selects(notify: Arc<Notify>) {
    tokio::select! {
        () = notify.notified() => {}
        () = sleeps() => {}
    }
}

/// Waits for the end of another task.
async fn joins(other: JoinHandle<()>) {
    let _ = other.await;
}

/// A time limit around another future.
async fn limited() {
    let _ = tokio::time::timeout(LONG, pending::<()>()).await;
}

/// Waits for a message.
async fn receives(receiver: oneshot::Receiver<u8>) {
    let _ = receiver.await;
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let inside = runtime.enter();
    let agent = rgops_agent::listen(Options::default()).expect("the agent listens");
    let lock = Arc::new(Mutex::new(0));
    let held = lock.try_lock().expect("it is not locked yet");
    let (sender, receiver) = oneshot::channel();
    runtime.spawn(nested(lock.clone()));
    let other = runtime.spawn(boxed());
    runtime.spawn(selects(Arc::default()));
    runtime.spawn(joins(other));
    runtime.spawn(limited());
    runtime.spawn(receives(receiver));
    drop(inside);
    // Every task is at its `await` when two workers have been idle for a while.
    runtime.block_on(async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    println!("{}", agent.address());
    println!("ready");
    std::thread::sleep(LONG);
    drop((held, sender));
}

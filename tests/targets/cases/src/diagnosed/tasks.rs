//! Tasks that wait for each other, and tasks that pile up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Barrier, Mutex, Notify, mpsc};

use crate::program::{compute, ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("task-deadlock", deadlock),
    ("join-deadlock", join_deadlock),
    ("futurelock", futurelock),
    ("select-of-locks", select_of_locks),
    ("piling-tasks", piling),
    ("ordered-locks", ordered),
    ("short-tasks", short),
];

struct Books {
    stock: Mutex<u64>,
    ledger: Mutex<u64>,
    both_have_one: Barrier,
}

fn books() -> Arc<Books> {
    Arc::new(Books { stock: Mutex::new(0), ledger: Mutex::new(0), both_have_one: Barrier::new(2) })
}

/// Sick: two tasks lock two Mutexes in opposite order.
fn deadlock() {
    let runtime = runtime(4);
    let books = books();
    let (waits, mut waiting) = mpsc::channel(2);
    runtime.spawn(sell(Arc::clone(&books), waits.clone()));
    runtime.spawn(buy(books, waits));
    runtime.block_on(async {
        waiting.recv().await;
        waiting.recv().await;
    });
    ready()
}

async fn sell(books: Arc<Books>, waits: mpsc::Sender<()>) {
    let mut stock = books.stock.lock().await;
    books.both_have_one.wait().await;
    let _ = waits.send(()).await;
    *books.ledger.lock().await += 1;
    *stock -= 1;
}

async fn buy(books: Arc<Books>, waits: mpsc::Sender<()>) {
    let mut ledger = books.ledger.lock().await;
    books.both_have_one.wait().await;
    let _ = waits.send(()).await;
    *books.stock.lock().await += 1;
    *ledger -= 1;
}

/// Sick: a task waits for the end of another one, which waits for its lock.
fn join_deadlock() {
    let runtime = runtime(4);
    let books = books();
    let (waits, mut waiting) = mpsc::channel(1);
    runtime.spawn(close_the_day(books, waits));
    runtime.block_on(waiting.recv());
    ready()
}

async fn close_the_day(books: Arc<Books>, waits: mpsc::Sender<()>) {
    let mut stock = books.stock.lock().await;
    let of_task = Arc::clone(&books);
    let count = tokio::spawn(async move { *of_task.stock.lock().await });
    let _ = waits.send(()).await;
    *stock += count.await.unwrap_or_default();
}

/// Sick: a task takes a lock in one branch of a `select!`, and waits for it in the handler of another one.
fn futurelock() {
    let runtime = runtime(4);
    let stock = Arc::new(Mutex::new(0));
    let (waits, mut waiting) = mpsc::channel(1);
    runtime.spawn(refresh_or_report(stock, waits));
    runtime.block_on(waiting.recv());
    ready()
}

async fn refresh_or_report(stock: Arc<Mutex<u64>>, waits: mpsc::Sender<()>) {
    let mut refreshing = Box::pin(refresh(Arc::clone(&stock)));
    tokio::select! {
        biased;
        () = &mut refreshing => {}
        () = tokio::task::yield_now() => {
            let _ = waits.send(()).await;
            *stock.lock().await += 1;
        }
    }
    refreshing.await;
}

async fn refresh(stock: Arc<Mutex<u64>>) {
    let mut guard = stock.lock().await;
    tokio::time::sleep(crate::program::LONG).await;
    *guard += 1;
}

/// Healthy: the branch that has the lock is polled while others wait for it, or is gone when its task waits for it.
fn select_of_locks() {
    let runtime = runtime(4);
    let stock = Arc::new(Mutex::new(0));
    for _ in 0..20 {
        let stock = Arc::clone(&stock);
        runtime.spawn(async move {
            loop {
                tokio::select! {
                    () = brief_refresh(&stock) => {}
                    () = tokio::time::sleep(Duration::from_millis(3)) => {}
                }
                *stock.lock().await += 1;
            }
        });
    }
    ready()
}

async fn brief_refresh(stock: &Mutex<u64>) {
    let mut stock = stock.lock().await;
    compute(Duration::from_micros(100));
    tokio::time::sleep(Duration::from_millis(2)).await;
    *stock += 1;
}

/// Sick: 200 tasks a second that wait for something that never comes.
fn piling() {
    let runtime = runtime(4);
    let never = Arc::new(Notify::new());
    runtime.spawn(async move {
        loop {
            tokio::spawn(wait_for_news(Arc::clone(&never)));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    ready()
}

async fn wait_for_news(never: Arc<Notify>) {
    never.notified().await;
}

/// Healthy: many tasks lock two Mutexes in the same order, all the time.
fn ordered() {
    let runtime = runtime(4);
    let books = books();
    for _ in 0..50 {
        let books = Arc::clone(&books);
        runtime.spawn(async move {
            loop {
                let mut stock = books.stock.lock().await;
                let mut ledger = books.ledger.lock().await;
                compute(Duration::from_micros(200));
                *stock += 1;
                *ledger += 1;
                drop((stock, ledger));
                tokio::task::yield_now().await;
            }
        });
    }
    ready()
}

/// Healthy: 1,000 tasks a second that live for a fifth of a second.
fn short() {
    let runtime = runtime(4);
    runtime.spawn(async {
        loop {
            for _ in 0..10 {
                tokio::spawn(async {
                    compute(Duration::from_micros(100));
                    tokio::time::sleep(Duration::from_millis(200)).await;
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    ready()
}

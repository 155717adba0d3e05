//! Several futures at the same time: `select!`, `join!` and similar macros, lists of futures, time limits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::future::{join_all, select, select_all, select_ok, try_join_all};
use futures::stream::{FuturesOrdered, FuturesUnordered, StreamExt as _};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::{sleep, timeout};

use crate::{Kept, LONG};

pub(crate) fn start(kept: &mut Kept) {
    let notify = Arc::new(Notify::new());
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(selects(receiver, notify.clone()));
    let (other_sender, receiver) = mpsc::channel(4);
    tokio::spawn(selects_handlers(receiver));
    tokio::spawn(selects_in_order(notify.clone()));
    tokio::spawn(selects_some(notify.clone(), false));
    tokio::spawn(selects_pinned(notify.clone()));
    tokio::spawn(selects_in_a_select(notify.clone()));
    tokio::spawn(joins(notify.clone()));
    tokio::spawn(joins_what_is_left(notify.clone()));
    tokio::spawn(joins_in_a_line());
    tokio::spawn(tries_to_join(notify.clone()));
    tokio::spawn(joins_and_selects(notify.clone()));
    tokio::spawn(futures_selects(notify.clone()));
    tokio::spawn(futures_joins());
    tokio::spawn(selects_by_function());
    tokio::spawn(selects_all());
    tokio::spawn(selects_ok());
    tokio::spawn(joins_all(3));
    tokio::spawn(joins_all(40));
    tokio::spawn(tries_to_join_all());
    tokio::spawn(joins_boxed());
    tokio::spawn(unordered(3));
    tokio::spawn(unordered(40));
    tokio::spawn(ordered());
    tokio::spawn(limited(notify.clone()));
    tokio::spawn(limits_a_lock(Arc::new(Mutex::const_new(0))));
    tokio::spawn(unconstrained(notify.clone()));
    kept.push(Box::new((notify, sender, other_sender)));
}

async fn step(number: u64) -> u64 {
    sleep(LONG).await;
    number
}

async fn try_step(number: u64) -> Result<u64, ()> {
    Ok(step(number).await)
}

async fn selects(mut receiver: mpsc::Receiver<u64>, notify: Arc<Notify>) {
    loop {
        tokio::select! {
            () = notify.notified() => {}
            received = receiver.recv() => {
                if received.is_none() {
                    return;
                }
            }
            () = sleep(LONG) => {}
        }
    }
}

/// The handler of a branch awaits: the futures of the `select!` are already dropped.
async fn selects_handlers(mut receiver: mpsc::Receiver<u64>) {
    tokio::select! {
        () = std::future::ready(()) => {
            step(1).await;
        }
        received = receiver.recv() => {
            println!("{received:?}");
        }
    }
}

async fn selects_in_order(notify: Arc<Notify>) {
    let number = tokio::select! {
        biased;
        () = notify.notified() => 1,
        number = step(2) => number,
    };
    println!("{number}");
}

/// A branch whose condition is false is not polled.
async fn selects_some(notify: Arc<Notify>, has_second: bool) {
    tokio::select! {
        () = notify.notified() => {}
        number = step(2), if has_second => println!("{number}"),
        else => {}
    }
}

/// Futures that outlive the `select!`.
async fn selects_pinned(notify: Arc<Notify>) {
    let stepping = step(3);
    tokio::pin!(stepping);
    let mut boxed = Box::pin(step(4));
    loop {
        tokio::select! {
            number = &mut stepping => println!("{number}"),
            number = &mut boxed => println!("{number}"),
            () = notify.notified() => {}
        }
    }
}

async fn selects_in_a_select(notify: Arc<Notify>) {
    tokio::select! {
        () = async {
            tokio::select! {
                number = step(1) => println!("{number}"),
                number = step(2) => println!("{number}"),
            }
        } => {}
        () = notify.notified() => {}
    }
}

async fn joins(notify: Arc<Notify>) {
    tokio::join!(
        async {
            notify.notified().await;
        },
        step(7),
    );
}

/// One of the futures has ended.
async fn joins_what_is_left(notify: Arc<Notify>) {
    let (_, number) = tokio::join!(async { 1 }, step(8));
    notify.notified().await;
    println!("{number}");
}

async fn joins_in_a_line() -> u64 {
    let first = async { 1 }.await;
    let (second, third) = tokio::join!(step(1), step(2));
    first + second + third
}

async fn tries_to_join(notify: Arc<Notify>) -> Result<u64, ()> {
    let waits = async {
        notify.notified().await;
        Ok(1)
    };
    let (first, second) = tokio::try_join!(waits, try_step(9))?;
    Ok(first + second)
}

/// Two macros in one function: each await has its own line.
async fn joins_and_selects(notify: Arc<Notify>) {
    tokio::select! {
        () = std::future::ready(()) => {}
        () = notify.notified() => {}
    }
    let (first, second) = tokio::join!(step(1), step(2));
    tokio::select! {
        () = sleep(LONG) => println!("{first}"),
        () = notify.notified() => println!("{second}"),
    }
}

async fn futures_selects(notify: Arc<Notify>) {
    use futures::FutureExt as _;
    let mut stepping = Box::pin(step(5)).fuse();
    let mut notified = Box::pin(notify.notified()).fuse();
    futures::select! {
        number = stepping => println!("{number}"),
        () = notified => {}
    }
}

async fn futures_joins() {
    futures::join!(step(1), step(2));
}

async fn selects_by_function() {
    select(Box::pin(step(1)), Box::pin(sleep(LONG))).await;
}

async fn selects_all() {
    select_all((0..3).map(|number| Box::pin(step(number)))).await;
}

async fn selects_ok() {
    let _ = select_ok((0..2).map(|number| Box::pin(try_step(number)))).await;
}

async fn joins_all(count: u64) {
    join_all((0..count).map(step)).await;
}

async fn tries_to_join_all() {
    let _ = try_join_all((0..3).map(try_step)).await;
}

async fn joins_boxed() {
    let both: Vec<Pin<Box<dyn Future<Output = u64> + Send>>> =
        vec![Box::pin(step(1)), Box::pin(async { try_step(2).await.unwrap_or_default() })];
    join_all(both).await;
}

async fn unordered(count: u64) {
    let mut steps: FuturesUnordered<_> = (0..count).map(step).collect();
    while steps.next().await.is_some() {}
}

async fn ordered() {
    let mut steps: FuturesOrdered<_> = (0..3).map(step).collect();
    while steps.next().await.is_some() {}
}

async fn limited(notify: Arc<Notify>) {
    let _ = timeout(LONG, notify.notified()).await;
}

async fn limits_a_lock(lock: Arc<Mutex<u64>>) {
    let guard = lock.lock().await;
    let _ = timeout(LONG, lock.lock()).await;
    drop(guard);
}

async fn unconstrained(notify: Arc<Notify>) {
    tokio::task::unconstrained(notify.notified()).await;
}

//! Tasks that wait for tasks; tasks of a `LocalSet` and of a current-thread runtime.

use std::rc::Rc;

use rgops_agent::Agent;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet, LocalSet, spawn_blocking};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Kept, LONG};

pub(crate) fn start(agent: &Agent, kept: &mut Kept) {
    let other = tokio::spawn(step(0));
    tokio::spawn(waits_for_task(other));
    tokio::spawn(joins_set());
    tokio::spawn(joins_handles());
    tokio::spawn(waits_for_thread());
    let token = CancellationToken::new();
    tokio::spawn(waits_to_be_cancelled(token.clone()));
    tokio::spawn(runs_until_cancelled(token.clone()));
    tokio::spawn(tracks());
    kept.push(Box::new(token));

    // No longer driven when all its tasks are at their awaits.
    let single = Builder::new_current_thread().enable_all().build().expect("a runtime");
    agent.watch(single.handle(), "single");
    single.spawn(step(7));
    let set = LocalSet::new();
    agent.watch_local_set(&set, "local");
    single.block_on(set.run_until(async {
        let other = tokio::task::spawn_local(counts(Rc::new(1)));
        tokio::task::spawn_local(waits_for_local(other));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }));
    std::mem::forget((set, single));
}

async fn step(number: u64) -> u64 {
    sleep(LONG).await;
    number
}

async fn waits_for_task(other: JoinHandle<u64>) {
    let _ = other.await;
}

async fn joins_set() {
    let mut set = JoinSet::new();
    for number in 1..3 {
        set.spawn(step(number));
    }
    while set.join_next().await.is_some() {}
}

async fn joins_handles() {
    let _ = tokio::join!(tokio::spawn(step(3)), tokio::spawn(step(4)));
}

async fn waits_for_thread() {
    let _ = spawn_blocking(|| std::thread::sleep(LONG)).await;
}

async fn waits_to_be_cancelled(token: CancellationToken) {
    token.cancelled().await;
}

async fn runs_until_cancelled(token: CancellationToken) {
    token.run_until_cancelled(step(5)).await;
}

async fn tracks() {
    let tracker = TaskTracker::new();
    tracker.spawn(step(6));
    tracker.close();
    tracker.wait().await;
}

async fn counts(number: Rc<u64>) -> u64 {
    sleep(LONG).await;
    *number
}

async fn waits_for_local(other: JoinHandle<u64>) {
    let _ = other.await;
}

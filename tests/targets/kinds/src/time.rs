//! Timers.

use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use crate::LONG;

pub(crate) fn start() {
    tokio::spawn(sleeps());
    tokio::spawn(sleeps_until());
    tokio::spawn(sleeps_pinned());
    tokio::spawn(ticks());
    tokio::spawn(limits());
    tokio::spawn(sleep(LONG));
}

async fn sleeps() {
    sleep(LONG).await;
}

async fn sleeps_until() {
    sleep_until(Instant::now() + LONG).await;
}

async fn sleeps_pinned() {
    let sleeping = sleep(LONG);
    tokio::pin!(sleeping);
    sleeping.as_mut().await;
}

async fn ticks() {
    let mut interval = interval(LONG);
    loop {
        interval.tick().await;
    }
}

async fn limits() {
    let _ = timeout(LONG, std::future::pending::<()>()).await;
}

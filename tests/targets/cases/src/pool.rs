//! A program without Tokio: two threads of a thread pool that run futures: `cases pool`.

use std::thread;
use std::time::Duration;

use futures::executor::ThreadPool;

pub(crate) fn run(_arguments: &[String]) {
    let pool = ThreadPool::builder().pool_size(2).create().expect("threads can be started");
    pool.spawn_ok(async { futures::future::pending().await });
    thread::sleep(Duration::from_secs(600));
}

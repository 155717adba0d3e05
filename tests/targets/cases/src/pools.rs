//! A runtime with each kind of thread: a worker in a synchronous call, one that waits, a thread for blocking work that
//! has some, and one that waits for it: `cases pools`.

use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

pub(crate) fn run(_: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_keep_alive(LONG)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let idle = tokio::task::spawn_blocking(|| ());
        idle.await.expect("it ends");
        // Taken by the thread that waits: then there is none, and the next one starts another thread.
        let first = tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(300)));
        tokio::task::spawn_blocking(|| thread::sleep(LONG));
        first.await.expect("it ends");
        tokio::spawn(async { thread::sleep(LONG) });
        tokio::time::sleep(LONG).await;
    });
}

//! A program that brings its runtimes into known still states, one per order, and reports the state of its
//! schedulers: as the author knows it and, if built with `--cfg tokio_unstable`, as Tokio's own metrics report it.
//! `tests/targets/unstable` builds this file with that flag.

use std::io::{self, BufRead as _, Write as _};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

const WORKERS: usize = 4;
/// Maximum number of closures that run at the same time; the others wait.
const BLOCKING: usize = 3;
/// Closures that end before the next ones begin: their threads stay idle.
const ENDING: usize = 2;
/// Closures in the queue.
const WAITING: usize = 5;
/// The number of tasks that the stuck task of each worker has spawned. The last one is in the LIFO slot.
const SPAWNED: [usize; WORKERS] = [0, 1, 3, 7];
/// Tasks in the global queue.
const OUTSIDE: usize = 9;
const SIDE_SPAWNED: usize = 6;
const SIDE_OUTSIDE: usize = 2;

fn main() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).max_blocking_threads(BLOCKING);
    let main = builder.thread_keep_alive(Duration::from_secs(3600)).build().expect("a runtime");
    let side = Builder::new_current_thread().build().expect("a runtime");
    let agent = {
        let _inside = main.enter();
        rgops_agent::listen(rgops_agent::Options::default().watch(side.handle(), "side"))
    };
    let agent = agent.expect("the agent listens");
    println!("{}", agent.address());
    let side_handle = side.handle().clone();
    let program = Program { main, side_handle, side: Mutex::new(Some(side)) };
    for order in io::stdin().lock().lines() {
        let order = order.expect("standard input is a pipe");
        let answer = match order.as_str() {
            "idle" => program.idle(),
            "pool" => program.pool(),
            "blocking" => program.blocking(),
            "stuck" => program.stuck(),
            "metrics" => metrics(program.main.handle()),
            "side-metrics" => metrics(&program.side_handle),
            other => panic!("no order {other}"),
        };
        writeln!(io::stdout().lock(), "{answer}").expect("standard output is a pipe");
    }
    std::process::exit(0);
}

struct Program {
    main: Runtime,
    side_handle: Handle,
    side: Mutex<Option<Runtime>>,
}

impl Program {
    /// Every worker is parked, and the queues are empty.
    fn idle(&self) -> String {
        let metrics = self.main.metrics();
        let is_parked = |worker| metrics.worker_park_unpark_count(worker) % 2 == 1;
        while !(0..WORKERS).all(is_parked) {
            std::thread::sleep(Duration::from_millis(1));
        }
        "idle".to_owned()
    }

    /// Some blocking threads are idle.
    fn pool(&self) -> String {
        let together = Arc::new(std::sync::Barrier::new(ENDING));
        for _ in 0..ENDING {
            let together = together.clone();
            self.main.spawn_blocking(move || together.wait());
        }
        format!("blocking={ENDING} idleblocking={ENDING} blockingqueue=0")
    }

    /// Every blocking thread runs a closure, and more closures are queued, until the program ends.
    fn blocking(&self) -> String {
        let (started, wait) = mpsc::channel();
        for _ in 0..BLOCKING + WAITING {
            let started = started.clone();
            self.main.spawn_blocking(move || {
                let _ = started.send(());
                stay();
            });
        }
        (0..BLOCKING).for_each(|_| wait.recv().expect("they start"));
        format!("blocking={BLOCKING} idleblocking=0 blockingqueue={WAITING}")
    }

    /// Every worker is stuck in a poll and has tasks in its queue; more are in the global queue.
    fn stuck(&self) -> String {
        let (started, wait) = mpsc::channel();
        let spawned = Arc::new(Mutex::new(SPAWNED.to_vec()));
        let mut go = Vec::new();
        let mut tasks = 0;
        while go.len() < WORKERS {
            let (send_go, wait_go) = mpsc::channel::<()>();
            let (started, spawned) = (started.clone(), spawned.clone());
            self.main.spawn(async move {
                let _ = started.send(());
                // Not before every worker is stuck: an idle worker would steal the tasks.
                let _ = wait_go.recv();
                let count = spawned.lock().expect("no holder panics").pop().unwrap_or_default();
                (0..count).for_each(|_| drop(tokio::spawn(async {})));
                let _ = started.send(());
                stay();
            });
            tasks += 1;
            // A task in the queue of a stuck worker is never polled: spawn another one.
            if wait.recv_timeout(Duration::from_secs(1)).is_ok() {
                go.push(send_go);
            } else {
                std::mem::forget(send_go);
            }
        }
        for go in &go {
            go.send(()).expect("it waits");
            wait.recv().expect("it has spawned");
        }
        std::mem::forget(go);
        (0..OUTSIDE).for_each(|_| drop(self.main.spawn(async {})));
        let alive = tasks + SPAWNED.iter().sum::<usize>() + OUTSIDE;
        format!("alive={alive} runqueue={OUTSIDE} exact={} {}", tasks == WORKERS, self.stuck_side())
    }

    /// The same for the current-thread runtime.
    fn stuck_side(&self) -> String {
        let runtime = self.side.lock().expect("no holder panics").take().expect("not stuck yet");
        let (started, wait) = mpsc::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                (0..SIDE_SPAWNED).for_each(|_| drop(tokio::spawn(async {})));
                let _ = started.send(());
                stay();
            });
        });
        wait.recv().expect("it starts");
        (0..SIDE_OUTSIDE).for_each(|_| drop(self.side_handle.spawn(async {})));
        format!("side={SIDE_SPAWNED} siderunqueue={SIDE_OUTSIDE}")
    }
}

/// Blocks the thread for ever.
fn stay() {
    loop {
        std::thread::park();
    }
}

/// Tokio's unstable metrics at this moment.
#[cfg(tokio_unstable)]
fn metrics(handle: &Handle) -> String {
    let metrics = handle.metrics();
    let queues =
        (0..metrics.num_workers()).map(|worker| metrics.worker_local_queue_depth(worker).to_string());
    format!(
        "workers={} blocking={} idleblocking={} blockingqueue={} runqueue={} alive={} queues={}",
        metrics.num_workers(),
        metrics.num_blocking_threads(),
        metrics.num_idle_blocking_threads(),
        metrics.blocking_queue_depth(),
        metrics.global_queue_depth(),
        metrics.num_alive_tasks(),
        queues.collect::<Vec<_>>().join(",")
    )
}

#[cfg(not(tokio_unstable))]
fn metrics(_handle: &Handle) -> String {
    "hidden".to_owned()
}

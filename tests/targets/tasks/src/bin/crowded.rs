//! A very large number of tasks that wait and count their polls, with a heartbeat task of 1 ms, and workers that get
//! stuck and free again on orders.
//!
//! Usage: crowded TASKS WORKERS. Orders come from standard input, one per line, and each is answered by a line.

use std::future::Future;
use std::hint::spin_loop;
use std::io::BufRead as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rgops_agent::Options;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// Number of polls of all [`Counted`] futures.
static POLLS: AtomicU64 = AtomicU64::new(0);
static BEATS: AtomicU64 = AtomicU64::new(0);
/// The longest time between two beats since the last request for it, in microseconds.
static WORST_GAP_US: AtomicU64 = AtomicU64::new(0);
/// Number of tasks that are stuck in a poll.
static STUCK: AtomicUsize = AtomicUsize::new(0);
static IS_FREE: AtomicBool = AtomicBool::new(true);
/// The lock that workers wait for when they are stuck in a lock.
static LOCK: Mutex<()> = Mutex::new(());

/// Counts its polls and is never woken: it must be polled exactly once.
struct Counted;

impl Future for Counted {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        POLLS.fetch_add(1, SeqCst);
        Poll::Pending
    }
}

async fn outer(number: u64) -> u64 {
    inner().await;
    number
}

async fn inner() {
    Counted.await;
}

async fn boxed() {
    let hidden: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(inner());
    hidden.await;
}

async fn selects(notify: Arc<Notify>) {
    tokio::select! {
        () = inner() => {}
        () = notify.notified() => {}
    }
}

async fn limited() {
    let _ = tokio::time::timeout(Duration::from_secs(100_000), inner()).await;
}

async fn heartbeat() {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = Instant::now();
        WORST_GAP_US.fetch_max((now - last).as_micros() as u64, SeqCst);
        BEATS.fetch_add(1, SeqCst);
        last = now;
    }
}

#[inline(never)]
fn culprit_spins() {
    STUCK.fetch_add(1, SeqCst);
    while !IS_FREE.load(SeqCst) {
        spin_loop();
    }
}

#[inline(never)]
fn culprit_locks() {
    STUCK.fetch_add(1, SeqCst);
    drop(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
}

async fn stuck_spinning() {
    culprit_spins();
}

async fn stuck_locking() {
    culprit_locks();
}

/// Waits until a condition is true, outside the runtime.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("a number"));
    let tasks = arguments.next().expect("TASKS");
    let workers = arguments.next().expect("WORKERS") as usize;
    let runtime =
        Builder::new_multi_thread().worker_threads(workers).enable_all().build().expect("a runtime");
    let inside = runtime.enter();
    let agent = rgops_agent::listen(Options::default()).expect("the agent listens");
    drop(inside);
    let notify = Arc::new(Notify::new());
    for number in 0..tasks {
        match number % 4 {
            0 => drop(runtime.spawn(outer(number))),
            1 => drop(runtime.spawn(boxed())),
            2 => drop(runtime.spawn(selects(notify.clone()))),
            _ => drop(runtime.spawn(limited())),
        }
    }
    until(|| POLLS.load(SeqCst) == tasks);
    runtime.spawn(heartbeat());
    until(|| BEATS.load(SeqCst) > 0);
    println!("ready");
    let mut held = None;
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        let answer = match order.as_str() {
            "address" => agent.address().to_string(),
            "polls" => POLLS.load(SeqCst).to_string(),
            // Number of beats, and the longest gap since the last request for it.
            "heartbeat" => format!("{} {}", BEATS.load(SeqCst), WORST_GAP_US.swap(0, SeqCst)),
            "spin" => stick(&runtime, workers, stuck_spinning),
            "lock" => {
                held = Some(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
                stick(&runtime, workers, stuck_locking)
            }
            "free" => {
                IS_FREE.store(true, SeqCst);
                drop(held.take());
                STUCK.store(0, SeqCst);
                "free".to_owned()
            }
            "work" => work(&runtime),
            other => format!("what is {other}?"),
        };
        println!("{answer}");
    }
    // Does not drop the runtime, because its workers may be stuck.
    std::process::exit(0);
}

/// Makes every worker stuck, and waits until all are.
fn stick<F>(runtime: &Runtime, workers: usize, task: fn() -> F) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    IS_FREE.store(false, SeqCst);
    for _ in 0..workers {
        runtime.spawn(task());
    }
    until(|| STUCK.load(SeqCst) == workers);
    "stuck".to_owned()
}

/// Makes the runtime spawn tasks that yield and end.
fn work(runtime: &Runtime) -> String {
    let tasks: Vec<_> = (0..1000_u64)
        .map(|number| {
            runtime.spawn(async move {
                tokio::task::yield_now().await;
                number
            })
        })
        .collect();
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("it ends");
        }
        sum
    });
    format!("worked {sum}")
}

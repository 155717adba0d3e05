//! Different ways in which a program hangs, on purpose, to see what a thread dump shows.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Parser};
use rgops_agent::{self as agent, Options};
use rgops_examples::lifetime::Lifetime;
use rgops_examples::{announce, threads};
use tokio::runtime::{Builder, Handle, Runtime};

/// Hangs in the chosen way, and prints "ready" once it hangs.
///
/// The agent has its own thread and still answers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  stuck --all-workers\n  stuck --all-workers --lock --workers 8\n  rgops stack stuck; rgops tasks stuck; rgops stats stuck"
)]
struct Arguments {
    #[command(flatten)]
    hang: Hang,
    /// With --all-workers: they spin in a poll (the default)
    #[arg(long, conflicts_with_all = ["lock", "mutex", "deadlock", "async_deadlock", "blocking_pool", "channel"])]
    spin: bool,
    /// With --all-workers: they wait for a std Mutex that a thread never releases
    #[arg(long, conflicts_with_all = ["mutex", "deadlock", "async_deadlock", "blocking_pool", "channel"])]
    lock: bool,
    /// Worker threads of the Tokio runtime [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    #[command(flatten)]
    lifetime: Lifetime,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Hang {
    /// Every worker of a Tokio runtime is stuck in a poll, and tasks queue behind them
    #[arg(long)]
    all_workers: bool,
    /// Threads wait for a Mutex whose owner sleeps
    #[arg(long)]
    mutex: bool,
    /// Two threads lock two Mutexes in opposite order
    #[arg(long)]
    deadlock: bool,
    /// Three tasks wait for each other: for two Tokio Mutexes and a JoinHandle
    #[arg(long)]
    async_deadlock: bool,
    /// Every thread of Tokio's blocking pool waits, and more work is queued
    #[arg(long)]
    blocking_pool: bool,
    /// Two threads, and two tasks, each wait for the other's message
    #[arg(long)]
    channel: bool,
}

/// A program that does not hang by then never will.
const TIMEOUT: Duration = Duration::from_secs(20);
const FOREVER: Duration = Duration::from_secs(1_000_000);
/// The size of the blocking pool; small, so it fills quickly.
const BLOCKING_THREADS: usize = 4;

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let runtime = runtime(arguments.workers)?;
    // The agent watches the runtime in which it is started.
    let inside = runtime.enter();
    let agent = agent::listen(Options::default())?;
    drop(inside);
    announce::started("stuck", None, &agent)?;

    match arguments.hang {
        Hang { all_workers: true, .. } => all_workers(&runtime, arguments.lock)?,
        Hang { mutex: true, .. } => mutex()?,
        Hang { deadlock: true, .. } => deadlock()?,
        Hang { async_deadlock: true, .. } => async_deadlock(&runtime)?,
        Hang { blocking_pool: true, .. } => blocking_pool(&runtime)?,
        Hang { .. } => channel(&runtime)?,
    }
    announce::ready()?;
    arguments.lifetime.wait()?;
    // The runtime cannot be shut down: its workers never return.
    std::process::exit(0)
}

fn runtime(workers: Option<u16>) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(usize::from(workers));
    }
    builder.max_blocking_threads(BLOCKING_THREADS).enable_all().build()
}

/// Every thread and task reports its thread id before it gets stuck, so we know when all are.
type Report = Sender<io::Result<u32>>;

fn report(to: &Report) {
    let _ = to.send(threads::own_id());
}

/// The thread ids of the first `count` reports.
fn gather(from: &Receiver<io::Result<u32>>, count: usize) -> io::Result<Vec<u32>> {
    (0..count).map(|_| from.recv_timeout(TIMEOUT).map_err(io::Error::other)?).collect()
}

// ---- --all-workers

fn all_workers(runtime: &Runtime, lock: bool) -> io::Result<()> {
    let workers = runtime.metrics().num_workers();
    let contended = Arc::new(Mutex::new(0));
    if lock {
        let (reporter, holder) = mpsc::channel();
        let mutex = Arc::clone(&contended);
        spawn("lock-holder", move || hold_lock_forever(&mutex, &reporter))?;
        gather(&holder, 1)?;
    }
    let ticks = Arc::new(AtomicU64::new(0));
    runtime.spawn(heartbeat(Arc::clone(&ticks)));
    let (reporter, stuck) = mpsc::channel();
    let deadline = Instant::now() + TIMEOUT;
    let mut ids = Vec::new();
    // A worker may take more than one task off the queue before it gets stuck in the first. So spawn one after
    // another until every worker has its own.
    while ids.len() < workers {
        let (reporter, contended) = (reporter.clone(), Arc::clone(&contended));
        runtime.spawn(async move {
            report(&reporter);
            if lock { wait_for_lock_forever(&contended) } else { spin_forever() }
        });
        if let Ok(id) = stuck.recv_timeout(Duration::from_millis(100)) {
            ids.push(id?);
        } else if Instant::now() > deadline {
            return Err(io::Error::other(format!("only {} of {workers} workers got stuck", ids.len())));
        }
    }
    for request in 0..3 {
        runtime.spawn(innocent_request(request));
    }
    if lock { threads::wait_until_asleep(&ids, TIMEOUT) } else { Ok(()) }
}

#[inline(never)]
fn spin_forever() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

#[inline(never)]
fn hold_lock_forever(mutex: &Mutex<u64>, reporter: &Report) {
    let mut guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    report(reporter);
    loop {
        *guard += 1;
        thread::sleep(FOREVER);
    }
}

#[inline(never)]
fn wait_for_lock_forever(mutex: &Mutex<u64>) {
    loop {
        *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

/// What a service would notice first: its timers stop.
async fn heartbeat(ticks: Arc<AtomicU64>) {
    let mut interval = tokio::time::interval(Duration::from_millis(10));
    loop {
        interval.tick().await;
        ticks.fetch_add(1, Ordering::Relaxed);
    }
}

/// Never polled, because no worker is free.
async fn innocent_request(number: u64) {
    tokio::time::sleep(Duration::from_millis(number)).await;
}

// ---- --mutex and --deadlock

fn mutex() -> io::Result<()> {
    let mutex = Arc::new(Mutex::new(0));
    let (reporter, stuck) = mpsc::channel();
    let (holder_mutex, holder_reporter) = (Arc::clone(&mutex), reporter.clone());
    spawn("lock-holder", move || hold_lock_forever(&holder_mutex, &holder_reporter))?;
    let mut ids = gather(&stuck, 1)?;
    for number in 0..4 {
        let (mutex, reporter) = (Arc::clone(&mutex), reporter.clone());
        spawn(&format!("lock-waiter-{number}"), move || {
            report(&reporter);
            wait_for_lock_forever(&mutex)
        })?;
    }
    ids.extend(gather(&stuck, 4)?);
    threads::wait_until_asleep(&ids, TIMEOUT)
}

/// Two accounts, which each transfer locks in its own order: the classical mistake.
struct Accounts {
    savings: Mutex<i64>,
    current: Mutex<i64>,
    /// Each thread holds its first lock when both reach this point.
    both_have_one: Barrier,
}

fn deadlock() -> io::Result<()> {
    let accounts = Arc::new(Accounts {
        savings: Mutex::new(100),
        current: Mutex::new(100),
        both_have_one: Barrier::new(2),
    });
    let (reporter, stuck) = mpsc::channel();
    for (name, transfer) in [
        ("to-current", transfer_savings_to_current as fn(&Accounts, &Report)),
        ("to-savings", transfer_current_to_savings),
    ] {
        let (accounts, reporter) = (Arc::clone(&accounts), reporter.clone());
        spawn(name, move || transfer(&accounts, &reporter))?;
    }
    let ids = gather(&stuck, 2)?;
    threads::wait_until_asleep(&ids, TIMEOUT)
}

#[inline(never)]
fn transfer_savings_to_current(accounts: &Accounts, reporter: &Report) {
    let mut from = accounts.savings.lock().unwrap_or_else(PoisonError::into_inner);
    accounts.both_have_one.wait();
    report(reporter);
    let mut to = accounts.current.lock().unwrap_or_else(PoisonError::into_inner);
    *from -= 1;
    *to += 1;
}

#[inline(never)]
fn transfer_current_to_savings(accounts: &Accounts, reporter: &Report) {
    let mut from = accounts.current.lock().unwrap_or_else(PoisonError::into_inner);
    accounts.both_have_one.wait();
    report(reporter);
    let mut to = accounts.savings.lock().unwrap_or_else(PoisonError::into_inner);
    *from -= 1;
    *to += 1;
}

// ---- --async-deadlock

/// The objects that three tasks lock in different orders.
struct Books {
    stock: tokio::sync::Mutex<i64>,
    ledger: tokio::sync::Mutex<i64>,
    /// Each lock is held when both tasks reach this point.
    both_have_one: tokio::sync::Barrier,
}

fn async_deadlock(runtime: &Runtime) -> io::Result<()> {
    let books = Arc::new(Books {
        stock: tokio::sync::Mutex::new(100),
        ledger: tokio::sync::Mutex::new(0),
        both_have_one: tokio::sync::Barrier::new(2),
    });
    let (reporter, stuck) = mpsc::channel();
    runtime.spawn(sell(Arc::clone(&books), reporter.clone()));
    runtime.spawn(close_day(books, reporter));
    let ids = gather(&stuck, 3)?;
    threads::wait_until_asleep(&ids, TIMEOUT)
}

/// Holds the stock, waits for the ledger.
async fn sell(books: Arc<Books>, reporter: Report) {
    let mut stock = books.stock.lock().await;
    books.both_have_one.wait().await;
    report(&reporter);
    *books.ledger.lock().await += 1;
    *stock -= 1;
}

/// Holds the ledger, waits for the result of counting.
async fn close_day(books: Arc<Books>, reporter: Report) {
    let mut ledger = books.ledger.lock().await;
    books.both_have_one.wait().await;
    report(&reporter);
    let counted = tokio::spawn(count_stock(Arc::clone(&books), reporter)).await;
    *ledger += counted.unwrap_or_default();
}

/// Waits for the stock.
async fn count_stock(books: Arc<Books>, reporter: Report) -> i64 {
    report(&reporter);
    *books.stock.lock().await
}

// ---- --blocking-pool

fn blocking_pool(runtime: &Runtime) -> io::Result<()> {
    let (reporter, stuck) = mpsc::channel();
    for _ in 0..BLOCKING_THREADS {
        let reporter = reporter.clone();
        runtime.spawn_blocking(move || {
            report(&reporter);
            block_pool_thread_forever()
        });
    }
    let ids = gather(&stuck, BLOCKING_THREADS)?;
    for number in 0..20 {
        runtime.spawn(wait_for_blocking_pool(number));
    }
    threads::wait_until_asleep(&ids, TIMEOUT)
}

/// Like a call to a service that never answers.
#[inline(never)]
fn block_pool_thread_forever() {
    loop {
        thread::sleep(FOREVER);
    }
}

async fn wait_for_blocking_pool(number: u64) {
    let square = Handle::current().spawn_blocking(move || number * number);
    let _ = square.await;
}

// ---- --channel

fn channel(runtime: &Runtime) -> io::Result<()> {
    let (reporter, stuck) = mpsc::channel();
    let (orders, order_queue) = mpsc::sync_channel(1);
    let (answers, answer_queue) = mpsc::channel();
    let producer = reporter.clone();
    spawn("producer", move || {
        report(&producer);
        send_into_full_channel(&orders);
        drop(answers);
    })?;
    spawn("consumer", move || {
        report(&reporter);
        wait_for_answer(&answer_queue);
        drop(order_queue);
    })?;
    let ids = gather(&stuck, 2)?;

    let (orders, order_queue) = tokio::sync::mpsc::channel(1);
    let (answers, answer_queue) = tokio::sync::mpsc::channel(1);
    runtime.spawn(produce(orders, answers));
    runtime.spawn(consume(order_queue, answer_queue));
    threads::wait_until_asleep(&ids, TIMEOUT)
}

/// Reads the answers only after all orders are sent, but sends one more order than the channel holds.
#[inline(never)]
fn send_into_full_channel(orders: &SyncSender<u64>) {
    for order in 0.. {
        let _ = orders.send(order);
    }
}

/// Takes no order before it has the answer.
#[inline(never)]
fn wait_for_answer(answers: &Receiver<u64>) {
    while let Ok(answer) = answers.recv() {
        black_box(answer);
    }
}

async fn produce(orders: tokio::sync::mpsc::Sender<u64>, answers: tokio::sync::mpsc::Sender<u64>) {
    for order in 0..2 {
        let _ = orders.send(order).await;
    }
    let _ = answers.send(0).await;
}

async fn consume(
    mut orders: tokio::sync::mpsc::Receiver<u64>,
    mut answers: tokio::sync::mpsc::Receiver<u64>,
) {
    let _ = answers.recv().await;
    while orders.recv().await.is_some() {}
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

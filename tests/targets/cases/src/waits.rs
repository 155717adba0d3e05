//! Threads and tasks that wait for locks and sleep, and measure themselves how long: `cases waits`. It prints `ready`,
//! then every 50 ms `at UNIX_NS mutex NS parked NS tokio NS sleep NS`: how long, since the start, the thread `std-waiter`
//! waited for its `std::sync::Mutex`, `parked-waiter` for its `parking_lot::Mutex`, all tasks `waits` for their
//! `tokio::sync::Mutex`, and `sleeper` slept. Waits that last are included; the time that a thread was on a CPU or in the
//! run queue is not.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tasks that wait for the lock of Tokio.
const TASKS: usize = 4;

/// What was waited, in nanoseconds.
#[derive(Default)]
struct Meter {
    done: AtomicU64,
    /// The start of a wait that lasts; 0 if none does.
    since: AtomicU64,
}

impl Meter {
    /// Waits, on this thread.
    fn thread<T>(&self, wait: impl FnOnce() -> T) -> T {
        let before = ran_or_queued();
        self.since.store(now(), SeqCst);
        let result = wait();
        let ended = now();
        let meanwhile = ran_or_queued() - before;
        self.add((ended - self.since.load(SeqCst)).saturating_sub(meanwhile));
        result
    }

    /// Waits, in a task.
    async fn task<T>(&self, wait: impl Future<Output = T>) -> T {
        self.since.store(now(), SeqCst);
        let result = wait.await;
        self.add(now() - self.since.load(SeqCst));
        result
    }

    fn add(&self, waited: u64) {
        self.since.store(0, SeqCst);
        self.done.fetch_add(waited, SeqCst);
    }

    /// So far. Read again if a wait ended meanwhile.
    fn so_far(&self) -> u64 {
        loop {
            let (done, since) = (self.done.load(SeqCst), self.since.load(SeqCst));
            let lasts = if since == 0 { 0 } else { now().saturating_sub(since) };
            if self.done.load(SeqCst) == done && self.since.load(SeqCst) == since {
                return done + lasts;
            }
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_nanos() as u64
}

/// Time on a CPU and in the run queue of this thread, in nanoseconds.
fn ran_or_queued() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    text.split_whitespace().take(2).map(|number| number.parse::<u64>().expect("a number")).sum()
}

/// Times that are not periodic.
struct Random(u64);

impl Random {
    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(from * 1000 + self.0 % ((to - from) * 1000))
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread");
}

pub(crate) fn run(_: &[String]) {
    let meters: [Arc<Meter>; 3] = Default::default();
    let of_tasks: [Arc<Meter>; TASKS] = Default::default();
    let [std_meter, parked_meter, sleep_meter] = meters.clone();
    let lock = Arc::new(std::sync::Mutex::new(0_u64));
    let own = Arc::clone(&lock);
    spawn("std-holder", move || holds_std(&own));
    spawn("std-waiter", move || waits_std(&lock, &std_meter));
    let lock = Arc::new(parking_lot::Mutex::new(0_u64));
    let own = Arc::clone(&lock);
    spawn("parked-holder", move || holds_parked(&own));
    spawn("parked-waiter", move || waits_parked(&lock, &parked_meter));
    spawn("sleeper", move || sleeps(&sleep_meter));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let lock = Arc::new(tokio::sync::Mutex::new(0_u64));
    runtime.block_on(async {
        crate::watch();
        tokio::spawn(holds(Arc::clone(&lock)));
        for (number, meter) in of_tasks.clone().into_iter().enumerate() {
            tokio::spawn(waits(Arc::clone(&lock), meter, number as u64));
        }
    });
    println!("ready");
    loop {
        let [mutex, parked, sleep] = [0, 1, 2].map(|number: usize| meters[number].so_far());
        let tokio: u64 = of_tasks.iter().map(|meter| meter.so_far()).sum();
        println!("at {} mutex {mutex} parked {parked} tokio {tokio} sleep {sleep}", now());
        thread::sleep(Duration::from_millis(50));
    }
}

#[inline(never)]
fn holds_std(lock: &std::sync::Mutex<u64>) {
    let mut random = Random(11);
    loop {
        let mut guard = lock.lock().expect("nobody panics");
        *guard += 1;
        thread::sleep(random.milliseconds(20, 120));
        drop(guard);
        thread::sleep(random.milliseconds(20, 60));
    }
}

#[inline(never)]
fn waits_std(lock: &std::sync::Mutex<u64>, meter: &Meter) {
    let mut random = Random(22);
    loop {
        let mut guard = meter.thread(|| lock.lock().expect("nobody panics"));
        *guard += 1;
        drop(guard);
        thread::sleep(random.milliseconds(10, 70));
        spin();
    }
}

#[inline(never)]
fn holds_parked(lock: &parking_lot::Mutex<u64>) {
    let mut random = Random(33);
    loop {
        let mut guard = lock.lock();
        *guard += 1;
        thread::sleep(random.milliseconds(20, 120));
        drop(guard);
        thread::sleep(random.milliseconds(20, 60));
    }
}

#[inline(never)]
fn waits_parked(lock: &parking_lot::Mutex<u64>, meter: &Meter) {
    let mut random = Random(44);
    loop {
        let mut guard = meter.thread(|| lock.lock());
        *guard += 1;
        drop(guard);
        thread::sleep(random.milliseconds(10, 70));
        spin();
    }
}

#[inline(never)]
fn sleeps(meter: &Meter) {
    let mut random = Random(55);
    loop {
        meter.thread(|| thread::sleep(random.milliseconds(5, 40)));
        spin();
    }
}

/// Some milliseconds on a CPU.
fn spin() {
    for number in 0..200_000_u64 {
        black_box(number);
    }
}

async fn holds(lock: Arc<tokio::sync::Mutex<u64>>) {
    let mut random = Random(66);
    loop {
        let mut guard = lock.lock().await;
        *guard += 1;
        tokio::time::sleep(random.milliseconds(50, 250)).await;
        drop(guard);
        tokio::time::sleep(random.milliseconds(20, 100)).await;
    }
}

async fn waits(lock: Arc<tokio::sync::Mutex<u64>>, meter: Arc<Meter>, number: u64) {
    let mut random = Random(77 + number);
    loop {
        let mut guard = meter.task(lock.lock()).await;
        *guard += 1;
        drop(guard);
        tokio::time::sleep(random.milliseconds(50, 300)).await;
    }
}

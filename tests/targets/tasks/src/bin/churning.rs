//! Tasks that come and go as fast as two workers can spawn them. Each has the same kind in the types of every level
//! of its stack, also on the heap, and its own number in many words of its memory. A stack with two kinds, or memory
//! with two numbers, was mixed from two tasks.
//!
//! Usage: churning SECONDS. Prints its address and "ready", then the number of tasks that ended, and exits.

use std::future::{Future, pending};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rgops_agent::Options;
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, yield_now};

/// Number of concurrent tasks that end at once.
const SPAWNERS: u64 = 64;
/// Number of concurrent tasks that sleep first. Some of them end while they are decoded, others stay unchanged: see
/// [`nap`].
const SLOW_SPAWNERS: u64 = 512;
/// Number of tasks that never end, [`constant`]: their stack is always the same.
const CONSTANT: u64 = 256;

/// The upper bits of every number, by which it is found in memory. A task's kind is its number modulo 16.
const TAG: u64 = 0xc0de << 48;

static ENDED: AtomicU64 = AtomicU64::new(0);

type Hidden = Pin<Box<dyn Future<Output = u64> + Send>>;

/// The levels keep the task's number across their `await`; the awaited future returns it.
async fn outer<const KIND: u64>(number: u64, nap: Duration) {
    let words = black_box([number; 4]);
    let hidden: Hidden = Box::pin(middle::<KIND>(number, nap));
    assert_eq!([hidden.await; 4], black_box(words), "the program itself mixes tasks");
}

async fn middle<const KIND: u64>(number: u64, nap: Duration) -> u64 {
    let word = black_box(number);
    let below = inner::<KIND>(number, nap).await;
    if below == word { word } else { 0 }
}

async fn inner<const KIND: u64>(number: u64, nap: Duration) -> u64 {
    let word = black_box(number);
    let hidden: Hidden = Box::pin(leaf::<KIND>(number, nap));
    let below = hidden.await;
    if below == word { word } else { 0 }
}

async fn leaf<const KIND: u64>(number: u64, nap: Duration) -> u64 {
    let word = black_box(number);
    if nap.is_zero() {
        yield_now().await;
    } else {
        tokio::time::sleep(nap).await;
    }
    word
}

async fn constant() {
    let hidden: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(constant_inner());
    hidden.await;
}

async fn constant_inner() {
    pending::<()>().await;
}

/// Spawns a task of the kind that its number gives.
fn spawn(number: u64, nap: Duration) -> JoinHandle<()> {
    macro_rules! by_kind {
        ($($kind:literal)*) => {
            match number % 16 {
                $($kind => tokio::spawn(outer::<$kind>(number, nap)),)*
                _ => unreachable!("the remainder of 16"),
            }
        };
    }
    by_kind!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
}

/// Half of the tasks sleep up to a second, half up to 16: on a busy machine a listing takes seconds.
fn nap(number: u64) -> Duration {
    // Knuth's multiplicative hash: consecutive numbers sleep for different times.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let longest = if scattered.is_multiple_of(2) { 1_000 } else { 16_000 };
    Duration::from_millis(1 + scattered / 2 % longest)
}

async fn spawner(first: u64, is_slow: bool) {
    let mut number = first;
    loop {
        let nap = if is_slow { nap(number) } else { Duration::ZERO };
        spawn(number, nap).await.expect("it ends");
        ENDED.fetch_add(1, Relaxed);
        number += SPAWNERS + SLOW_SPAWNERS + 1;
    }
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("SECONDS");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let inside = runtime.enter();
    let agent = rgops_agent::listen(Options::default()).expect("the agent listens");
    drop(inside);
    for _ in 0..CONSTANT {
        runtime.spawn(constant());
    }
    for first in 1..=SPAWNERS + SLOW_SPAWNERS {
        runtime.spawn(spawner(TAG | first, first > SPAWNERS));
    }
    println!("{}", agent.address());
    println!("ready");
    let (begin, before) = (Instant::now(), ENDED.load(Relaxed));
    std::thread::sleep(Duration::from_secs(seconds));
    let ended = ENDED.load(Relaxed) - before;
    println!("{ended} in {} ms", begin.elapsed().as_millis());
    std::process::exit(0);
}

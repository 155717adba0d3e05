//! Futures and functions with names of tens of kilobytes, as types inside each other make them: `cases long-names`. Of its tasks one
//! waits, one computes, and one blocks its worker.

use std::hint::black_box;
use std::marker::PhantomData;
use std::thread;
use std::time::{Duration, Instant};

struct Leaf;

/// Its name has that of its parameter twice.
struct Twice<Inside>(PhantomData<(Inside, Inside)>);

/// Doubles a name ten times.
type Doubled<Inside> = Twice<Twice<Twice<Twice<Twice<Inside>>>>>;
type Pair<Inside> = (Inside, Inside);
type Pairs<Inside> = Pair<Pair<Pair<Pair<Pair<Inside>>>>>;
type Long = Doubled<Pairs<Pairs<Leaf>>>;

async fn waits<Name>(_: PhantomData<Name>) {
    loop {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
}

async fn blocks<Name>(_: PhantomData<Name>) {
    loop {
        sleeps::<Name>();
    }
}

async fn computes<Name>(_: PhantomData<Name>) {
    loop {
        counts::<Name>();
        tokio::task::yield_now().await;
    }
}

#[inline(never)]
fn sleeps<Name>() {
    thread::sleep(Duration::from_secs(3600));
    // Not a tail call, which would leave no frame.
    black_box(PhantomData::<Name>);
}

#[inline(never)]
fn counts<Name>() -> u64 {
    black_box(PhantomData::<Name>);
    let (begin, mut count) = (Instant::now(), 0_u64);
    while begin.elapsed() < Duration::from_millis(5) {
        count = black_box(count + 1);
    }
    count
}

pub(crate) fn run(_arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        crate::watch();
        tokio::spawn(waits(PhantomData::<Long>));
        tokio::spawn(computes(PhantomData::<Long>));
        tokio::spawn(blocks(PhantomData::<Long>));
        std::future::pending::<()>().await;
    });
}

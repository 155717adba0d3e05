//! Times pairs of malloc and free under one allocator: for each line on standard input one round of every
//! workload, answered by a line with the nanoseconds of CPU time of each pair.
//!
//! `subject [RATE]`: with the wrapper, the mean bytes between two samples; 0 is off.

use std::hint::black_box;
use std::io::{BufRead as _, Write as _};

#[cfg(feature = "dhat")]
use dhat::Alloc as Inner;
#[cfg(feature = "mimalloc")]
use mimalloc::MiMalloc as Inner;
#[cfg(not(any(feature = "mimalloc", feature = "jemalloc", feature = "dhat")))]
use std::alloc::System as Inner;
#[cfg(feature = "jemalloc")]
use tikv_jemallocator::Jemalloc as Inner;

#[cfg(feature = "sampled")]
#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<Inner> = rgops_agent::alloc::Sampling::new(Inner);
#[cfg(not(feature = "sampled"))]
#[global_allocator]
static ALLOCATOR: Inner = Inner;

/// Pairs of one measurement; dhat takes microseconds each.
const PAIRS: u32 = if cfg!(feature = "dhat") { 20_000 } else { 1_000_000 };
/// Blocks that live in the mixed workloads.
const FEW: usize = 1000;
const MANY: usize = 20_000;
/// Frames between `main` and the workload, as in a service.
const DEPTH: u32 = 20;

fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) writes into the one `timespec` it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[inline(never)]
fn pairs(size: usize) {
    for _ in 0..PAIRS {
        let block: Vec<u8> = Vec::with_capacity(black_box(size));
        black_box(&block);
    }
}

/// Blocks of 16 to 1016 bytes, each of which takes the place of another at random.
#[inline(never)]
fn mixed(blocks: &mut [Vec<u8>], random: &mut u64) {
    for _ in 0..PAIRS {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let at = (*random >> 20) as usize % blocks.len();
        blocks[at] = Vec::with_capacity(16 + ((*random >> 40) % 1001) as usize);
    }
}

#[inline(never)]
fn deep(depth: u32, work: &mut dyn FnMut()) {
    if depth == 0 {
        work();
    } else {
        deep(depth - 1, work);
    }
    black_box(depth);
}

fn timed(mut work: impl FnMut()) -> f64 {
    let before = thread_cpu_ns();
    deep(DEPTH, &mut work);
    (thread_cpu_ns() - before) as f64 / f64::from(PAIRS)
}

fn main() {
    #[cfg(feature = "dhat")]
    let _profiler = dhat::Profiler::builder().file_name("/dev/null").build();
    #[cfg(feature = "sampled")]
    {
        let rate = std::env::args().nth(1).and_then(|rate| rate.parse().ok()).expect("a rate");
        rgops_agent::listen(rgops_agent::Options::default().heap_rate(rate)).expect("the agent listens");
    }
    // Every program with an agent has a second thread, and glibc takes locks from the second thread on
    // (SINGLE_THREAD_P): the bare one is given one, too.
    #[cfg(not(feature = "sampled"))]
    std::thread::spawn(std::thread::park);
    let blocks = |count| -> Vec<Vec<u8>> { (0..count).map(|_| Vec::new()).collect() };
    let (mut few, mut many) = (blocks(FEW), blocks(MANY));
    let mut random = 0x1234_5678_u64;
    let mut answers = std::io::stdout().lock();
    for _line in std::io::stdin().lock().lines() {
        let measured = [
            timed(|| pairs(32)),
            timed(|| pairs(256)),
            timed(|| pairs(4096)),
            timed(|| mixed(&mut few, &mut random)),
            timed(|| mixed(&mut many, &mut random)),
        ];
        let words: Vec<String> = measured.iter().map(|nanoseconds| format!("{nanoseconds:.3}")).collect();
        writeln!(answers, "{}", words.join(" ")).and_then(|()| answers.flush()).expect("somebody reads");
    }
}

//! Keeps 32 MiB, after it has freed another 128 MiB, on an allocator other than the C library's.
//!
//! Prints its name and pid, and then `ready`.

#[cfg(feature = "mimalloc")]
use mimalloc::MiMalloc as Allocator;
#[cfg(feature = "jemalloc")]
use tikv_jemallocator::Jemalloc as Allocator;

use rgops_agent::{self as agent, Command, Options};

#[cfg(not(feature = "wrapped"))]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
#[cfg(feature = "wrapped")]
#[global_allocator]
static ALLOCATOR: agent::alloc::Sampling<Allocator> = agent::alloc::Sampling::new(Allocator);

const BLOCK: usize = 8 * 1024;

fn main() {
    agent::listen(Options::default().allow(Command::Gc)).expect("the agent listens");
    println!("allocators: pid {}", std::process::id());
    let kept = keep(32 << 20);
    // jemalloc keeps freed memory for ten seconds. A thread that ends releases its thread cache.
    #[cfg(feature = "jemalloc")]
    drop(burst(128 << 20));
    // mimalloc keeps freed memory in the thread's own heap, which other threads cannot collect.
    #[cfg(feature = "mimalloc")]
    std::thread::spawn(|| drop(burst(128 << 20))).join().expect("it does not panic");
    println!("ready");
    std::hint::black_box(&kept);
    loop {
        std::thread::park();
    }
}

/// The memory that stays.
#[inline(never)]
fn keep(bytes: usize) -> Vec<Vec<u8>> {
    fill(bytes, 1)
}

/// The memory that is freed.
#[inline(never)]
fn burst(bytes: usize) -> Vec<Vec<u8>> {
    fill(bytes, 2)
}

#[inline(always)]
fn fill(bytes: usize, value: u8) -> Vec<Vec<u8>> {
    let mut blocks = Vec::with_capacity(bytes / BLOCK);
    for _ in 0..bytes / BLOCK {
        blocks.push(vec![value; BLOCK]);
    }
    blocks
}

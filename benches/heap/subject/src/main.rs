//! Times pairs of malloc and free. For each line on standard input it runs one round of every workload, and answers
//! with one line: the nanoseconds of CPU time per pair, for each workload of the bare allocator and, if there is one,
//! of the wrapped allocator.
//!
//! Both are measured in the same process, in alternating turns of a few milliseconds, on the same heap. The placement
//! of a process's pages makes a larger difference between two processes than the wrapper does.
//!
//! `subject [RATE]`: RATE is the mean number of bytes between two samples of the wrapper; 0 is off.

use std::alloc::{GlobalAlloc, Layout};
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

/// The allocator itself; code outside the measurement also uses it.
#[cfg_attr(not(feature = "sampled"), global_allocator)]
static BARE: Inner = Inner;
#[cfg(feature = "sampled")]
#[global_allocator]
static WRAPPED: rgops_agent::alloc::Sampling<Inner> = rgops_agent::alloc::Sampling::new(Inner);

/// Pairs per turn, and turns per round. dhat takes microseconds per pair.
const PAIRS: u32 = if cfg!(feature = "dhat") { 20_000 } else { 200_000 };
const TURNS: u32 = if cfg!(feature = "dhat") { 1 } else { 6 };
/// Number of live blocks in the mixed workloads.
const FEW: usize = 1000;
const MANY: usize = 20_000;
/// Frames between `main` and the workload, as in a typical service.
const DEPTH: u32 = 20;

/// How blocks are allocated. The functions match what `#[global_allocator]` generates for an allocator: one call
/// each, with the allocator's own methods inlined into it.
trait Heap {
    fn allocate(layout: Layout) -> *mut u8;
    fn free(block: *mut u8, layout: Layout);
}

macro_rules! heap {
    ($name:ident, $allocator:ident) => {
        struct $name;

        impl Heap for $name {
            #[inline(never)]
            fn allocate(layout: Layout) -> *mut u8 {
                // SAFETY: no layout here has a size of zero.
                unsafe { $allocator.alloc(layout) }
            }

            #[inline(never)]
            fn free(block: *mut u8, layout: Layout) {
                // SAFETY: a `Block` owns memory that `allocate` returned for this layout, and frees it once.
                unsafe { $allocator.dealloc(block, layout) }
            }
        }
    };
}

heap!(Bare, BARE);
#[cfg(feature = "sampled")]
heap!(Wrapped, WRAPPED);

/// A block of bytes. It must be freed with the heap that allocated it.
#[derive(Clone, Copy)]
struct Block {
    address: *mut u8,
    layout: Layout,
}

impl Block {
    fn new<H: Heap>(size: usize) -> Block {
        let layout = Layout::array::<u8>(size).expect("a small block");
        Block { address: H::allocate(layout), layout }
    }

    fn free<H: Heap>(self) {
        H::free(self.address, self.layout);
    }
}

#[inline(never)]
fn pairs<H: Heap>(size: usize) {
    for _ in 0..PAIRS {
        let block = Block::new::<H>(black_box(size));
        black_box(block.address);
        block.free::<H>();
    }
}

/// Blocks of 16 to 1016 bytes. Each replaces another at random.
#[inline(never)]
fn mixed<H: Heap>(blocks: &mut [Block], random: &mut Random) {
    for _ in 0..PAIRS {
        let drawn = random.next();
        let at = (drawn >> 20) as usize % blocks.len();
        let new = Block::new::<H>(16 + ((drawn >> 40) % 1001) as usize);
        std::mem::replace(&mut blocks[at], new).free::<H>();
    }
}

/// Moves the blocks to the other heap.
#[cfg(feature = "sampled")]
fn convert<From: Heap, To: Heap>(blocks: &mut [Block]) {
    for block in blocks {
        block.free::<From>();
        *block = Block::new::<To>(block.layout.size());
    }
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
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

fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid `timespec`, and clock_gettime(2) writes nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn timed(mut work: impl FnMut()) -> u64 {
    let before = thread_cpu_ns();
    deep(DEPTH, &mut work);
    thread_cpu_ns() - before
}

/// The live blocks of the mixed workloads. Both heaps use the same blocks in turn, because their location makes a
/// larger difference than the wrapper does.
struct Blocks {
    few: Vec<Block>,
    many: Vec<Block>,
}

impl Blocks {
    fn new<H: Heap>() -> Blocks {
        let blocks = |count| (0..count).map(|_| Block::new::<H>(500)).collect();
        Blocks { few: blocks(FEW), many: blocks(MANY) }
    }

    #[cfg(feature = "sampled")]
    fn convert<From: Heap, To: Heap>(&mut self) {
        convert::<From, To>(&mut self.few);
        convert::<From, To>(&mut self.many);
    }

    /// One turn of every workload, in nanoseconds each.
    fn turn<H: Heap>(&mut self, random: &mut Random) -> [u64; 5] {
        [
            timed(|| pairs::<H>(32)),
            timed(|| pairs::<H>(256)),
            timed(|| pairs::<H>(4096)),
            timed(|| mixed::<H>(&mut self.few, random)),
            timed(|| mixed::<H>(&mut self.many, random)),
        ]
    }
}

/// Leaves a different number of blocks in each process. Otherwise every process of a program would have the same
/// distance, modulo a page, between a block and the wrapper's counters. If they coincide modulo a page, a processor
/// takes one for the other (4K aliasing).
fn shift_heap() {
    let mut random = Random(u64::from(std::process::id()).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..100 {
        let drawn = random.next() >> 20;
        std::mem::forget(Vec::<u8>::with_capacity([32, 256, 4096, 100, 500, 16][drawn as usize % 6]));
    }
}

fn main() {
    shift_heap();
    #[cfg(feature = "dhat")]
    let _profiler = dhat::Profiler::builder().file_name("/dev/null").build();
    #[cfg(feature = "sampled")]
    {
        let rate = std::env::args().nth(1).and_then(|rate| rate.parse().ok()).expect("a rate");
        rgops_agent::listen(rgops_agent::Options::default().heap_rate(rate)).expect("the agent listens");
    }
    // Every program with an agent has a second thread, and glibc takes locks from the second thread on
    // (SINGLE_THREAD_P). So the bare program also gets a second thread.
    #[cfg(not(feature = "sampled"))]
    std::thread::spawn(std::thread::park);
    let mut random = Random(0x1234_5678);
    let mut blocks = Blocks::new::<Bare>();
    let mut answers = std::io::stdout().lock();
    for _line in std::io::stdin().lock().lines() {
        let mut bare_sums = [0; 5];
        #[cfg(feature = "sampled")]
        let mut wrapped_sums = [0; 5];
        for _ in 0..TURNS {
            add(&mut bare_sums, blocks.turn::<Bare>(&mut random));
            #[cfg(feature = "sampled")]
            {
                blocks.convert::<Bare, Wrapped>();
                add(&mut wrapped_sums, blocks.turn::<Wrapped>(&mut random));
                blocks.convert::<Wrapped, Bare>();
            }
        }
        #[cfg(feature = "sampled")]
        let sums = bare_sums.into_iter().chain(wrapped_sums);
        #[cfg(not(feature = "sampled"))]
        let sums = bare_sums.into_iter();
        let words: Vec<String> =
            sums.map(|sum| format!("{:.3}", sum as f64 / f64::from(PAIRS * TURNS))).collect();
        writeln!(answers, "{}", words.join(" ")).and_then(|()| answers.flush()).expect("the driver reads");
    }
}

fn add(sums: &mut [u64; 5], turn: [u64; 5]) {
    sums.iter_mut().zip(turn).for_each(|(sum, turn)| *sum += turn);
}

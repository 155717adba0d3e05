//! A program whose allocator is wrapped by `rgops_agent::alloc::Sampling`. It obeys one order per line on standard
//! input, and answers each with one line.
#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "heap sampling is of Linux"))]

use std::alloc::{GlobalAlloc as _, Layout, System};
use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, BufRead as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use rgops_agent::alloc::Sampling;
use rgops_agent::{Agent, Command, Options};

#[global_allocator]
static ALLOCATOR: Sampling<System> = Sampling::new(System);

/// Blocks allocated before `main`.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        for size in [1, 1000, 100_000] {
            drop(black_box(vec![1_u8; size]));
        }
    }
    before_main
};

/// The blocks of `keep`.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn main() {
    let mut agent = None;
    print_line("ready");
    for order in io::stdin().lock().lines() {
        let order = order.expect("standard input is a pipe");
        print_line(&obey(&order, &mut agent));
    }
}

fn print_line(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).expect("standard output is a pipe");
}

fn obey(order: &str, agent: &mut Option<Agent>) -> String {
    let words: Vec<&str> = order.split_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    match words[0] {
        "listen" => listen(&words, agent),
        "close" => {
            agent.take().into_iter().for_each(Agent::close);
            "closed".to_owned()
        }
        "keep" => {
            let kept = keep(number(1), number(2) as usize);
            KEPT.lock().expect("not poisoned").extend(kept);
            "kept".to_owned()
        }
        // The same, and written to.
        "fill" => {
            let kept = keep(number(1), number(2) as usize).into_iter();
            let filled = kept.map(|mut block| {
                block.resize(block.capacity(), 1);
                block
            });
            KEPT.lock().expect("not poisoned").extend(filled);
            "filled".to_owned()
        }
        "drop" => {
            *KEPT.lock().expect("not poisoned") = Vec::new();
            "dropped".to_owned()
        }
        // Of each group of this size, one block stays: the free memory is fragmented and not at the end of the heap.
        "thin" => {
            let mut at = 0;
            KEPT.lock().expect("not poisoned").retain(|_| {
                at += 1;
                at % number(1) == 0
            });
            "thinned".to_owned()
        }
        "churn" => {
            churn(number(1), number(2) as usize);
            "churned".to_owned()
        }
        "soak" => soak(Duration::from_secs(number(1)), number(2)),
        "threads" => threads(number(1)),
        "odd" => odd(),
        "recurse" => {
            recurse(number(1));
            "recursed".to_owned()
        }
        #[cfg(target_os = "linux")]
        "handler" => linux::handler(number(1)),
        #[cfg(target_os = "linux")]
        "fork" => linux::fork(&words),
        #[cfg(target_os = "linux")]
        "small-stack" => linux::small_stack(),
        other => panic!("no order {other}"),
    }
}

fn listen(words: &[&str], agent: &mut Option<Agent>) -> String {
    let mut options = Options::default().allow(Command::HeapRate).allow(Command::Gc);
    if let Some(rate) = words.get(1) {
        options = options.heap_rate(rate.parse().expect("a rate"));
    }
    match rgops_agent::listen(options) {
        Ok(new) => {
            let answer = format!("listening {}", new.address());
            *agent = Some(new);
            answer
        }
        Err(error) => format!("failed {error}"),
    }
}

#[inline(never)]
fn keep(count: u64, size: usize) -> Vec<Vec<u8>> {
    let mut kept = Vec::with_capacity(count as usize);
    for _ in 0..count {
        kept.push(black_box(Vec::with_capacity(size)));
    }
    kept
}

#[inline(never)]
fn churn(count: u64, size: usize) {
    for _ in 0..count {
        black_box(Vec::<u8>::with_capacity(black_box(size)));
    }
}

/// Allocates at the bottom of a recursion.
#[inline(never)]
fn recurse(depth: u64) {
    if depth == 0 {
        churn(1000, 4096);
    } else {
        recurse(depth - 1);
    }
    black_box(depth);
}

/// Each thread allocates, reallocates and frees blocks of random sizes, its own and those of others: it takes a block
/// from the common place and puts another there. Every block contains its own size and a pattern, which is checked
/// when it is freed.
fn soak(time: Duration, threads: u64) -> String {
    static COMMON: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let operations = AtomicU64::new(0);
    let end = Instant::now() + time;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let operations = &operations;
            scope.spawn(move || {
                let mut random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(thread + 1);
                let mut next = |below: u64| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    (random >> 11) % below
                };
                let mut own: Vec<Vec<u8>> = (0..500).map(|_| Vec::new()).collect();
                while Instant::now() < end {
                    for _ in 0..1000 {
                        let at = next(500) as usize;
                        // Mostly small, sometimes up to 256 KiB.
                        let size = if next(200) == 0 { next(1 << 18) } else { next(2000) } as usize;
                        match next(8) {
                            0 => {
                                // A block grows or shrinks, in place or not.
                                check(&own[at]);
                                own[at].resize(size, 0);
                                own[at].shrink_to_fit();
                                mark(&mut own[at]);
                            }
                            1 => {
                                let mut common = COMMON.lock().expect("not poisoned");
                                std::mem::swap(&mut own[at], common_place(&mut common, next(200)));
                            }
                            2 => {
                                check(&own[at]);
                                own[at] = vec![0; size];
                                mark(&mut own[at]);
                            }
                            _ => {
                                check(&own[at]);
                                let mut block = Vec::with_capacity(size);
                                block.resize(size, 7);
                                mark(&mut block);
                                own[at] = block;
                            }
                        }
                    }
                    operations.fetch_add(1000, Ordering::Relaxed);
                }
                own.iter().for_each(|block| check(block));
            });
        }
    });
    let mut common = COMMON.lock().expect("not poisoned");
    common.iter().for_each(|block| check(block));
    *common = Vec::new();
    format!("soaked {}", operations.load(Ordering::Relaxed))
}

fn common_place(common: &mut Vec<Vec<u8>>, at: u64) -> &mut Vec<u8> {
    if common.is_empty() {
        common.resize_with(200, Vec::new);
    }
    &mut common[at as usize]
}

/// Writes the size into the first and last byte of a block.
fn mark(block: &mut [u8]) {
    let byte = block.len() as u8;
    if let Some(first) = block.first_mut() {
        *first = byte;
    }
    if let Some(last) = block.last_mut() {
        *last = byte;
    }
}

fn check(block: &[u8]) {
    let byte = block.len() as u8;
    assert!(block.first().is_none_or(|first| *first == byte), "a block was overwritten");
    assert!(block.last().is_none_or(|last| *last == byte), "a block was overwritten");
}

/// Starts threads one after the other. They also allocate in the destructors of their thread-locals.
fn threads(count: u64) -> String {
    struct Late(Vec<u8>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0 = black_box(vec![2; 3000]);
            self.0.resize(6000, 3);
            drop(black_box(vec![1_u8; 1000]));
        }
    }
    thread_local! { static LATE: RefCell<Option<Late>> = const { RefCell::new(None) }; }
    for _ in 0..count {
        let thread = std::thread::spawn(|| {
            LATE.with(|late| *late.borrow_mut() = Some(Late(vec![0; 100])));
            churn(10, 500);
        });
        thread.join().expect("no panic");
    }
    "ended".to_owned()
}

/// Layouts that `Vec` never requests, and failed allocations.
fn odd() -> String {
    for align in [1, 2, 16, 64, 4096, 1 << 16] {
        for size in [1, 17, 4096, 100_000] {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            // SAFETY: the layout is not empty. The block is used within its size, and freed once with its current
            // layout.
            unsafe {
                let block = ALLOCATOR.alloc_zeroed(layout);
                assert!(!block.is_null() && (block as usize).is_multiple_of(align));
                assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == 0));
                block.write_bytes(9, size);
                let larger = ALLOCATOR.realloc(block, layout, 3 * size);
                assert!(!larger.is_null() && (larger as usize).is_multiple_of(align));
                assert!(std::slice::from_raw_parts(larger, size).iter().all(|byte| *byte == 9));
                let layout = Layout::from_size_align(3 * size, align).expect("a layout");
                // This size is not available: the block stays.
                let refused = ALLOCATOR.realloc(larger, layout, isize::MAX as usize - align);
                assert!(refused.is_null() && *larger == 9);
                let smaller = ALLOCATOR.realloc(larger, layout, 1);
                ALLOCATOR.dealloc(smaller, Layout::from_size_align(1, align).expect("a layout"));
            }
        }
    }
    let refused = Vec::<u8>::new().try_reserve_exact(isize::MAX as usize);
    assert!(refused.is_err());
    "odd".to_owned()
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Duration, black_box, churn, keep, listen, mpsc, print_line, threads};

    /// A handler that allocates. The signal is raised outside the allocator, so `malloc` is not reentered, and only
    /// the wrapper is tested.
    pub(super) fn handler(rounds: u64) -> String {
        extern "C" fn on_signal(_number: i32) {
            churn(100, 4096);
        }
        // SAFETY: the handler allocates, which is sound if it does not interrupt `malloc`: the signal is only raised
        // below.
        unsafe { libc::signal(libc::SIGUSR1, on_signal as *const () as libc::sighandler_t) };
        for _ in 0..rounds {
            // SAFETY: raise(3) has no memory preconditions.
            unsafe { libc::raise(libc::SIGUSR1) };
        }
        "handled".to_owned()
    }

    /// The child uses its heap from several threads, starts its own agent with `listen`, keeps a block and stays.
    pub(super) fn fork(words: &[&str]) -> String {
        let (ready, signal_ready) = std::io::pipe().expect("a pipe");
        // SAFETY: the child only does what is sound after a fork, as in `target`.
        match unsafe { libc::fork() } {
            -1 => format!("failed {}", std::io::Error::last_os_error()),
            0 => {
                // SAFETY: prctl(PR_SET_PDEATHSIG) takes a number. It ends the child with the test.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                threads(20);
                let mut agent = None;
                let address = listen(words, &mut agent);
                let kept = keep(1000, 10_000);
                print_line(&address);
                drop(signal_ready);
                loop {
                    black_box(&kept);
                    std::thread::sleep(Duration::from_secs(1000));
                }
            }
            child => {
                drop(signal_ready);
                let _ = std::io::Read::read(&mut &ready, &mut [0]);
                format!("forked {child}")
            }
        }
    }

    /// Allocates on a stack without room for an unwinder, like the stack of a coroutine.
    pub(super) fn small_stack() -> String {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new().stack_size(16 * 1024).spawn(move || {
            churn(1000, 4096);
            sender.send(()).expect("the receiver waits");
        });
        receiver.recv().expect("it ran");
        thread.expect("a thread").join().expect("no panic");
        "ran".to_owned()
    }
}

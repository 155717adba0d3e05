//! Promise 5, with detectors that end the target if the handler does what it must not: allocate, free, lock or call
//! the loader on any thread; or make a system call other than the check of its stack (an rt_sigprocmask(2) that
//! changes nothing) and its return.
//!
//! How the detectors know that they are inside the handler: it runs on a stack of the agent's, and forwards signals
//! on the thread's alternate stack. So a call with the stack pointer outside of the thread's own stack comes from it
//! (or from the stack walk of an allocation, which must not do these things either). The system calls are checked on
//! a thread that makes none itself, so the kernel's filter can end the process at any call.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![expect(clippy::unwrap_used, reason = "tests")]

mod replaced;

use std::cell::Cell;
use std::ffi::CStr;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use rgops_tests::itself::{self, Itself};
use rgops_tests::seccomp::{Filter, Scope, Verdict};
use rgops_tests::waiting::until;

/// The heap is also sampled, far more often than usual, so the handler interrupts that too.
#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> =
    rgops_agent::alloc::Sampling::new(std::alloc::System);

/// Room for a whole walk, even in a build without optimisation.
const LARGE: usize = 128 * 1024;
/// A typical small alternate stack.
const SMALL: usize = 16 * 1024;

thread_local! {
    /// The bounds of this thread's own stack, once they are known. Const-initialised: reading it runs no initialiser.
    static OWN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Aborts if the caller does not run on its thread's own stack.
fn forbid_inside_the_handler(what: &CStr) {
    let here = std::ptr::from_ref(&what) as usize;
    let (low, high) = OWN.get();
    if high != 0 && !(low..high).contains(&here) {
        // SAFETY: write(2) only reads the texts, which are as long as stated; write and abort are async-signal-safe.
        unsafe {
            libc::write(2, what.as_ptr().cast(), what.count_bytes());
            libc::write(2, c" inside the handler\n".as_ptr().cast(), 20);
            libc::abort();
        }
    }
}

/// Gives the calling thread an alternate stack above an inaccessible mapping, and stores the bounds of its own stack.
fn alternate_stack(bytes: usize) -> *mut u8 {
    // SAFETY: only new mappings are changed, and the stack lives until the process ends. pthread_getattr_np(3)
    // initialises the attributes before they are read.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        let (mut low, mut own_bytes) = (std::ptr::null_mut(), 0);
        assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &mut attributes), 0);
        assert_eq!(libc::pthread_attr_getstack(&attributes, &mut low, &mut own_bytes), 0);
        libc::pthread_attr_destroy(&mut attributes);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let place = libc::mmap(std::ptr::null_mut(), 2 * bytes, libc::PROT_NONE, flags, -1, 0);
        assert_ne!(place, libc::MAP_FAILED);
        let stack = place.cast::<u8>().add(bytes);
        assert_eq!(libc::mprotect(stack.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE), 0);
        stack.write_bytes(PAINT, bytes);
        let setting = libc::stack_t { ss_sp: stack.cast(), ss_flags: 0, ss_size: bytes };
        assert_eq!(libc::sigaltstack(&setting, std::ptr::null_mut()), 0);
        OWN.set((low as usize, low as usize + own_bytes));
        stack
    }
}

const PAINT: u8 = 0xa5;

/// The number of bytes of an alternate stack, from its top, that were written to.
fn used(stack: *mut u8, bytes: usize) -> usize {
    // SAFETY: the stack stays mapped. The read is volatile because handlers write there meanwhile.
    let is_painted = |at: &usize| unsafe { stack.add(*at).read_volatile() } == PAINT;
    bytes - (0..bytes).take_while(is_painted).count()
}

/// What the program's own handler does, to show that the detectors work. The agent's handler calls it.
static OWN_HANDLER: AtomicUsize = AtomicUsize::new(0);
static OWN_HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn own_handler(_: i32) {
    match OWN_HANDLER.load(Ordering::SeqCst) {
        1 => drop(black_box(vec![1u8; 100])),
        2 => {
            let mut lock = libc::PTHREAD_MUTEX_INITIALIZER;
            // SAFETY: the mutex is initialised and lives on this stack.
            unsafe { libc::pthread_mutex_lock(&mut lock) };
        }
        // SAFETY: getppid(2) has no arguments. (Not getpid(2): raise(3) calls it.)
        3 => drop(black_box(unsafe { libc::syscall(libc::SYS_getppid) })),
        _ => drop(OWN_HANDLED.fetch_add(1, Ordering::SeqCst)),
    }
}

fn install_own_handler() {
    // SAFETY: plain data, valid when zeroed; the handler has the right type and is never unloaded.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = own_handler as *const () as usize;
        new.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGPROF, &new, std::ptr::null_mut()), 0);
    }
}

/// A thread's name, its alternate stack, and what it does, given the number of the round.
type Work = (&'static str, usize, fn(u64));

/// Work that can be interrupted while it holds a lock, or inside the allocator.
const WORKS: [Work; 7] = [
    ("allocates", LARGE, allocate),
    ("panics", LARGE, panic_and_catch),
    ("backtraces", LARGE, capture_backtraces),
    ("loads", LARGE, load_and_unload),
    ("locks", LARGE, lock),
    ("deep", LARGE, |_| assert_eq!(deep(400, &mut || compute(100_000)), 400)),
    ("small", SMALL, |_| compute(100_000)),
];

static ROUNDS: [AtomicU64; WORKS.len()] = [const { AtomicU64::new(0) }; WORKS.len()];

fn start_threads() {
    let begun = Arc::new(Barrier::new(WORKS.len() + 1));
    for ((name, bytes, work), rounds) in WORKS.into_iter().zip(&ROUNDS) {
        let begun = begun.clone();
        let run = move || {
            alternate_stack(bytes);
            begun.wait();
            loop {
                work(rounds.fetch_add(1, Ordering::Relaxed));
            }
        };
        std::thread::Builder::new().name(name.into()).spawn(run).unwrap();
    }
    // From here on, all have their names and stacks.
    begun.wait();
}

#[inline(never)]
fn deep(depth: u64, last: &mut dyn FnMut()) -> u64 {
    if depth == 0 {
        last();
        return 0;
    }
    black_box(deep(depth - 1, last)) + 1
}

fn compute(steps: u64) {
    let mut number = 1u64;
    for step in 0..steps {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

fn allocate(round: u64) {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for step in 1..200u64 {
        blocks.push(Vec::with_capacity((step.wrapping_mul(round) % 5000 + 1) as usize));
        if step % 3 == 0 {
            blocks.swap_remove(step as usize % blocks.len());
        }
    }
    black_box(&blocks);
}

fn panic_and_catch(round: u64) {
    let result = std::panic::catch_unwind(|| deep(round % 30, &mut || panic!("round {round}")));
    assert!(result.is_err());
}

fn capture_backtraces(round: u64) {
    deep(round % 60, &mut || drop(black_box(std::backtrace::Backtrace::force_capture())));
}

fn load_and_unload(_: u64) {
    // SAFETY: the C library's mathematics has no constructors with effects, and nothing of it is used.
    unsafe {
        let library = libc::dlopen(c"libm.so.6".as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null());
        libc::dlclose(library);
    }
}

fn lock(_: u64) {
    static LOCK: std::sync::Mutex<u64> = std::sync::Mutex::new(0);
    for _ in 0..1000 {
        *LOCK.lock().unwrap() += 1;
    }
}

#[test]
#[ignore = "started by other tests"]
fn works() {
    if !itself::is_target() {
        return;
    }
    std::panic::set_hook(Box::new(|_| {}));
    install_own_handler();
    start_threads();
    itself::listen_with(rgops_agent::Options::default().heap_rate(8192));
    let rounds: Vec<_> = ROUNDS.iter().map(|rounds| rounds.load(Ordering::Relaxed)).collect();
    assert!(rounds.iter().all(|rounds| *rounds > 1), "{rounds:?}");
    println!("\nrounds {rounds:?}");
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

/// Length of one profile: a tenth of the torture's.
fn seconds() -> u64 {
    std::env::var("RGOPS_TORTURE_SECONDS").map_or(1, |text| (text.parse::<u64>().unwrap() / 10).max(1))
}

#[test]
fn the_handler_allocates_and_locks_nothing_whatever_it_interrupts() {
    let target = Itself::start("works");
    for hz in [999, 10_000] {
        let mut unseen: Vec<&str> = WORKS.iter().map(|(name, ..)| *name).collect();
        // On a loaded machine a thread may have to wait for a CPU.
        for _ in 0..20 {
            let profile = target.profile_at(hz, 1000 * seconds());
            let totals = profile.totals();
            println!("{hz} Hz: {} samples, {} walks lost", totals.samples, totals.lost_walks);
            unseen.retain(|name| profile.thread(name).weight == 0);
            if unseen.is_empty() {
                break;
            }
        }
        assert!(unseen.is_empty(), "never sampled: {unseen:?}");
        target.dump();
    }
    println!("{}", target.end());
}

/// A thread that makes no system calls, under a filter that ends the process for all calls except two.
#[test]
#[ignore = "started by other tests"]
fn computes() {
    if !itself::is_target() {
        return;
    }
    install_own_handler();
    static STACK: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
    let is_kernels_clock = clock_needs_the_kernel();
    println!("\nclock_gettime needs the kernel: {is_kernels_clock}");
    let run = move || {
        STACK.store(alternate_stack(LARGE), Ordering::SeqCst);
        let mut filter = Filter::new()
            .call(libc::SYS_rt_sigreturn, Verdict::Allow)
            // `how` is -1, so the call changes nothing.
            .call_with(libc::SYS_rt_sigprocmask, u32::MAX, Verdict::Allow);
        if is_kernels_clock {
            filter = filter.call(libc::SYS_clock_gettime, Verdict::Allow);
        }
        filter.enforce(Scope::ThisThread, Verdict::Kill);
        deep(50, &mut || {
            loop {
                compute(1_000_000);
            }
        });
    };
    std::thread::Builder::new().name("computes".into()).spawn(run).unwrap();
    until("it computes", || (!STACK.load(Ordering::SeqCst).is_null()).then_some(()));
    itself::listen_with(rgops_agent::Options::default().heap_rate(8192));
    println!("\nstack {}", used(STACK.load(Ordering::SeqCst), LARGE));
    // SAFETY: ends the process without waiting for its thread, which could not even exit.
    unsafe { libc::_exit(0) };
}

/// Whether the vDSO of this machine makes a system call to read the time. A child that reads it under a filter is
/// killed then.
fn clock_needs_the_kernel() -> bool {
    let mut status = 0;
    // SAFETY: the child only reads the time and exits; the parent waits for it.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let filter = Filter::new().call(libc::SYS_clock_gettime, Verdict::Kill);
            filter.enforce(Scope::ThisThread, Verdict::Allow);
            let mut time = std::mem::zeroed();
            libc::_exit(libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time));
        }
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
    }
    status != 0
}

#[test]
fn the_handler_makes_no_system_call_except_its_check_of_the_stack() {
    let target = Itself::start("computes");
    for hz in [999, 10_000] {
        let (mut all, mut whole) = (0, 0);
        // On a loaded machine it may have to wait for a CPU.
        for _ in 0..20 {
            let profile = target.profile_at(hz, 1000 * seconds());
            let tid = profile.thread("computes").tid;
            let own = profile.samples.iter().filter(|sample| sample.tid == tid);
            all += own.clone().count();
            whole += own.filter(|sample| sample.stack.frames.len() > 50).count();
            if all >= 50 {
                break;
            }
        }
        println!("{hz} Hz: {all} samples, {whole} of them whole");
        assert!(all >= 50 && whole * 10 > all * 9);
        target.dump();
    }
    let text = target.end();
    let used: usize = text.lines().find_map(|line| line.strip_prefix("stack ")?.parse().ok()).unwrap();
    println!("{used} bytes of the alternate stack were used, the kernel's own frame included");
    assert!(used > 1024 && used < 64 * 1024);
}

/// Does forbidden things in the program's own handler, which the agent's handler calls.
#[test]
#[ignore = "started by other tests"]
fn misbehaves() {
    if !itself::is_target() {
        return;
    }
    install_own_handler();
    let own = disposition();
    let how: usize = std::env::var("RGOPS_TEST_HOW").unwrap().parse().unwrap();
    let run = move || {
        alternate_stack(LARGE);
        if how == 3 {
            let filter = Filter::new().call(libc::SYS_getppid, Verdict::Kill);
            filter.enforce(Scope::ThisThread, Verdict::Allow);
        }
        loop {
            compute(100_000);
            // SAFETY: the signal has a handler: the program's, or the agent's that calls it.
            unsafe { libc::raise(libc::SIGPROF) };
            let is_ours = disposition() != own;
            if is_ours && OWN_HANDLED.load(Ordering::SeqCst) > 0 {
                OWN_HANDLER.store(how, Ordering::SeqCst);
            }
        }
    };
    std::thread::spawn(run);
    itself::listen_with(rgops_agent::Options::default().heap_rate(8192));
}

fn disposition() -> usize {
    // SAFETY: plain data, valid when zeroed; sigaction(2) only writes the old disposition, which is valid.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut now), 0);
        now.sa_sigaction
    }
}

#[test]
fn the_detectors_detect_each_violation() {
    let ends = [
        ("1", libc::SIGABRT, "malloc inside the handler"),
        ("2", libc::SIGABRT, "pthread_mutex_lock inside the handler"),
        ("3", libc::SIGSYS, ""),
    ];
    for (how, signal, text) in ends {
        let target = Itself::start_with("misbehaves", &[("RGOPS_TEST_HOW", how)]);
        // The agent ends with the process, in the middle of the answer.
        assert!(target.try_profile(999, 20_000).is_err());
        let (status, errors) = target.death();
        assert_eq!(status.signal(), Some(signal), "{errors}");
        assert!(errors.contains(text), "{errors}");
    }
}

//! Threads that use stacks without guard pages, fork children and block signals: the part of the torture that only
//! the native engine survives.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use super::native::{Work, count};

/// Number of bytes below the stacks that were changed.
pub(super) static CHANGED: AtomicU64 = AtomicU64::new(0);

pub(super) const WORKS: [Work; 6] = [
    ("coroutines", 2, coroutine),
    ("switches", 1, switch_by_hand),
    ("alternates", 1, use_alternate_stack),
    ("handles", 1, handle_on_alternate_stack),
    ("daemonizes", 1, daemonize),
    ("blocks", 1, block_signals),
];

const KIB: usize = 1024;
const SIZES: [usize; 6] = [4 * KIB, 8 * KIB, 12 * KIB, 16 * KIB, 32 * KIB, 64 * KIB];

/// A stack from malloc, with a canary below it in the same block.
struct Stack {
    canary: *mut u8,
    bytes: usize,
}

impl Stack {
    const CANARY_BYTES: usize = 16 * KIB;
    const PAINT: u8 = 0xc3;

    fn new(round: u64, smallest: usize) -> Stack {
        let bytes = SIZES[round as usize % SIZES.len()].max(smallest);
        // SAFETY: the block is new and large enough; its lower part is initialised.
        unsafe {
            let canary: *mut u8 = libc::malloc(Stack::CANARY_BYTES + bytes).cast();
            assert!(!canary.is_null());
            canary.write_bytes(Stack::PAINT, Stack::CANARY_BYTES);
            Stack { canary, bytes }
        }
    }

    fn low(&self) -> *mut u8 {
        // SAFETY: the offset is within the block.
        unsafe { self.canary.add(Stack::CANARY_BYTES) }
    }

    fn top(&self) -> *mut u8 {
        // SAFETY: the end of the block, in bounds; malloc aligned it as a stack requires.
        unsafe { self.low().add(self.bytes) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the canary belongs to this `Stack`, and `at` is inside it. The read is volatile because the
        // compiler does not see the writes of handlers.
        let is_changed = |at: &usize| unsafe { self.canary.add(*at).read_volatile() } != Stack::PAINT;
        let changed = (0..Stack::CANARY_BYTES).filter(is_changed).count();
        CHANGED.fetch_add(changed as u64, Ordering::Relaxed);
        // SAFETY: the block is from malloc, and no thread runs on it any more.
        unsafe { libc::free(self.canary.cast()) };
    }
}

// SAFETY: the memory lives until `self` is dropped and has the reported bounds. There is no guard page, which is what
// the test is about; `compute` fits into the smallest stack.
unsafe impl corosensei::stack::Stack for Stack {
    fn base(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.top().addr()).unwrap()
    }

    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.low().addr()).unwrap()
    }
}

/// Like `count`, with little stack.
#[inline(never)]
fn compute() {
    let mut number = 0u64;
    let mut step = 0u64;
    while step < 100_000 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
        step += 1;
    }
    black_box(number);
}

fn coroutine(round: u64) {
    let mut coroutine =
        corosensei::Coroutine::<(), (), (), Stack>::with_stack(Stack::new(round, 0), |yielder, ()| {
            compute();
            yielder.suspend(());
            compute();
        });
    while !matches!(coroutine.resume(()), corosensei::CoroutineResult::Return(())) {}
    drop(coroutine.into_stack());
}

#[cfg(target_arch = "x86_64")]
fn switch_by_hand(round: u64) {
    extern "C" fn begin() {
        compute();
    }
    let stack = Stack::new(round, 0);
    // SAFETY: the stack is aligned and not shared. When the function returns, the former stack pointer is restored
    // from a register that functions preserve.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp", "mov rsp, {top}", "call {begin}", "mov rsp, r12",
            top = in(reg) stack.top(), begin = sym begin, out("r12") _, clobber_abi("C"),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn switch_by_hand(round: u64) {
    coroutine(round);
}

/// Calls `work` with this alternate stack instead of std's.
fn with_alternate_stack(stack: &Stack, work: impl FnOnce()) {
    let new = libc::stack_t { ss_sp: stack.low().cast(), ss_flags: 0, ss_size: stack.bytes };
    // SAFETY: plain data, initialised by the call. The former stack is restored before this one is freed.
    unsafe {
        let mut former: libc::stack_t = std::mem::zeroed();
        assert_eq!(libc::sigaltstack(&new, &mut former), 0);
        work();
        assert_eq!(libc::sigaltstack(&former, std::ptr::null_mut()), 0);
    }
}

/// The smallest stack with room for a signal frame: 3.3 KiB with AVX-512, more than 4 KiB on aarch64.
const SMALLEST: usize = if cfg!(target_arch = "x86_64") { 4 * KIB } else { 8 * KIB };

fn use_alternate_stack(round: u64) {
    with_alternate_stack(&Stack::new(round, SMALLEST), compute);
}

/// The program's handler works on the alternate stack. Room for a second signal frame is needed there: the kernel
/// writes it.
fn handle_on_alternate_stack(round: u64) {
    extern "C" fn handle(_: i32) {
        compute();
    }
    // SAFETY: plain data, valid when zeroed; the handler only computes, which is async-signal-safe.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handle as *const () as usize;
        new.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &new, std::ptr::null_mut()), 0);
    }
    with_alternate_stack(&Stack::new(round, 3 * SMALLEST), || {
        // SAFETY: raise(3) has no preconditions, and the handler is installed.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
    });
}

/// The child creates a daemon as described in daemon(7), and both end.
fn daemonize(_round: u64) {
    // SAFETY: the child and its child only make system calls and exit, which is sound after a fork; the parent waits
    // for the child.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::setsid();
            if libc::fork() == 0 {
                libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
                compute();
            }
            libc::_exit(0);
        }
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
    }
    std::thread::sleep(std::time::Duration::from_millis(2));
}

/// This thread gets no samples.
fn block_signals(round: u64) {
    if round == 0 {
        // SAFETY: both sets are initialised before they are read.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
        }
    }
    count(round);
}

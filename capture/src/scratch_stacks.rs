//! Stacks of ours, for whatever has to work on a thread of the program: the signal handler, and the walk of a
//! stack that allocates.
//!
//! How much room there is below a stack pointer nobody can tell. Alternate stacks and those of coroutines come
//! from malloc or a static, a guard page is where somebody put one, and a stack may be an array in the
//! middle of another. So nothing is guessed: the handler switches to one of these stacks before it has
//! written a single byte of its own (`signal::handler`), and walks are made on them ([`call`]). They have a
//! guard page and room for twice what the longest work takes (the test `our_stacks_have_room_to_spare`).
//!
//! On them no signal may be handled: its handler expects the room of the thread's stack, looks for the stack
//! pointer there, or leaves by longjmp and never gives the stack back. In our handler all signals are
//! blocked (`signal::Installed`); [`call`] blocks them.
//!
//! The pool is made when the first operation begins or the heap is first sampled, and stays: a handler may
//! have its address in a register for as long as its thread is not run. Idle it costs a few pages.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::memory::Pages;
use super::{arch, signal_number, stack_bounds, system};

/// Of each stack. framehop and gimli use most of it: gimli copies a row of 192 register rules (6 KiB) by
/// value, and without optimisation several times.
pub(super) const BYTES: usize = if cfg!(debug_assertions) { 128 } else { 64 } * 1024;
const GUARD_BYTES: usize = 4096;
/// So many threads can be at work at the same time, and two a CPU.
const FEWEST: usize = 16;
const MOST: usize = 512;

/// The pool; null before the first operation. `signal::handler` reads it, so its layout is the one below.
pub(super) static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// Weight of ticks that found no stack in the pool.
pub(super) static LOST: AtomicU64 = AtomicU64::new(0);

/// Behind it in memory are as many [`Stack`]s.
#[repr(C, align(64))]
pub(super) struct Pool {
    /// Their number, a power of two, less one.
    last: u64,
    process: u32,
}

/// A stack, and whether somebody has it. In a cache line of its own.
#[repr(C, align(64))]
pub(super) struct Stack {
    taken: AtomicU32,
    /// Its end, a multiple of 64.
    top: u64,
}

/// Makes the pool, if this process has none yet. In a fork child those of the parent's stacks that were in use
/// stay so for ever: it gets a pool of its own.
pub(super) fn prepare() -> io::Result<()> {
    stack_bounds::prepare();
    let _alone = Preparing::begin();
    // SAFETY: null, or a pool that was leaked below.
    let pool = unsafe { POOL.load(Ordering::Acquire).as_ref() };
    if pool.is_some_and(|pool| pool.process == std::process::id()) {
        return Ok(());
    }
    let count = (2 * system::cpus()).clamp(FEWEST, MOST).next_power_of_two();
    let size = BYTES + GUARD_BYTES;
    let memory = Pages::zeroed(count * size)?;
    let table = Pages::zeroed(size_of::<Pool>() + count * size_of::<Stack>())?;
    let start = memory.start().as_ptr();
    let pool = table.start().cast::<Pool>();
    for at in 0..count {
        // SAFETY: within `memory`, which nobody else knows yet; the lowest page of each stack stays unused.
        let (guarded, top) = unsafe {
            let guard = start.add(at * size);
            (libc::mprotect(guard.cast(), GUARD_BYTES, libc::PROT_NONE), guard.add(size))
        };
        if guarded != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the table is zeroed, page-aligned and has room for the pool and all its stacks.
        unsafe { stacks(pool).add(at).write(Stack { taken: AtomicU32::new(0), top: top.addr() as u64 }) };
    }
    // SAFETY: as above.
    unsafe { pool.write(Pool { last: count as u64 - 1, process: std::process::id() }) };
    std::mem::forget((memory, table));
    POOL.store(pool.as_ptr(), Ordering::Release);
    Ok(())
}

/// One thread at a time makes a pool. In a fork child it may be one that is not there, of the parent.
struct Preparing;

/// The process whose thread it is; 0 for none.
static PREPARING: AtomicU32 = AtomicU32::new(0);

impl Preparing {
    fn begin() -> Preparing {
        let process = std::process::id();
        loop {
            let holder = PREPARING.load(Ordering::Acquire);
            let is_free = holder != process;
            if is_free
                && PREPARING.compare_exchange(holder, process, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return Preparing;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        PREPARING.store(0, Ordering::Release);
    }
}

fn stacks(pool: NonNull<Pool>) -> NonNull<Stack> {
    // SAFETY: the stacks follow the pool, in the same mapping; both are 64 bytes or a multiple of it.
    unsafe { pool.add(1).cast() }
}

/// Calls `work` on a stack of ours with all signals blocked; `None` when there is none.
///
/// Of the caller's stack it needs what it takes to call this. `work` must not unwind.
#[inline(never)]
pub(super) fn call<W: FnOnce() -> R, R>(work: W) -> Option<R> {
    let pool = NonNull::new(POOL.load(Ordering::Acquire))?;
    // Besides what the thread blocks already, synchronous ones too: one may be pending for its sigwait(3).
    let mask = arch::block_signals(signal_number::ALL_BUT_SYNCHRONOUS)?;
    let mut data = (Some(work), None);
    if let Some(stack) = take(pool) {
        // SAFETY: the stack is ours until it is given back, unused, and large enough (the module's
        // documentation); `run` gets the data it is for.
        unsafe { arch::call_on(stack.top, run::<W, R>, (&raw mut data).cast()) };
        stack.taken.store(0, Ordering::Release);
    }
    if arch::set_signal_mask(mask).is_none() {
        // A seccomp filter that denies this way of it.
        arch::unblock_signals(signal_number::ALL_BUT_SYNCHRONOUS & !mask);
    }
    data.1
}

extern "C" fn run<W: FnOnce() -> R, R>(data: *mut libc::c_void) {
    // SAFETY: `call` passes a pointer to this, which nobody else uses meanwhile.
    let (work, result) = unsafe { &mut *data.cast::<(Option<W>, Option<R>)>() };
    *result = work.take().map(|work| work());
}

/// Takes a stack, as `signal::handler` does.
fn take(pool: NonNull<Pool>) -> Option<&'static Stack> {
    // SAFETY: made by `prepare`, with that many stacks behind it, and never freed.
    let last = unsafe { pool.as_ref() }.last as usize;
    // Where a thread begins to look does not matter much: few work at the same time. A plain loop, because
    // without optimisation an iterator takes much of the stack we are careful with.
    let mut at = 0;
    while at <= last {
        // SAFETY: as above.
        let stack = unsafe { stacks(pool).add(at).as_ref() };
        if stack.taken.swap(1, Ordering::Acquire) == 0 {
            return Some(stack);
        }
        at += 1;
    }
    None
}

/// Bytes that were ever used of the stack that was used most. Of pages that were never touched nothing is read.
#[cfg(test)]
pub(super) fn most_used() -> usize {
    let Some(pool) = NonNull::new(POOL.load(Ordering::Acquire)) else { return 0 };
    // SAFETY: as in `take`.
    let stacks =
        unsafe { std::slice::from_raw_parts(stacks(pool).as_ptr(), pool.as_ref().last as usize + 1) };
    let used = |stack: &Stack| {
        let low = stack.top - BYTES as u64;
        // SAFETY: between the guard page and the end of a stack of ours; others may be writing, so words are
        // loaded one by one.
        let untouched = (low..stack.top).step_by(8).take_while(|at| unsafe { arch::load(*at) } == 0).count();
        BYTES - 8 * untouched
    };
    stacks.iter().map(used).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn signal_mask() -> u64 {
        arch::block_signals(0).unwrap()
    }

    #[test]
    fn what_a_thread_of_the_parent_was_making_at_the_fork_is_made_anew() {
        // SAFETY: the child calls `prepare`, which maps memory, and ends.
        let child = unsafe {
            let preparing = Preparing::begin();
            let child = libc::fork();
            if child == 0 {
                // Its `PREPARING` has the parent's number.
                let made = prepare().is_ok() && call(|| 7) == Some(7);
                libc::_exit(if made { 7 } else { 1 });
            }
            drop(preparing);
            child
        };
        let mut status = 0;
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        // SAFETY: waits for the child made above, and ends it if that does not end.
        unsafe {
            while libc::waitpid(child, &mut status, libc::WNOHANG) == 0 {
                if std::time::Instant::now() > deadline {
                    libc::kill(child, libc::SIGKILL);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status:#x}");
    }

    #[test]
    fn signals_that_the_thread_blocks_stay_blocked_meanwhile() {
        prepare().unwrap();
        let bit = |signal: i32| 1_u64 << (signal - 1);
        let theirs = bit(libc::SIGSEGV) | bit(libc::SIGSYS) | bit(libc::SIGUSR2);
        let former = arch::set_signal_mask(theirs).unwrap();
        let inside = call(signal_mask);
        let after = arch::set_signal_mask(former).unwrap();
        assert_eq!(inside.unwrap() & theirs, theirs);
        assert!(inside.unwrap() & bit(libc::SIGPROF) != 0);
        assert_eq!(after, theirs, "all is as before");
    }

    /// Denied is rt_sigprocmask(2) with SIG_SETMASK, in the test's own thread: filters are a thread's.
    #[test]
    fn signals_are_unblocked_where_a_filter_denies_the_mask_to_be_set() {
        const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        const UNLESS_EQUAL_SKIP: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
        /// Of `seccomp_data`: the call's number, and the lower half of its first argument.
        const CALL: u32 = 0;
        const HOW: u32 = 16;
        prepare().unwrap();
        std::thread::spawn(|| {
            let step = |code: u32, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf, k };
            let mut steps = [
                step(LOAD, 0, CALL),
                step(UNLESS_EQUAL_SKIP, 3, libc::SYS_rt_sigprocmask as u32),
                step(LOAD, 0, HOW),
                step(UNLESS_EQUAL_SKIP, 1, libc::SIG_SETMASK as u32),
                step(RETURN, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
                step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
            ];
            let before = signal_mask();
            let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
            // SAFETY: prctl(2) reads the filter, which lives on this stack.
            unsafe {
                assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
                let mode = libc::SECCOMP_MODE_FILTER;
                assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter), 0);
            }
            assert_eq!(arch::set_signal_mask(before), None, "denied");
            assert!(call(signal_mask).unwrap() & 1 << (libc::SIGPROF - 1) != 0);
            assert_eq!(signal_mask(), before, "all is as before");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn work_is_done_elsewhere_with_signals_blocked_and_all_is_as_before() {
        prepare().unwrap();
        let before = signal_mask();
        let here = arch::Registers::here().sp;
        let inside = call(|| (arch::Registers::here().sp, signal_mask())).unwrap();
        assert!(inside.0.abs_diff(here) > 1 << 16, "{inside:x?} {here:x}");
        // What the kernel, or an emulator of it, makes of that mask.
        let former = arch::set_signal_mask(signal_number::ALL_BUT_SYNCHRONOUS).unwrap();
        let blocked = arch::set_signal_mask(former).unwrap();
        assert!(blocked & 1 << (libc::SIGPROF - 1) != 0);
        assert_eq!(inside.1, blocked);
        assert_eq!(signal_mask(), before);
        assert_eq!(call(|| call(|| 7)), Some(Some(7)), "each has its own");
    }
}

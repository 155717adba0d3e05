//! A pool of stacks for work on the program's threads: for the signal handler, and for stack walks during an
//! allocation.
//!
//! The room below a stack pointer cannot be determined. Alternate stacks and coroutine stacks come
//! from malloc or a static, may or may not have a guard page, and a stack may be an array in the
//! middle of another. So nothing is assumed: the handler switches to one of these stacks before it
//! writes a single byte of its own (`signal::handler`), and walks run on them ([`call`]). They have a
//! guard page and twice the room that the deepest work needs (the test `scratch_stacks_have_room_to_spare`).
//!
//! No signal may be handled on them: its handler may expect the room of the thread's stack, compare the stack
//! pointer with that stack's bounds, or leave by longjmp and never release the stack. In our handler all signals are
//! blocked (`signal::Installed`); [`call`] blocks them.
//!
//! The pool is created when the first operation begins or the heap is first sampled, and is never freed: a handler may
//! hold its address in a register for as long as its thread is not scheduled. When idle it costs a few pages.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::memory::Pages;
use super::{arch, signal_number, stack_bounds, system};

/// The size of each stack. Most of it is for framehop and gimli: gimli copies a row of 192 register rules (6 KiB) by
/// value, without optimisation several times.
pub(super) const BYTES: usize = if cfg!(debug_assertions) { 128 } else { 64 } * 1024;
const GUARD_BYTES: usize = 4096;
/// The number of stacks, which is the number of threads that can work at the same time: two per CPU, within bounds.
const MIN_STACKS: usize = 16;
const MAX_STACKS: usize = 512;

/// The pool; null before the first operation. `signal::handler` reads it and depends on the layout below.
pub(super) static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// The weight of ticks that found no free stack.
pub(super) static LOST: AtomicU64 = AtomicU64::new(0);

/// The head of the pool. The [`Stack`]s follow it in memory.
#[repr(C, align(64))]
pub(super) struct Pool {
    /// The number of stacks minus one; the number is a power of two.
    last: u64,
    process: u32,
}

/// A stack and whether it is in use. In a cache line of its own.
#[repr(C, align(64))]
pub(super) struct Stack {
    taken: AtomicU32,
    /// The address of its end, a multiple of 64.
    top: u64,
}

/// Creates the pool, unless this process has one. A fork child gets its own pool, because the parent's stacks that were
/// in use at the fork are never released there.
pub(super) fn prepare() -> io::Result<()> {
    stack_bounds::prepare();
    let _alone = Preparing::begin();
    // SAFETY: null, or a pool that was leaked below and is never freed.
    let pool = unsafe { POOL.load(Ordering::Acquire).as_ref() };
    if pool.is_some_and(|pool| pool.process == std::process::id()) {
        return Ok(());
    }
    let count = (2 * system::cpus()).clamp(MIN_STACKS, MAX_STACKS).next_power_of_two();
    let size = BYTES + GUARD_BYTES;
    let memory = Pages::zeroed(count * size)?;
    let table = Pages::zeroed(size_of::<Pool>() + count * size_of::<Stack>())?;
    let start = memory.start().as_ptr();
    let pool = table.start().cast::<Pool>();
    for at in 0..count {
        // SAFETY: within `memory`, which no other code knows yet; the lowest page of each stack stays unused.
        let (guarded, top) = unsafe {
            let guard = start.add(at * size);
            (libc::mprotect(guard.cast(), GUARD_BYTES, libc::PROT_NONE), guard.add(size))
        };
        if guarded != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the table is zeroed and page-aligned, and has room for the pool and all its stacks.
        unsafe { stacks(pool).add(at).write(Stack { taken: AtomicU32::new(0), top: top.addr() as u64 }) };
    }
    // SAFETY: as above: the table has room and alignment for the pool.
    unsafe { pool.write(Pool { last: count as u64 - 1, process: std::process::id() }) };
    std::mem::forget((memory, table));
    POOL.store(pool.as_ptr(), Ordering::Release);
    Ok(())
}

/// Held by the thread that creates a pool. In a fork child it may be held by a thread of the parent, which does not
/// exist there.
struct Preparing;

/// The process of the holding thread; 0 for none.
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
    // SAFETY: the stacks follow the pool in the same mapping; the size of both is a multiple of 64 bytes.
    unsafe { pool.add(1).cast() }
}

/// Calls `work` on a scratch stack with all signals blocked; `None` when none is free.
///
/// It uses the caller's stack only for this call. `work` must not unwind.
#[inline(never)]
pub(super) fn call<W: FnOnce() -> R, R>(work: W) -> Option<R> {
    let pool = NonNull::new(POOL.load(Ordering::Acquire))?;
    // Synchronous signals are added to the mask only if the thread blocks them: one may be pending for its sigwait(3).
    let mask = arch::block_signals(signal_number::ALL_BUT_SYNCHRONOUS)?;
    let mut data = (Some(work), None);
    if let Some(stack) = take(pool) {
        // SAFETY: we hold the stack until it is released below; it is unused and large enough (see the module's
        // documentation). `run::<W, R>` gets a pointer to the data type it expects, and does not unwind.
        unsafe { arch::call_on(stack.top, run::<W, R>, (&raw mut data).cast()) };
        stack.taken.store(0, Ordering::Release);
    }
    if arch::set_signal_mask(mask).is_none() {
        // A seccomp filter denies setting the mask; unblocking may still be allowed.
        arch::unblock_signals(signal_number::ALL_BUT_SYNCHRONOUS & !mask);
    }
    data.1
}

extern "C" fn run<W: FnOnce() -> R, R>(data: *mut libc::c_void) {
    // SAFETY: `call` passes a pointer to this type; no other code uses the data during the call.
    let (work, result) = unsafe { &mut *data.cast::<(Option<W>, Option<R>)>() };
    *result = work.take().map(|work| work());
}

/// Takes a free stack, like `signal::handler` does.
fn take(pool: NonNull<Pool>) -> Option<&'static Stack> {
    // SAFETY: `prepare` created the pool, with that many stacks after it, and it is never freed.
    let last = unsafe { pool.as_ref() }.last as usize;
    // The start index does not matter much, because few threads work at the same time. A plain loop, because
    // an unoptimised iterator takes much of the caller's stack.
    let mut at = 0;
    while at <= last {
        // SAFETY: `at` is at most `last`, so the stack exists.
        let stack = unsafe { stacks(pool).add(at).as_ref() };
        if stack.taken.swap(1, Ordering::Acquire) == 0 {
            return Some(stack);
        }
        at += 1;
    }
    None
}

/// The maximum number of bytes used of any stack so far. Pages that were never touched read as 0.
#[cfg(test)]
pub(super) fn most_used() -> usize {
    let Some(pool) = NonNull::new(POOL.load(Ordering::Acquire)) else { return 0 };
    // SAFETY: as in `take`: the pool has that many stacks.
    let stacks =
        unsafe { std::slice::from_raw_parts(stacks(pool).as_ptr(), pool.as_ref().last as usize + 1) };
    let used = |stack: &Stack| {
        let low = stack.top - BYTES as u64;
        // SAFETY: the address is between the guard page and the end of a stack of the pool. Other threads may write
        // there, so words are loaded one by one in assembly.
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
    fn a_fork_child_creates_its_own_pool_when_a_thread_of_the_parent_was_creating_one() {
        // SAFETY: the child only calls `prepare`, which maps memory, and exits.
        let child = unsafe {
            let preparing = Preparing::begin();
            let child = libc::fork();
            if child == 0 {
                // `PREPARING` contains the parent's id here.
                let made = prepare().is_ok() && call(|| 7) == Some(7);
                libc::_exit(if made { 7 } else { 1 });
            }
            drop(preparing);
            child
        };
        let mut status = 0;
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        // SAFETY: waits for the child created above, and kills it after the deadline.
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
    fn signals_blocked_by_the_thread_stay_blocked_during_a_call() {
        prepare().unwrap();
        let bit = |signal: i32| 1_u64 << (signal - 1);
        let theirs = bit(libc::SIGSEGV) | bit(libc::SIGSYS) | bit(libc::SIGUSR2);
        let former = arch::set_signal_mask(theirs).unwrap();
        let inside = call(signal_mask);
        let after = arch::set_signal_mask(former).unwrap();
        assert_eq!(inside.unwrap() & theirs, theirs);
        assert!(inside.unwrap() & bit(libc::SIGPROF) != 0);
        assert_eq!(after, theirs, "the mask is restored");
    }

    /// The filter denies rt_sigprocmask(2) with SIG_SETMASK, only in the test's own thread.
    #[test]
    fn signals_are_unblocked_when_a_filter_denies_setting_the_mask() {
        const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        const UNLESS_EQUAL_SKIP: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
        /// Offsets in `seccomp_data`: the call's number, and the lower half of its first argument.
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
            // SAFETY: prctl(2) reads the filter, a local that outlives the call.
            unsafe {
                assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
                let mode = libc::SECCOMP_MODE_FILTER;
                assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter), 0);
            }
            assert_eq!(arch::set_signal_mask(before), None, "denied");
            assert!(call(signal_mask).unwrap() & 1 << (libc::SIGPROF - 1) != 0);
            assert_eq!(signal_mask(), before, "the mask is restored");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn work_runs_on_another_stack_with_signals_blocked_and_the_mask_is_restored() {
        prepare().unwrap();
        let before = signal_mask();
        let here = arch::Registers::here().sp;
        let inside = call(|| (arch::Registers::here().sp, signal_mask())).unwrap();
        assert!(inside.0.abs_diff(here) > 1 << 16, "{inside:x?} {here:x}");
        // The mask as the kernel, or an emulator of it, stores it.
        let former = arch::set_signal_mask(signal_number::ALL_BUT_SYNCHRONOUS).unwrap();
        let blocked = arch::set_signal_mask(former).unwrap();
        assert!(blocked & 1 << (libc::SIGPROF - 1) != 0);
        assert_eq!(inside.1, blocked);
        assert_eq!(signal_mask(), before);
        assert_eq!(call(|| call(|| 7)), Some(Some(7)), "each call has its own stack");
    }
}

//! The payload of our signals, the state they interrupt, and how to send one.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::arch::Registers;
use super::signal_number::Number;

/// The start of `siginfo_t` for SI_TIMER on 64-bit Linux (sigaction(2)).
#[repr(C)]
pub(crate) struct Info {
    pub(crate) signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    /// The kernel's timer id, from 0; [`NO_TIMER`] in a signal of ours that does not come from a timer.
    timer: i32,
    /// Ticks of the timer that were merged into this signal.
    overrun: i32,
    value: u64,
}

/// The timer id in a dump's signal.
const NO_TIMER: i32 = -1;

impl Info {
    /// The tick in a signal from a timer or a dump.
    pub(crate) fn tick(&self) -> Option<Tick> {
        let weight = 1 + self.overrun.max(0) as u32;
        (self.code == libc::SI_TIMER).then_some(Tick { value: self.value, weight, timer: self.timer })
    }
}

/// What to send a signal with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) number: Number,
    /// The operation's magic, and the thread it is for.
    pub(crate) value: u64,
}

/// A signal that may be ours: from a timer or a dump.
#[derive(Clone, Copy)]
pub(crate) struct Tick {
    value: u64,
    /// 1 plus the overruns; always 1 for a dump.
    pub(crate) weight: u32,
    timer: i32,
}

impl Tick {
    pub(crate) fn magic(self) -> u32 {
        (self.value >> 32) as u32
    }

    pub(crate) fn tid(self) -> u32 {
        self.value as u32
    }

    /// The timer it came from.
    pub(crate) fn timer(self) -> Option<i32> {
        (self.timer != NO_TIMER).then_some(self.timer)
    }
}

/// The registers and the alternate stack of an interrupted thread.
pub(crate) struct Interrupted {
    pub(crate) registers: Registers,
    /// Empty when the thread has none.
    pub(crate) alternate: std::ops::Range<u64>,
}

impl Interrupted {
    /// # Safety
    /// `context` must be the pointer the kernel gave to an `SA_SIGINFO` handler, which still runs.
    pub(crate) unsafe fn of_context(context: *mut libc::c_void) -> Interrupted {
        // SAFETY: the caller guarantees that `context` is valid.
        let registers = unsafe { Registers::of_context(context) };
        // SAFETY: per sigaction(2), the third argument points to a `ucontext_t`, which is valid while the handler runs.
        let stack = unsafe { (*context.cast::<libc::ucontext_t>()).uc_stack };
        let low = stack.ss_sp.addr() as u64;
        // Without an alternate stack the size is 0 (kernel/signal.c, __save_altstack).
        Interrupted { registers, alternate: low..low.saturating_add(stack.ss_size as u64) }
    }
}

/// Whether the installed handler uses a thread's alternate stack, if it has one.
static USES_ALTERNATE_STACKS: AtomicBool = AtomicBool::new(false);

/// Whether the kernel writes the frame of our signals to a thread's alternate stack, if it has one.
pub(crate) fn uses_alternate_stacks() -> bool {
    USES_ALTERNATE_STACKS.load(Ordering::SeqCst)
}

/// Records whether the handler being installed uses alternate stacks.
pub(crate) fn use_alternate_stacks(are_used: bool) {
    USES_ALTERNATE_STACKS.store(are_used, Ordering::SeqCst);
}

/// Queues our signal for one thread (rt_tgsigqueueinfo(2)); fails when the thread has ended.
///
/// The signal claims to come from a timer, because of execve(2): a signal that is pending in the thread that
/// calls it stays pending in the new image, which has no handler, and SIGPROF would terminate it.
/// The kernel discards pending timer signals there (kernel/signal.c, flush_itimer_signals).
pub(crate) fn send(tid: u32, mark: Mark) -> io::Result<()> {
    let process = std::process::id();
    let info = Info {
        signal: mark.number.get(),
        errno: 0,
        code: libc::SI_TIMER,
        padding: 0,
        timer: NO_TIMER,
        overrun: 0,
        value: mark.value,
    };
    // SAFETY: `siginfo_t` is plain data, valid when zeroed, and longer than `Info`.
    let mut full: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `Info` is a prefix of `siginfo_t`, which has the size and alignment for it. The
    // system call only reads `full`.
    let sent = unsafe {
        (&raw mut full).cast::<Info>().write(info);
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, tid, mark.number.get(), &raw const full)
    };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

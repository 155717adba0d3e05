//! aarch64: registers of an interrupted thread, the way into the handler, and the raw system calls there.

use framehop::MustNotAllocateDuringUnwind;
use framehop::aarch64::{CacheAarch64, PtrAuthMask, UnwindRegsAarch64, UnwinderAarch64};

use crate::modules::UnwindData;
use crate::unwind::plausible;
use crate::{own_stacks, session, signal};

pub(crate) type Unwinder = UnwinderAarch64<UnwindData, MustNotAllocateDuringUnwind>;
pub(crate) type Cache = CacheAarch64<MustNotAllocateDuringUnwind>;
pub(crate) type UnwindRegisters = UnwindRegsAarch64;

/// Where a thread is.
#[derive(Clone, Copy)]
pub(crate) struct Registers {
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    pub(crate) fp: u64,
    lr: u64,
}

impl Registers {
    /// Reads them from the third argument of a signal handler.
    ///
    /// # Safety
    /// `context` must be the pointer the kernel gave to an `SA_SIGINFO` handler, which still runs.
    pub(crate) unsafe fn of_context(context: *mut libc::c_void) -> Registers {
        // SAFETY: sigaction(2): the third argument points to a `ucontext_t`, valid while the handler runs.
        let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
        Registers { pc: machine.pc, sp: machine.sp, fp: machine.regs[29], lr: machine.regs[30] }
    }

    /// The calling thread's, here.
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        let (pc, sp, fp, lr): (u64, u64, u64, u64);
        // SAFETY: reads four registers; touches neither memory nor flags.
        unsafe {
            std::arch::asm!(
                "adr {pc}, .", "mov {sp}, sp", "mov {fp}, x29", "mov {lr}, x30",
                pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp, lr = out(reg) lr,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { pc, sp, fp, lr }
    }

    pub(crate) fn for_unwinding(self) -> UnwindRegisters {
        // User addresses have at most 48 bits here; the bits above may hold an authentication code.
        let mask = PtrAuthMask::from_max_known_address(0x0000_ffff_ffff_ffff);
        UnwindRegsAarch64::new_with_ptr_auth_mask(mask, self.lr, self.sp, self.fp)
    }
}

/// Replaces what cannot be a stack address by one that is never mapped.
pub(crate) fn mend(registers: &mut UnwindRegisters) {
    registers.set_fp(plausible(registers.fp()));
    registers.set_sp(plausible(registers.sp().max(1)));
}

/// The frame pointer.
pub(crate) fn frame_pointer(registers: &UnwindRegisters) -> u64 {
    registers.fp()
}

/// The calling thread's control block.
#[inline]
pub(crate) fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: reads the register the ABI has the thread pointer in.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// The word at `address`: an instruction of its own, because it reads what belongs to other frames, of
/// which the compiler, and a sanitizer, may think what they like.
///
/// # Safety
/// The eight bytes must be mapped and readable.
#[inline]
pub(crate) unsafe fn load(address: u64) -> u64 {
    let word: u64;
    // SAFETY: the caller says that it can be read; nothing else happens.
    unsafe {
        std::arch::asm!("ldr {}, [{}]", out(reg) word, in(reg) address, options(nostack, readonly, preserves_flags));
    }
    word
}

/// The handler of number `ENTRY`: goes to a stack of ours, calls `signal::on_own_stack` there, and passes the
/// signal on to whom that says.
///
/// It writes nothing to the stack it is called on, which may have no room at all: the kernel makes sure only that
/// its own frame fits. Where the kernel calls it, all signals are blocked by the mask it was installed with, and
/// the `siginfo_t` lies at the stack pointer (arch/arm64/kernel/signal.c, struct rt_sigframe). Another handler
/// that calls it as a function has its own mask and stack: then everything is done there, and nothing captured
/// (`signal::on_this_stack`). A signal of ours that finds no stack in the pool is counted and that is all.
#[unsafe(naked)]
pub(crate) extern "C" fn handler<const ENTRY: usize>(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    std::arch::naked_asm!(
        "hint #34",
        "mov x9, sp",
        "cmp x1, x9",
        "b.ne 6f",
        "adrp x9, :got:{pool}",
        "ldr x9, [x9, #:got_lo12:{pool}]",
        "ldr x9, [x9]",
        "cbz x9, 4f",
        // `Pool::last`, and the lower half of `Info::value`: the thread's id chooses where to begin.
        "ldr x10, [x9]",
        "ldr w11, [x1, #24]",
        "mov x12, x10",
        "2:",
        "and x11, x11, x10",
        "add x13, x9, x11, lsl #6",
        "add x13, x13, #64",
        "7:",
        "ldaxr w14, [x13]",
        "cbnz w14, 8f",
        "mov w14, #1",
        "stxr w15, w14, [x13]",
        "cbnz w15, 7b",
        "b 3f",
        "8:",
        "clrex",
        "add x11, x11, #1",
        "subs x12, x12, #1",
        "b.pl 2b",
        // None is free. Ours: `Info::code` and the upper half of `Info::value`; its weight is lost.
        "4:",
        "ldr w9, [x1, #8]",
        "cmn w9, #{minus_timer}",
        "b.ne 12f",
        "adrp x9, :got:{magic}",
        "ldr x9, [x9, #:got_lo12:{magic}]",
        "ldr w9, [x9]",
        "ldr w10, [x1, #28]",
        "cmp w9, w10",
        "b.ne 12f",
        "ldr w10, [x1, #20]",
        "add x10, x10, #1",
        "adrp x9, :got:{lost}",
        "ldr x9, [x9, #:got_lo12:{lost}]",
        "9:",
        "ldxr x11, [x9]",
        "add x11, x11, x10",
        "stxr w12, x11, [x9]",
        "cbnz w12, 9b",
        "ret",
        // On the stack at `Stack::top`, where what is needed afterwards is kept.
        "3:",
        "ldr x14, [x13, #8]",
        "mov x15, sp",
        "stp x15, x13, [x14, #-16]",
        "stp x0, x1, [x14, #-32]",
        "stp x2, x30, [x14, #-48]",
        "sub sp, x14, #48",
        "mov x0, x1",
        "mov x1, x2",
        "mov x2, #{entry}",
        "bl {on_own_stack}",
        "ldp x11, x30, [sp]",
        "ldp x9, x10, [sp, #16]",
        "ldp x15, x13, [sp, #32]",
        "mov sp, x15",
        "stlr wzr, [x13]",
        "cbz x0, 5f",
        // Whom to pass it on to (x0), and the mask for that (x1). The word below the stack pointer is one the
        // other handler writes first; until the mask is set no signal can take it.
        "mov x16, x0",
        "str x1, [sp, #-16]",
        "mov x0, #{set_mask}",
        "sub x1, sp, #16",
        "mov x2, #0",
        "mov x3, #8",
        "mov x8, #{sigprocmask}",
        "svc #0",
        "mov x0, x9",
        "mov x1, x10",
        "mov x2, x11",
        "br x16",
        "5:",
        "ret",
        "6:",
        "mov x3, #{entry}",
        "b {on_this_stack}",
        "12:",
        "mov x3, #{entry_of_kernel}",
        "b {on_this_stack}",
        pool = sym own_stacks::POOL,
        magic = sym session::LAST_MAGIC,
        lost = sym own_stacks::LOST,
        on_own_stack = sym signal::on_own_stack,
        on_this_stack = sym signal::on_this_stack,
        entry = const ENTRY,
        entry_of_kernel = const ENTRY + signal::OF_KERNEL,
        minus_timer = const -libc::SI_TIMER,
        set_mask = const libc::SIG_SETMASK,
        sigprocmask = const libc::SYS_rt_sigprocmask,
    )
}

/// Calls `work` on another stack.
///
/// # Safety
/// Nobody may use that stack, which ends at `top`, a multiple of 16, and has room for `work`; that must
/// not unwind, and must be safe to call with `data`.
#[inline(always)]
pub(crate) unsafe fn call_on(top: u64, work: extern "C" fn(*mut libc::c_void), data: *mut libc::c_void) {
    // SAFETY: functions keep x20, so the stack pointer is the former one again afterwards; whatever else
    // they may change, x30 included, is declared.
    unsafe {
        std::arch::asm!(
            "mov x20, sp", "mov sp, {top}", "blr {work}", "mov sp, x20",
            top = in(reg) top, work = in(reg) work, in("x0") data, out("x20") _, clobber_abi("C"),
        );
    }
}

/// rt_sigprocmask(2): changes the calling thread's signal mask as `how` says and gives the former one back; `None`
/// when the kernel refuses. Without the C library, which would spare its own signals and set `errno`.
#[inline]
pub(super) fn change_signal_mask(how: libc::c_int, mask: u64) -> Option<u64> {
    let mut former = 0u64;
    let result: i64;
    // SAFETY: rt_sigprocmask(2) reads the 8 bytes of `mask` and writes those of `former`; the kernel
    // preserves every register but x0.
    unsafe {
        std::arch::asm!(
            "svc #0",
            in("x8") libc::SYS_rt_sigprocmask,
            inlateout("x0") i64::from(how) => result,
            in("x1") &raw const mask, in("x2") &raw mut former, in("x3") 8u64,
            options(nostack),
        );
    }
    (result == 0).then_some(former)
}

/// Asks the kernel whether the eight bytes at `address` can be read: rt_sigprocmask(2) with an
/// invalid `how` copies the set in first (EFAULT when it cannot) and then refuses (EINVAL). It
/// changes nothing and is allowed by every seccomp profile that lets Rust programs run.
#[inline]
pub(crate) fn is_readable(address: u64) -> bool {
    let result: i64;
    // SAFETY: with `how` = -1 the call only reads 8 bytes at `address`, in the kernel, and fails
    // either way; the kernel preserves every register but x0.
    unsafe {
        std::arch::asm!(
            "svc #0",
            in("x8") libc::SYS_rt_sigprocmask,
            inlateout("x0") -1i64 => result,
            in("x1") address & !7, in("x2") 0u64, in("x3") 8u64,
            options(nostack),
        );
    }
    result == -i64::from(libc::EINVAL)
}

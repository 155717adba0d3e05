//! aarch64: registers of an interrupted thread, the way to another stack, and raw system calls.

use framehop::MustNotAllocateDuringUnwind;
use framehop::aarch64::{CacheAarch64, PtrAuthMask, UnwindRegsAarch64, UnwinderAarch64};

use super::plausible::plausible;

pub(crate) type Unwinder<Data> = UnwinderAarch64<Data, MustNotAllocateDuringUnwind>;
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

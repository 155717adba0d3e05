//! x86_64: registers of an interrupted thread, the way to another stack, and raw system calls.

use framehop::MustNotAllocateDuringUnwind;
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};

use super::plausible::plausible;

pub(crate) type Unwinder<Data> = UnwinderX86_64<Data, MustNotAllocateDuringUnwind>;
pub(crate) type Cache = CacheX86_64<MustNotAllocateDuringUnwind>;
pub(crate) type UnwindRegisters = UnwindRegsX86_64;

/// Where a thread is.
#[derive(Clone, Copy)]
pub(crate) struct Registers {
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    pub(crate) fp: u64,
}

impl Registers {
    /// Reads them from the third argument of a signal handler.
    ///
    /// # Safety
    /// `context` must be the pointer the kernel gave to an `SA_SIGINFO` handler, which still runs.
    pub(crate) unsafe fn of_context(context: *mut libc::c_void) -> Registers {
        // SAFETY: sigaction(2): the third argument points to a `ucontext_t`, valid while the handler runs.
        let general = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        Registers {
            pc: general[libc::REG_RIP as usize] as u64,
            sp: general[libc::REG_RSP as usize] as u64,
            fp: general[libc::REG_RBP as usize] as u64,
        }
    }

    /// The calling thread's, here.
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        let (pc, sp, fp): (u64, u64, u64);
        // SAFETY: reads three registers; touches neither memory nor flags.
        unsafe {
            std::arch::asm!(
                "lea {pc}, [rip]", "mov {sp}, rsp", "mov {fp}, rbp",
                pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { pc, sp, fp }
    }

    pub(crate) fn for_unwinding(self) -> UnwindRegisters {
        UnwindRegsX86_64::new(self.pc, self.sp, self.fp)
    }
}

/// Replaces what cannot be a stack address by one that is never mapped.
pub(crate) fn mend(registers: &mut UnwindRegisters) {
    registers.set_bp(plausible(registers.bp()));
    registers.set_sp(plausible(registers.sp().max(1)));
}

/// The frame pointer.
pub(crate) fn frame_pointer(registers: &UnwindRegisters) -> u64 {
    registers.bp()
}

/// The calling thread's control block.
#[inline]
pub(crate) fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: the ABI (ELF Handling for Thread-Local Storage, 3.4.6) has the thread pointer itself
    // at fs:0; a thread without one could not read `errno` either.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) pointer, options(nostack, readonly, preserves_flags));
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
        std::arch::asm!("mov {}, [{}]", out(reg) word, in(reg) address, options(nostack, readonly, preserves_flags));
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
    // SAFETY: functions keep r12, so the stack pointer is the former one again afterwards; whatever else
    // they may change is declared.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp", "mov rsp, {top}", "call {work}", "mov rsp, r12",
            top = in(reg) top, work = in(reg) work, in("rdi") data, out("r12") _, clobber_abi("C"),
        );
    }
}

/// rt_sigprocmask(2): changes the calling thread's signal mask as `how` says and gives the former one back; `None`
/// when the kernel refuses. Without the C library, which would spare its own signals and set `errno`.
#[inline]
pub(super) fn change_signal_mask(how: libc::c_int, mask: u64) -> Option<u64> {
    let mut former = 0u64;
    let result: i64;
    // SAFETY: rt_sigprocmask(2) reads the 8 bytes of `mask` and writes those of `former`; rax, rcx and r11
    // are declared clobbered as the ABI says.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_rt_sigprocmask => result,
            in("rdi") i64::from(how), in("rsi") &raw const mask,
            in("rdx") &raw mut former, in("r10") 8u64,
            lateout("rcx") _, lateout("r11") _,
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
    // either way; rax, rcx and r11 are declared clobbered as the ABI says.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_rt_sigprocmask => result,
            in("rdi") -1i64, in("rsi") address & !7, in("rdx") 0u64, in("r10") 8u64,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result == -i64::from(libc::EINVAL)
}

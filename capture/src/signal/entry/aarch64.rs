//! Entry code of the signal handler on aarch64. A macro, because its jump targets are defined where it is used.

macro_rules! entry {
    () => {
        /// The handler with index `ENTRY`: switches to a scratch stack, calls `on_own_stack` there, and then calls the
        /// handler that `on_own_stack` returned, if any.
        ///
        /// It writes nothing to the stack it is called on, which may be full: the kernel guarantees only room for its own
        /// frame. When the kernel calls it, all signals are blocked by the mask it was installed with, and the `siginfo_t`
        /// is at the stack pointer (arch/arm64/kernel/signal.c, struct rt_sigframe). When another handler calls it
        /// as a function, it has that handler's mask and stack; then it stays on that stack and captures nothing
        /// (`on_this_stack`). If no scratch stack is free, a signal of ours is only counted.
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
                // `Pool::last`, and the lower half of `Info::value`: the search starts at an index from the thread id.
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
                // No stack is free. If it is ours (`Info::code`, upper half of `Info::value`), count its weight as lost.
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
                // On the scratch stack at `Stack::top`: save what is needed after the call.
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
                // The next handler (x0) and its mask (x1). The word below the stack pointer is one that the
                // next handler writes first; no signal can use it before the mask is set.
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
                pool = sym $crate::scratch_stacks::POOL,
                magic = sym $crate::session::LAST_MAGIC,
                lost = sym $crate::scratch_stacks::LOST,
                on_own_stack = sym on_own_stack,
                on_this_stack = sym on_this_stack,
                entry = const ENTRY,
                entry_of_kernel = const ENTRY + OF_KERNEL,
                minus_timer = const -libc::SI_TIMER,
                set_mask = const libc::SIG_SETMASK,
                sigprocmask = const libc::SYS_rt_sigprocmask,
            )
        }
    };
}

pub(crate) use entry;

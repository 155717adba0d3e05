//! Entry code of the signal handler on x86_64. A macro, because its jump targets are defined where it is used.

macro_rules! entry {
    () => {
        /// The handler with index `ENTRY`: switches to a scratch stack, calls `on_own_stack` there, and then calls the
        /// handler that `on_own_stack` returned, if any.
        ///
        /// It writes nothing to the stack it is called on, which may be full: the kernel guarantees only room for its own
        /// frame. When the kernel calls it, all signals are blocked by the mask it was installed with, and the `ucontext_t`
        /// is directly above the return address (arch/x86/include/asm/sigframe.h). When another handler calls it
        /// as a function, it has that handler's mask and stack; then it stays on that stack and captures nothing
        /// (`on_this_stack`). If no scratch stack is free, a signal of ours is only counted.
        #[unsafe(naked)]
        pub(crate) extern "C" fn handler<const ENTRY: usize>(
            signal: i32,
            info: *mut libc::siginfo_t,
            context: *mut libc::c_void,
        ) {
            std::arch::naked_asm!(
                "endbr64",
                "lea rax, [rsp + 8]",
                "cmp rax, rdx",
                "jne 6f",
                "mov r8, qword ptr [rip + {pool}@GOTPCREL]",
                "mov r8, qword ptr [r8]",
                "test r8, r8",
                "jz 4f",
                // `Pool::last`, and the lower half of `Info::value`: the search starts at an index from the thread id.
                "mov rcx, qword ptr [r8]",
                "mov r9d, dword ptr [rsi + 24]",
                "mov r10, rcx",
                "2:",
                "and r9, rcx",
                "mov r11, r9",
                "shl r11, 6",
                "lea r11, [r8 + r11 + 64]",
                "mov eax, 1",
                "xchg dword ptr [r11], eax",
                "test eax, eax",
                "jz 3f",
                "inc r9",
                "sub r10, 1",
                "jns 2b",
                // No stack is free. If it is ours (`Info::code`, upper half of `Info::value`), count its weight as lost.
                "4:",
                "cmp dword ptr [rsi + 8], {timer}",
                "jne 7f",
                "mov r8, qword ptr [rip + {magic}@GOTPCREL]",
                "mov eax, dword ptr [r8]",
                "cmp eax, dword ptr [rsi + 28]",
                "jne 7f",
                "mov eax, dword ptr [rsi + 20]",
                "inc rax",
                "mov r8, qword ptr [rip + {lost}@GOTPCREL]",
                "lock add qword ptr [r8], rax",
                "ret",
                // On the scratch stack at `Stack::top`: save what is needed after the call.
                "3:",
                "mov rax, qword ptr [r11 + 8]",
                "mov qword ptr [rax - 8], rsp",
                "mov qword ptr [rax - 16], r11",
                "mov qword ptr [rax - 24], rdi",
                "mov qword ptr [rax - 32], rsi",
                "mov qword ptr [rax - 40], rdx",
                "lea rsp, [rax - 48]",
                "mov rdi, rsi",
                "mov rsi, rdx",
                "mov edx, {entry}",
                "call {on_own_stack}",
                "mov r11, qword ptr [rsp + 32]",
                "mov r8, qword ptr [rsp + 16]",
                "mov rsp, qword ptr [rsp + 40]",
                "mov dword ptr [r11], 0",
                "test rax, rax",
                "jz 5f",
                // The next handler (rax) and its mask (rdx). The word below the stack pointer is the first that
                // the next handler writes; no signal can use it before the mask is set.
                "mov r9, rax",
                "mov qword ptr [rsp - 8], rdx",
                "mov edi, {set_mask}",
                "lea rsi, [rsp - 8]",
                "xor edx, edx",
                "mov r10d, 8",
                "mov eax, {sigprocmask}",
                "syscall",
                "mov edi, dword ptr [r8]",
                "mov rsi, r8",
                "lea rdx, [rsp + 8]",
                "jmp r9",
                "5:",
                "ret",
                "6:",
                "mov ecx, {entry}",
                "jmp {on_this_stack}",
                "7:",
                "mov ecx, {entry_of_kernel}",
                "jmp {on_this_stack}",
                pool = sym $crate::scratch_stacks::POOL,
                magic = sym $crate::session::LAST_MAGIC,
                lost = sym $crate::scratch_stacks::LOST,
                on_own_stack = sym on_own_stack,
                on_this_stack = sym on_this_stack,
                entry = const ENTRY,
                entry_of_kernel = const ENTRY + OF_KERNEL,
                timer = const libc::SI_TIMER,
                set_mask = const libc::SIG_SETMASK,
                sigprocmask = const libc::SYS_rt_sigprocmask,
            )
        }
    };
}

pub(crate) use entry;

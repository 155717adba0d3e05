//! Quiet capture: reads a sleeping thread's stack without a signal.
//!
//! A signal interrupts the system call that a thread waits in: epoll_wait(2), nanosleep(2) and others then return
//! EINTR even with SA_RESTART (signal(7)), and ordinary code treats that as an error. So a sleeping
//! thread is not woken. The kernel reports its stack pointer and program counter
//! (`/proc/self/task/TID/syscall`, proc(5)); its stack is copied with checked reads, and the copy is walked.
//!
//! The copy must be consistent. So the thread's CPU clock, which counts nanoseconds and includes the current run
//! (clock_gettime(2); kernel/sched/core.c, task_sched_runtime), is read before and after. If it did not
//! advance, the thread did not run in between, and no other thread changes its frames.

#[cfg(target_arch = "x86_64")]
mod call_site;
mod capture;
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere;
#[cfg(target_arch = "x86_64")]
mod prologue;
#[cfg(target_arch = "x86_64")]
mod rules;
mod stack_copy;
#[cfg(target_arch = "x86_64")]
mod walk;

pub(super) use capture::{Captured, NotQuiet, Quiet, stack_pointer};

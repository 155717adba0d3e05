//! The quiet capture: a sleeping thread's stack, without a signal.
//!
//! A signal interrupts what a thread waits for: epoll_wait(2), nanosleep(2) and others then return EINTR
//! even with SA_RESTART (signal(7)), and ordinary code takes that for an error. So a thread that
//! sleeps is left asleep. The kernel tells its stack pointer and program counter
//! (`/proc/self/task/TID/syscall`, proc(5)), its stack is copied with checked reads, and the copy walked.
//!
//! The copy is of one moment: the thread's CPU clock, which counts nanoseconds and shows the current run
//! too (clock_gettime(2); kernel/sched/core.c, task_sched_runtime), is read before and after. If it stands
//! still, the thread has not run in between, and nobody but itself changes its frames.

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

pub(super) use capture::{Captured, NotQuiet, Quiet};

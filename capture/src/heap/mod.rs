//! Heap sampling: what `crate::alloc::Sampling` calls at every allocation and every free.
//!
//! # What it costs, and where
//! * **Every allocation**: one addition in the thread's own slot ([`mod@slots`]), and a comparison with the
//!   number of bytes at which the next sample is due. It is counted before it is made, so that the call of the
//!   allocator is the last thing done and needs no frame.
//! * **Every free**: one addition, and one byte of the filter ([`live`]).
//! * **Every sample** (one in 512 KiB): the stack ([`walks`]), its sums ([`stacks`]), an entry in the table
//!   of living blocks ([`live`]). No allocation, no lock, no call into the loader; system calls where a
//!   thread's stack is looked at for the first time, and two where it is walked and not remembered: that is
//!   done on a stack of ours ([`crate::scratch_stacks`]), because the program's may be a coroutine's and small.
//!   What is left on the program's is measured by the test `a_sample_takes_little_stack`.
//!
//! # Why the estimates are unbiased
//! The gaps between samples are exponential, so whether a block is hit depends on its size alone and not
//! on what was allocated before: with probability `1 - exp(-size / mean)`, independently of all others. A
//! new rate, or a thread that begins, may therefore draw its gap anew from where it is
//! ([`slots::Slot::threshold`] 0 asks for that).
//!
//! # When it begins
//! With `listen`: the agent's thread maps the tables, reads the modules and sets the rate. Before that, and
//! without an agent, only the exact counters run; they need no memory but [`tables::SLOTS`] and [`tables::FILTER`], which
//! are zeroed data of the executable. Blocks allocated earlier are not in the tables, so freeing them changes
//! nothing. The agent's own threads are excluded.
//!
//! # Who may call
//! Any thread at any moment: before `main`, in TLS destructors, in a fork child, in a signal handler (whose
//! samples have no stack while the code it interrupted walks one). `errno` stays as it was.

pub(crate) mod live;
mod mapped_stack;
mod own_slot;
mod reading;
mod sampling;
pub(crate) mod slots;
mod stacks;
mod tables;
mod unwinding;
mod walks;

pub use reading::{
    Reading, Refusal, allocator, begin, default_rate, end, exact, exclude_this_thread, is_sampled,
    list_modules, rate, read, samples_on_unknown_stacks, set_rate, since_unix_ns, stack,
};
pub use sampling::{
    Caller, Reallocating, allocated, caller, count_allocation, count_free, count_reallocation, freeing,
    reallocated, reallocating,
};
pub use tables::DEFAULT_MEAN_BYTES;

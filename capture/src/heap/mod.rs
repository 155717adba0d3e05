//! Heap sampling: what `crate::alloc::Sampling` calls at every allocation and every free.
//!
//! # Cost
//! * **Every allocation**: one addition in the thread's own slot ([`mod@slots`]), and a comparison with the
//!   number of bytes at which the next sample is due. It is counted before it is made, so that the call of the
//!   allocator is a tail call and needs no frame.
//! * **Every free**: one addition, and a load of one byte of the filter ([`live`]).
//! * **Every sample** (one in 512 KiB): the stack ([`walks`]), its sums ([`stacks`]), an entry in the table
//!   of live blocks ([`live`]). No allocation, no lock, no call into the loader. System calls only when a
//!   thread's stack is examined for the first time, and two for a walk that is not cached. The walk
//!   runs on a stack of the agent ([`crate::scratch_stacks`]), because the program's may be a coroutine's and small.
//!   The use of the program's stack is measured by the test `a_sample_needs_little_stack`.
//!
//! # Why the estimates are unbiased
//! The gaps between samples are exponentially distributed. So whether a block is sampled depends only on its size and
//! not on earlier allocations: with probability `1 - exp(-size / mean)`, independently of all others. After a
//! change of the rate, or in a new thread, the gap can therefore be drawn again at any point
//! ([`slots::Slot::threshold`] 0 requests that).
//!
//! # Start
//! With `listen`: the agent's thread maps the tables, reads the modules and sets the rate. Before that, and
//! without an agent, only the exact counters run. They need no memory but [`tables::SLOTS`] and [`tables::FILTER`],
//! which are zeroed data of the executable. Blocks allocated earlier are not in the tables, so freeing them changes
//! nothing. The agent's own threads are excluded.
//!
//! # Callers
//! Any thread at any time: before `main`, in TLS destructors, in a fork child, in a signal handler (whose
//! samples have no stack while the interrupted code walks one). `errno` is preserved.

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
mod zeroed;

pub use reading::{
    Reading, Refusal, allocator, begin, default_rate, end, exact, exclude_this_thread, is_sampled,
    list_modules, rate, read, samples_on_unknown_stacks, samples_without_slot, set_rate, since_unix_ns,
    stack,
};
pub use sampling::{
    Caller, Reallocating, allocated, caller, count_allocation, count_free, count_reallocation, freeing,
    reallocated, reallocating,
};
pub use tables::DEFAULT_MEAN_BYTES;

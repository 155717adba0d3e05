//! Promise 5: no work of a program makes sampling unsafe. Threads panic, allocate, capture backtraces, recurse, start
//! and end, load and unload the code they run, fork, run coroutines and handlers on stacks from malloc, create
//! daemons and block signals. Meanwhile every thread is sampled and dumped. 5 s at each rate, or
//! `RGOPS_TORTURE_SECONDS`.

#[cfg(feature = "engine-pprof")]
mod engine_pprof;
mod native;
mod stacks;

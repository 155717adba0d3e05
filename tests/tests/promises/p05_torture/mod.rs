//! Promise 5: nothing a program does makes sampling unsafe. Threads panic, allocate, capture
//! backtraces, recurse, begin and end, load and unload code they run, fork, run coroutines and handlers on
//! stacks from malloc, make daemons and block signals, while every thread is sampled and dumped. 5 s at each
//! rate, or `RGOPS_TORTURE_SECONDS`.

#[cfg(feature = "engine-pprof")]
mod engine_pprof;
mod native;
mod stacks;

//! The profiles of `net/http/pprof` that are made of stacks and tasks: `goroutine`, `threadcreate`, `block`, `mutex`.

mod gather;
mod now;
mod options;
mod schedule;
mod task_looks;
mod unless_busy;
mod waited;

pub use options::WaitOptions;

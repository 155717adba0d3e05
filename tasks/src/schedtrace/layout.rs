//! The places of scheduler state that stable Tokio does not report, found by the names of members.
//!
//! Checked against Tokio 1.45 to 1.54: `scheduler/multi_thread/{handle,worker,idle,queue}.rs`,
//! `scheduler/current_thread/mod.rs`, `blocking/pool.rs`. Each place is found independently: if another version
//! of Tokio moved one, only that one is missing.

use crate::schedtrace::path::{self, Missing, Number, Pointer, Slice, Spot};
use crate::types::TypeSource;

/// The type of a multi-thread scheduler's shared state; `Handle` points at it.
pub(super) const MULTI_THREAD: &str =
    "alloc::sync::ArcInner<tokio::runtime::scheduler::multi_thread::handle::Handle>";
/// The same for a current-thread scheduler.
pub(super) const CURRENT_THREAD: &str =
    "alloc::sync::ArcInner<tokio::runtime::scheduler::current_thread::Handle>";

/// Places in the shared state of a multi-thread scheduler, from the start of its `ArcInner`.
#[derive(Debug)]
pub(super) struct MultiThread {
    /// `Idle::state`: unparked workers above bit 16, searching ones below.
    pub(super) idle: Result<Number, Missing>,
    /// One `Remote` for each worker.
    pub(super) remotes: Result<Remotes, Missing>,
    pub(super) blocking: Result<Blocking, Missing>,
}

/// The workers' queues, from which other workers steal.
#[derive(Debug)]
pub(super) struct Remotes {
    pub(super) slice: Slice,
    /// In a `Remote`: the `Arc` of the queue.
    pub(super) queue: Pointer,
    /// In the queue: two positions of half its size each; the stealer's is in the upper half.
    pub(super) head: Number,
    pub(super) tail: Number,
}

/// The pool of blocking threads.
#[derive(Debug)]
pub(super) struct Blocking {
    /// From the start of the shared state: the `Arc` of the pool.
    pub(super) pool: Pointer,
    /// In the pool: threads, including the workers.
    pub(super) threads: Number,
    pub(super) idle: Number,
    pub(super) queue: Number,
    /// In the pool: number of workers among the threads, where the version has it (1.53).
    pub(super) workers: Option<Number>,
}

/// Places in the shared state of a current-thread scheduler.
#[derive(Debug)]
pub(super) struct CurrentThread {
    /// `WorkerMetrics::queue_depth`.
    pub(super) queue: Result<Number, Missing>,
    pub(super) blocking: Result<Blocking, Missing>,
}

impl MultiThread {
    /// Finds the places in the type [`MULTI_THREAD`].
    pub(super) fn find(types: &dyn TypeSource, shared: Spot) -> MultiThread {
        MultiThread {
            idle: path::follow(types, shared, "data.shared.idle.state")
                .and_then(|spot| path::number(types, spot)),
            remotes: Remotes::find(types, shared),
            blocking: Blocking::find(types, shared),
        }
    }
}

impl CurrentThread {
    /// Finds the places in the type [`CURRENT_THREAD`].
    pub(super) fn find(types: &dyn TypeSource, shared: Spot) -> CurrentThread {
        CurrentThread {
            queue: path::follow(types, shared, "data.shared.worker_metrics.queue_depth")
                .and_then(|spot| path::number(types, spot)),
            blocking: Blocking::find(types, shared),
        }
    }
}

impl Remotes {
    fn find(types: &dyn TypeSource, shared: Spot) -> Result<Remotes, Missing> {
        let slice = path::slice(types, path::follow(types, shared, "data.shared.remotes")?)?;
        let remote = Spot::of(slice.elements.target);
        let queue = path::pointer(types, path::follow(types, remote, "steal")?)?;
        let of = |name: &str| {
            let spot = path::follow(types, Spot::of(queue.target), name)?;
            path::number(types, spot)
        };
        Ok(Remotes { slice, queue, head: of("data.head")?, tail: of("data.tail")? })
    }
}

impl Blocking {
    fn find(types: &dyn TypeSource, shared: Spot) -> Result<Blocking, Missing> {
        let spawner = path::follow(types, shared, "data.blocking_spawner.inner")?;
        let pool = path::pointer(types, spawner)?;
        let of = |name: &str| {
            let spot = path::follow(types, Spot::of(pool.target), name)?;
            path::number(types, spot)
        };
        Ok(Blocking {
            pool,
            threads: of("data.metrics.num_threads")?,
            idle: of("data.metrics.num_idle_threads")?,
            queue: of("data.metrics.queue_depth")?,
            workers: of("data.scheduler_threads").ok(),
        })
    }
}

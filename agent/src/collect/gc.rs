//! `gc`: makes the allocators release free memory to the system.
//!
//! The allocators take their locks to do so. Each call therefore runs on an offload thread
//! (`rgops_capture::offload_thread`), with a long deadline: glibc walks all free memory and calls the kernel to
//! release its pages.

#![cfg(target_os = "linux")]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rgops_capture::offload_thread::OffloadThread;
use rgops_protocol::reply::gc::{GcReply, Released};
use rgops_protocol::reply::memstats::Field;
use rgops_protocol::reply::{End, Known, Progress};
use rgops_protocol::request::GcRequest;

use super::memstats::{allocator_fields, resident_bytes};
use super::{Context, Finish, Sink, Stop};
use crate::releasing::{self, Releasing};

/// glibc needs about 100 ms for 1 GiB of free memory.
const DEADLINE: Duration = Duration::from_secs(20);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

static RELEASES: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 20 s: an allocator lock is held, perhaps by a thread stopped inside malloc";
    OffloadThread::new(rgops_capture::agent_threads::RELEASE, DEADLINE, stuck)
});

pub(crate) async fn collect(
    _arguments: GcRequest,
    _context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let began = Instant::now();
    let mut allocators = Vec::new();
    for releasing in releasing::all() {
        let mut work = std::pin::pin!(release(releasing));
        let released = loop {
            match tokio::time::timeout(PROGRESS_INTERVAL, &mut work).await {
                Ok(released) => break released,
                Err(_) => {
                    let elapsed_ms = began.elapsed().as_millis() as u64;
                    let gathered = allocators.len() as u64;
                    sink.progress(&Progress { elapsed_ms, total_ms: 0, gathered }).await?;
                }
            }
        };
        allocators.push(released);
    }
    sink.data(&GcReply { allocators }).await?;
    Ok(End::default())
}

async fn release(releasing: Releasing) -> Released {
    let numbers = || async { allocator_fields(releasing.name).await };
    let (before, rss_before_bytes): (Vec<Field>, _) = (numbers().await, resident_bytes());
    let answer = RELEASES
        .ask(move || {
            let began = Instant::now();
            let outcome = (releasing.release)();
            (outcome, began.elapsed().as_nanos() as u64)
        })
        .await;
    let (called, took_ns) = match answer {
        Ok((Ok(()), took_ns)) => (Known::Value(releasing.call.to_owned()), took_ns),
        Ok((Err(why), took_ns)) => (Known::unavailable(why, ""), took_ns),
        Err(stuck) => (Known::Unavailable(stuck), 0),
    };
    Released {
        allocator: releasing.name.to_owned(),
        called,
        took_ns,
        rss_before_bytes,
        rss_after_bytes: resident_bytes(),
        before,
        after: numbers().await,
    }
}

//! `memstats`: the process, its cgroup and each allocator, every number with its source.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(super) use linux::{allocator_fields, resident_bytes};

use std::sync::Arc;

use rgops_protocol::reply::End;
use rgops_protocol::request::MemstatsRequest;

use super::{Context, Finish, Sink, Stop};

#[cfg(target_os = "linux")]
pub(crate) async fn collect(
    _arguments: MemstatsRequest,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    sink.data(&linux::reply(context).await).await?;
    Ok(End::default())
}

#[cfg(not(target_os = "linux"))]
pub(crate) async fn collect(
    _arguments: MemstatsRequest,
    _context: &Arc<Context>,
    _sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    Err(super::unsupported_here("memstats").into())
}

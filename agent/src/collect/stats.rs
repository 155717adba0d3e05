//! `stats`: what the process, its threads and its Tokio runtimes do, measured over a short window,
//! and what the agent itself costs.

#[cfg(target_os = "linux")]
mod linux;

use std::sync::Arc;

use rgops_protocol::reply::End;
use rgops_protocol::request::StatsRequest;

use super::{Context, Finish, Sink, Stop};

#[cfg(target_os = "linux")]
pub(crate) async fn collect(
    arguments: StatsRequest,
    context: &Arc<Context>,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<End, Stop> {
    let (reply, end) = linux::reply(&arguments, context, finish).await;
    sink.data(&reply).await?;
    Ok(end)
}

#[cfg(not(target_os = "linux"))]
pub(crate) async fn collect(
    _arguments: StatsRequest,
    _context: &Arc<Context>,
    _sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    Err(super::unsupported_here("stats").into())
}

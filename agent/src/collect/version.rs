//! `version`: how the program was built, from the agent's own compilation and the executable.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod scan;

use std::sync::Arc;

use rgops_protocol::reply::End;
use rgops_protocol::request::VersionRequest;

use super::{Context, Finish, Sink, Stop};

#[cfg(target_os = "linux")]
pub(crate) async fn collect(
    _arguments: VersionRequest,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let (reply, end) = linux::reply(context).await;
    sink.data(&reply).await?;
    Ok(end)
}

#[cfg(not(target_os = "linux"))]
pub(crate) async fn collect(
    _arguments: VersionRequest,
    _context: &Arc<Context>,
    _sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    Err(super::unsupported_here("version").into())
}

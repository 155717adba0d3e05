//! `trace`: what every thread does over time, CPU samples and the runtimes' counters, streamed while
//! they are read.

#[cfg(target_os = "linux")]
mod activity;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod pace;
#[cfg(target_os = "linux")]
mod runtimes;

#[cfg(target_os = "linux")]
pub(crate) use linux::collect;

#[cfg(not(target_os = "linux"))]
pub(crate) async fn collect(
    _arguments: rgops_protocol::request::TraceRequest,
    _context: &std::sync::Arc<super::Context>,
    _sink: &super::Sink,
    _finish: &mut super::Finish,
) -> Result<rgops_protocol::reply::End, super::Stop> {
    Err(super::unsupported_here("trace").into())
}

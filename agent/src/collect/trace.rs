//! `trace`: what every thread does over time, CPU samples and the runtimes' counters, streamed while
//! they are read.

#[cfg(native_engine)]
mod activity;
#[cfg(native_engine)]
mod linux;
#[cfg(native_engine)]
mod pace;
#[cfg(native_engine)]
mod runtimes;

#[cfg(native_engine)]
pub(crate) use linux::collect;

#[cfg(not(native_engine))]
pub(crate) async fn collect(
    _arguments: rgops_protocol::request::TraceRequest,
    _context: &std::sync::Arc<super::Context>,
    _sink: &super::Sink,
    _finish: &mut super::Finish,
) -> Result<rgops_protocol::reply::End, super::Stop> {
    Err(super::unsupported_here("trace").into())
}

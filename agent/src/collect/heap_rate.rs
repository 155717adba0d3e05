//! `heap-rate`: reports the sampling rate of the heap, and changes it.

#![cfg(native_engine)]

use std::sync::Arc;

use rgops_capture::heap::{self, Refusal};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::End;
use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::request::HeapRateRequest;

use super::pprof_heap::WRAP_IT;
use super::{Context, Finish, Sink, Stop};

pub(crate) async fn collect(
    arguments: HeapRateRequest,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let what = "cannot read the heap sampling rate";
    if heap::allocator().is_none() {
        let why = "the program's allocator is not sampled";
        return Err(Error::new(Code::Unsupported, what, why, WRAP_IT).into());
    }
    let before_bytes = heap::rate();
    if let Some(mean_bytes) = arguments.set_bytes {
        heap::set_rate(mean_bytes).map_err(|refusal| {
            let why = context.heap_failure.clone().unwrap_or_else(|| refusal.to_string());
            let fix = match refusal {
                Refusal::TooManyRates => "set a rate that was set before",
                _ => "",
            };
            Error::new(Code::Unsupported, "cannot set the heap sampling rate", why, fix)
        })?;
    }
    let (now_bytes, default_bytes) = (heap::rate(), heap::default_rate());
    sink.data(&HeapRateReply { before_bytes, now_bytes, default_bytes }).await?;
    Ok(End::default())
}

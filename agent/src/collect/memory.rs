//! placeholder

use std::sync::Arc;

use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::End;
use rgops_protocol::request::MemoryRequest;

use super::{Context, Finish, Sink, Stop};

pub(crate) async fn collect(
    _arguments: MemoryRequest,
    _context: &Arc<Context>,
    _sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    Err(Error::new(Code::Unsupported, "cannot answer memory", "not written yet", "").into())
}

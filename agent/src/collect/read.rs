//! `read`: bytes of the program's memory that the inspector requests to decode tasks.
//!
//! The kernel copies them: an address that is not mapped is a missing range, never a fault. Only the
//! program's user and root get an answer. They could read the memory with ptrace(2) anyway. Requests over TCP
//! are refused unless the program's author allowed them.

#![cfg(native_engine)]

use std::sync::Arc;

use rgops_capture::memory::{Range, Reader};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::End;
use rgops_protocol::reply::read::ReadPart;
use rgops_protocol::request::{MAX_RANGE_BYTES, MAX_READ_BYTES, MemoryRange, ReadRequest};

use super::{Context, Finish, Sink, Stop};

/// Bytes and ranges of one packet. One more range still stays below 128 KiB, see [`crate::tasks::cells`].
const BYTES_AT_ONCE: usize = 48 * 1024;
const RANGES_AT_ONCE: usize = 1000;

pub(crate) async fn collect(
    arguments: ReadRequest,
    _context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    const WHAT: &str = "cannot read memory";
    check(&arguments.ranges).map_err(|why| Error::new(Code::Malformed, WHAT, why, ""))?;
    let mut memory = Reader::open()
        .map_err(|unavailable| Error::new(Code::Unsupported, WHAT, unavailable.reason, unavailable.fix))?;
    let (mut bytes, mut readable) = (Vec::new(), Vec::new());
    let mut rest = &arguments.ranges[..];
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(fitting(rest));
        rest = later;
        let ranges: Vec<Range> =
            batch.iter().map(|range| Range::new(range.avma, range.length as usize)).collect();
        memory.gather(&ranges, &mut bytes, &mut readable);
        let mut place = 0;
        let ranges = ranges.iter().zip(&readable).map(|(range, readable)| {
            let piece = &bytes[place..][..range.length];
            place += range.length;
            readable.then(|| piece.to_vec())
        });
        sink.data(&ReadPart { ranges: ranges.collect() }).await?;
        // Let other connections run.
        tokio::task::yield_now().await;
    }
    Ok(End::default())
}

fn check(ranges: &[MemoryRange]) -> Result<(), String> {
    if let Some(long) = ranges.iter().find(|range| range.length > MAX_RANGE_BYTES) {
        return Err(format!("a range has {} bytes, the limit is {MAX_RANGE_BYTES}", long.length));
    }
    match ranges.iter().map(|range| u64::from(range.length)).sum() {
        ..=MAX_READ_BYTES => Ok(()),
        bytes => Err(format!("{bytes} bytes are requested, the limit is {MAX_READ_BYTES}")),
    }
}

/// How many of the first ranges fit into one packet: at least one.
fn fitting(ranges: &[MemoryRange]) -> usize {
    let mut bytes = 0;
    let fits = |range: &&MemoryRange| {
        let fits = bytes < BYTES_AT_ONCE;
        bytes += range.length as usize;
        fits
    };
    ranges.iter().take(RANGES_AT_ONCE).take_while(fits).count()
}

//! Reads the program's memory through its agent.

use rgops_protocol::reply::read::ReadPart;
use rgops_protocol::request::{MAX_READ_BYTES, MemoryRange, ReadRequest, Request};

use crate::client::{Client, ClientError};

/// Ranges of one request: each has at most 15 bytes, and a request at most 64 KiB.
const RANGES_PER_REQUEST: usize = 4000;

/// Reads the program's memory; one connection per [`RANGES_PER_REQUEST`] ranges.
pub(crate) struct Memory<'r> {
    reconnect: &'r mut dyn FnMut() -> Result<Client, ClientError>,
    cookie: [u8; 16],
}

impl<'r> Memory<'r> {
    /// The memory of the program whose agent has this cookie.
    pub(crate) fn new(
        reconnect: &'r mut dyn FnMut() -> Result<Client, ClientError>,
        cookie: [u8; 16],
    ) -> Memory<'r> {
        Memory { reconnect, cookie }
    }

    /// The bytes of the ranges; `None` where one cannot be read.
    pub(crate) fn read(&mut self, ranges: &[MemoryRange]) -> Result<Vec<Option<Vec<u8>>>, ClientError> {
        let (mut bytes, mut rest) = (Vec::with_capacity(ranges.len()), ranges);
        while !rest.is_empty() {
            let mut total = 0;
            let fitting = rest.iter().take(RANGES_PER_REQUEST).take_while(|range| {
                total += u64::from(range.length);
                total <= MAX_READ_BYTES
            });
            let (now, later) = rest.split_at(fitting.count().max(1));
            let client = (self.reconnect)()?;
            if client.hello().cookie != self.cookie {
                return Err(ClientError::AnotherAgent);
            }
            let mut answer = client.ask(&Request::Read(ReadRequest { ranges: now.to_vec() }))?;
            let collected = answer.collect::<ReadPart>(&mut |_| {});
            collected.end?;
            let first = bytes.len();
            bytes.extend(collected.parts.into_iter().flat_map(|part| part.ranges).take(now.len()));
            bytes.resize(first + now.len(), None);
            rest = later;
        }
        Ok(bytes)
    }
}

//! Reads the program's memory through its agent.

use rgops_protocol::reply::read::ReadPart;
use rgops_protocol::reply::words::{ThreadWords, WordsPart};
use rgops_protocol::request::{MAX_READ_BYTES, MemoryRange, ReadRequest, Request, WordsRequest};
use rgops_tasks::decode::Decoder;

use crate::budget::Budget;
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
            let mut answer = self.connect()?.ask(&Request::Read(ReadRequest { ranges: now.to_vec() }))?;
            let collected = answer.collect::<ReadPart>(&mut |_| {});
            collected.end?;
            let first = bytes.len();
            bytes.extend(collected.parts.into_iter().flat_map(|part| part.ranges).take(now.len()));
            bytes.resize(first + now.len(), None);
            rest = later;
        }
        Ok(bytes)
    }

    /// Reads what a decoder needs, until it needs no more. `progress` takes how many tasks are done, of how many.
    pub(crate) fn serve(
        &mut self,
        decoder: &mut Decoder<'_>,
        budget: &Budget,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ClientError> {
        loop {
            let (done, total) = decoder.progress();
            progress(done, total);
            let needed = decoder.needs();
            if needed.is_empty() {
                return decoder.exhausted().map_or(Ok(()), |exhausted| Err(exhausted.into()));
            }
            budget.check_time()?;
            let before = budget.charged();
            let read = self.read(&needed);
            // Releases the charge of received memory: the decoder charges what it keeps.
            budget.release(budget.charged().saturating_sub(before));
            decoder.provide(read?);
        }
    }

    /// Where words stand on the stacks of threads, and where those stacks are.
    pub(crate) fn words(&mut self, request: WordsRequest) -> Result<Vec<ThreadWords>, ClientError> {
        let mut answer = self.connect()?.ask(&Request::Words(request))?;
        let collected = answer.collect::<WordsPart>(&mut |_| {});
        collected.end?;
        Ok(collected.parts.into_iter().flat_map(|part| part.threads).collect())
    }

    fn connect(&mut self) -> Result<Client, ClientError> {
        let client = (self.reconnect)()?;
        match client.hello().cookie == self.cookie {
            true => Ok(client),
            false => Err(ClientError::AnotherAgent),
        }
    }
}

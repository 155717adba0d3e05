//! `words`: where words of the inspector stand on the stacks of sleeping threads. It asks for the addresses of locks that
//! threads wait for, to find the threads that hold them.
//!
//! As `read`, it is allowed to those who could read the memory anyway.

#![cfg(native_engine)]

use std::sync::Arc;

use rgops_capture::procfs::threads::own_id;
use rgops_capture::stack_words::StackSearch;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::words::{
    MAX_SEARCHED_BYTES, MAX_SEARCHED_THREADS, MAX_WORDS, ThreadWords, WordsPart,
};
use rgops_protocol::reply::{End, Known};
use rgops_protocol::request::WordsRequest;

use super::{Context, Finish, Sink, Stop};

/// Threads of one packet: each takes at most 64 places of 15 bytes.
const THREADS_AT_ONCE: usize = 32;

pub(crate) async fn collect(
    arguments: WordsRequest,
    _context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    const WHAT: &str = "cannot search the stacks";
    check(&arguments).map_err(|why| Error::new(Code::Malformed, WHAT, why, ""))?;
    let own = own_id().map_err(|error| Error::new(Code::Unsupported, WHAT, error.to_string(), ""))?;
    let mut search = StackSearch::new(&arguments.words, arguments.max_bytes as usize);
    for tids in arguments.threads.chunks(THREADS_AT_ONCE) {
        let thread = |tid: &u32| ThreadWords {
            tid: *tid,
            stack: match *tid == own {
                true => Known::unavailable("it is the agent's", ""),
                false => search.search(*tid),
            },
        };
        sink.data(&WordsPart { threads: tids.iter().map(thread).collect() }).await?;
        // Let other connections run.
        tokio::task::yield_now().await;
    }
    Ok(End::default())
}

fn check(asked: &WordsRequest) -> Result<(), String> {
    let too_many = |what: &str, count: usize, limit: usize| {
        (count > limit).then(|| format!("{count} {what} are requested, the limit is {limit}"))
    };
    let wrong = too_many("words", asked.words.len(), MAX_WORDS)
        .or_else(|| too_many("threads", asked.threads.len(), MAX_SEARCHED_THREADS))
        .or_else(|| too_many("bytes of a stack", asked.max_bytes as usize, MAX_SEARCHED_BYTES as usize));
    wrong.map_or(Ok(()), Err)
}

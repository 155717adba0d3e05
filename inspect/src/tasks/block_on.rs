//! The futures of threads that wait in `block_on`: reads the part of each stack where the future may be.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_protocol::reply::words::{SearchedStack, ThreadWords};
use rgops_protocol::request::{MAX_RANGE_BYTES, MemoryRange, WordsRequest};
use rgops_tasks::decode::{BlockedThread, CHANGED, Decoder};
use rgops_tasks::model::Task;

use crate::budget::Budget;
use crate::client::ClientError;
use crate::tasks::memory::Memory;

/// How often a thread that ran while its stack was read is read again.
const TRIES: u32 = 4;
/// Maximum threads that are looked at, and what is read of each stack. Tokio boxes futures of more than 16 KiB.
const MAX_THREADS: usize = 32;
const STACK_BYTES: u32 = 128 * 1024;
const WORD_BYTES: u64 = 8;

/// A thread that waits in `block_on`, as its stack tells.
#[derive(Debug, Clone)]
pub(crate) struct Blocked {
    pub(crate) tid: u32,
    /// Its return addresses, from that into the innermost `block_on` to that into the caller of its caller.
    pub(crate) addresses: Vec<u64>,
    /// The functions `block_on` it is in, innermost first: an address of each, and the linker's name.
    pub(crate) functions: Vec<(u64, Arc<str>)>,
}

/// What is known of the futures, by thread id.
type Futures = HashMap<u32, Result<Task, Arc<str>>>;

/// That none of them is known, and why.
pub(super) fn none(blocked: &[Blocked], why: &str) -> Futures {
    blocked.iter().map(|thread| (thread.tid, Err(Arc::from(why)))).collect()
}

/// Decodes the futures. `decoder` makes a decoder without tasks.
pub(super) fn decode<'s>(
    blocked: &[Blocked],
    budget: &Budget,
    decoder: impl Fn() -> Decoder<'s>,
    memory: &mut Memory<'_>,
) -> Futures {
    let mut futures = none(blocked, "too many threads wait in block_on");
    let mut open: Vec<&Blocked> = blocked.iter().take(MAX_THREADS).collect();
    for _ in 0..TRIES {
        if open.is_empty() {
            break;
        }
        let found = decode_once(&open, budget, decoder(), memory);
        let found = found.unwrap_or_else(|error| {
            let why: Arc<str> = error.to_string().into();
            open.iter().map(|thread| (thread.tid, Err(why.clone()))).collect()
        });
        open.retain(|thread| matches!(found.get(&thread.tid), Some(Err(why)) if &**why == CHANGED));
        futures.extend(found);
    }
    futures
}

/// The futures of the threads; [`CHANGED`] for a thread that ran meanwhile.
fn decode_once(
    threads: &[&Blocked],
    budget: &Budget,
    mut decoder: Decoder<'_>,
    memory: &mut Memory<'_>,
) -> Result<Futures, ClientError> {
    let request = || WordsRequest {
        words: Vec::new(),
        threads: threads.iter().map(|thread| thread.tid).collect(),
        max_bytes: STACK_BYTES,
    };
    let first = by_tid(memory.words(request())?);
    let mut unknown: HashMap<u32, &'static str> = HashMap::new();
    for thread in threads {
        let Some(stack) = first.get(&thread.tid) else { continue };
        let start = stack.sp.next_multiple_of(WORD_BYTES);
        let Some(bytes) = read(memory, start, stack.bytes.min(STACK_BYTES))? else { continue };
        let Some((from, to)) = part(&bytes, thread) else {
            unknown.insert(thread.tid, "its frames were not found on its stack");
            continue;
        };
        let (tid, functions, stack) = (thread.tid, &*thread.functions, (start, &bytes[..to]));
        if let Err(reason) = decoder.add_block_on(BlockedThread { tid, functions, stack, own: from }) {
            unknown.insert(tid, reason);
        }
    }
    memory.serve(&mut decoder, budget, &mut |_, _| {})?;
    let mut futures = decoder.finish_block_ons();
    let last = by_tid(memory.words(request())?);
    let found = |thread: &&Blocked| {
        let future = match unknown.get(&thread.tid) {
            _ if !did_not_run(thread, &first, &last) => Err(CHANGED),
            Some(why) => Err(*why),
            None => futures.remove(&thread.tid).unwrap_or(Err("no place of its stack can be it")),
        };
        (thread.tid, future.map_err(Arc::from))
    };
    Ok(threads.iter().map(found).collect())
}

fn by_tid(words: Vec<ThreadWords>) -> HashMap<u32, SearchedStack> {
    words.into_iter().filter_map(|thread| Some((thread.tid, thread.stack.value().cloned()?))).collect()
}

/// Whether a thread did not run from the first look to the last. Where it ran before the first one, its frames are
/// looked for on the stack that was read.
fn did_not_run(
    thread: &Blocked,
    first: &HashMap<u32, SearchedStack>,
    last: &HashMap<u32, SearchedStack>,
) -> bool {
    let (Some(first), Some(last)) = (first.get(&thread.tid), last.get(&thread.tid)) else { return false };
    (first.sp, first.cpu_ns) == (last.sp, last.cpu_ns)
}

/// The bytes from an address on; `None` if they cannot be read.
fn read(memory: &mut Memory<'_>, start: u64, length: u32) -> Result<Option<Vec<u8>>, ClientError> {
    let ends = (0..length).step_by(MAX_RANGE_BYTES as usize);
    let range = |from: u32| MemoryRange {
        avma: start.saturating_add(u64::from(from)),
        length: (length - from).min(MAX_RANGE_BYTES),
    };
    let pieces = memory.read(&ends.map(range).collect::<Vec<_>>())?;
    Ok(pieces.into_iter().collect::<Option<Vec<_>>>().map(|pieces| pieces.concat()))
}

/// The part of a stack between the innermost `block_on` and the end of its caller's frame. Each frame is known by the
/// return address into it, which its callee keeps.
fn part(stack: &[u8], thread: &Blocked) -> Option<(usize, usize)> {
    let words: Vec<u64> = stack.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (mut at, mut from) = (0, None);
    for address in &thread.addresses {
        at += words[at..].iter().position(|word| word == address)? + 1;
        from.get_or_insert(at);
    }
    let outermost = thread.addresses.last()?;
    let to = words.iter().rposition(|word| word == outermost)?;
    let from = from.filter(|from| *from <= to)?;
    Some((from * WORD_BYTES as usize, to * WORD_BYTES as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(addresses: &[u64]) -> Blocked {
        Blocked { tid: 1, addresses: addresses.to_vec(), functions: Vec::new() }
    }

    #[test]
    fn the_part_ends_with_the_frame_of_the_caller() {
        let stack: Vec<u8> =
            [1_u64, 0x100, 2, 3, 0x200, 4, 0x300, 5].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(part(&stack, &blocked(&[0x100, 0x200, 0x300])), Some((16, 48)));
        assert_eq!(part(&stack, &blocked(&[0x200, 0x100])), None, "in another order");
        assert_eq!(part(&stack, &blocked(&[0x100, 0x400])), None, "not there");
        assert_eq!(part(&stack[..40], &blocked(&[0x100, 0x300])), None, "beyond what was read");
        assert_eq!(part(&stack, &blocked(&[])), None);
    }
}

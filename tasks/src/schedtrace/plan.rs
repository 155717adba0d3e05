//! The memory of one runtime to read for each sample, and how to decode it.
//!
//! The addresses are determined once: the shared state never moves, and neither do the boxes it points at. So
//! one request reads all memory of a sample together with the agent's own numbers. Every value is checked for
//! plausibility; an implausible one is missing, never shown.

use rgops_protocol::reply::schedtrace::SchedtraceRuntime;
use rgops_protocol::reply::tasks::RuntimeKind;
use rgops_protocol::reply::{Known, Unavailable};
use rgops_protocol::request::MemoryRange;

use crate::schedtrace::layout::{
    Blocking, CURRENT_THREAD, CurrentThread, MULTI_THREAD, MultiThread, Remotes,
};
use crate::schedtrace::limits;
use crate::schedtrace::line::{Hidden, Source};
use crate::schedtrace::memory::{Memory, Read, unsigned, whole, word};
use crate::schedtrace::path::{Missing, Number, Pointer, Spot};
use crate::types::TypeSource;

/// The number of workers that are shown.
const MAX_WORKERS: u64 = limits::MAX_WORKERS as u64;
/// `LOCAL_QUEUE_CAPACITY` (scheduler/multi_thread/queue.rs).
pub(super) const QUEUE_CAPACITY: u64 = 256;
/// The kernel's limit of thread ids.
const MAX_THREADS: u64 = 1 << 22;
/// Head and tail of a queue are read together: they are within this distance.
const QUEUE_BYTES: u64 = 512;

/// The memory of one runtime to read.
#[derive(Debug)]
pub struct Plan {
    /// Ranges of memory, read together for each sample.
    pub ranges: Vec<MemoryRange>,
    searching: Result<Searching, Unavailable>,
    queues: Result<Queues, Unavailable>,
    pool: Result<Pool, Unavailable>,
}

#[derive(Debug)]
enum Searching {
    /// Always zero: a current-thread scheduler does not have searching workers.
    Never,
    /// The range of `Idle::state`, and the maximum number of workers.
    Idle { range: usize, workers: u64 },
}

#[derive(Debug)]
enum Queues {
    /// The range with the length of the only queue.
    Length { range: usize },
    /// The first of the workers' ranges, and the positions of head and tail in each.
    Ends { first: usize, workers: usize, head: Number, tail: Number },
}

#[derive(Debug)]
struct Pool {
    threads: usize,
    idle: usize,
    queue: usize,
    /// Workers among the threads.
    workers: u64,
}

impl Plan {
    /// Reads nothing; all numbers are missing for the same reason.
    pub fn nothing(why: &Unavailable) -> Plan {
        Plan {
            ranges: Vec::new(),
            searching: Err(why.clone()),
            queues: Err(why.clone()),
            pool: Err(why.clone()),
        }
    }

    /// Determines the addresses for a runtime.
    pub fn make(types: &dyn TypeSource, memory: &mut dyn Memory, runtime: &SchedtraceRuntime) -> Plan {
        let name = if runtime.kind == RuntimeKind::CurrentThread { CURRENT_THREAD } else { MULTI_THREAD };
        let Some(shared) = types.named(name).map(Spot::of) else {
            return Plan::nothing(&not_described());
        };
        match find_shared(memory, runtime) {
            Ok(avma) if runtime.kind == RuntimeKind::CurrentThread => {
                Plan::current_thread(memory, avma, &CurrentThread::find(types, shared))
            }
            Ok(avma) => Plan::multi_thread(memory, avma, &MultiThread::find(types, shared)),
            Err(why) => Plan::nothing(&why),
        }
    }

    fn multi_thread(memory: &mut dyn Memory, shared: u64, layout: &MultiThread) -> Plan {
        let mut ranges = Vec::new();
        let mut queues = known(&layout.remotes).and_then(|remotes| read_queues(memory, shared, remotes));
        let workers = queues.as_ref().map_or(MAX_WORKERS, |(avmas, _)| avmas.len() as u64);
        let searching = known(&layout.idle).map(|idle| {
            ranges.push(range(shared, *idle));
            Searching::Idle { range: ranges.len() - 1, workers }
        });
        let pool = known(&layout.blocking)
            .and_then(|blocking| read_pool(memory, shared, blocking, workers, &mut ranges));
        let queues = queues.as_mut().map_err(|why| why.clone()).map(|(avmas, remotes)| {
            let first = ranges.len();
            let start = remotes.head.offset.min(remotes.tail.offset);
            let of = |number: Number| Number { offset: number.offset - start, ..number };
            let (head, tail) = (of(remotes.head), of(remotes.tail));
            let length = (head.offset + head.bytes).max(tail.offset + tail.bytes) as u32;
            ranges.extend(avmas.iter().map(|avma| MemoryRange { avma: avma.wrapping_add(start), length }));
            Queues::Ends { first, workers: avmas.len(), head, tail }
        });
        Plan { ranges, searching, queues, pool }
    }

    fn current_thread(memory: &mut dyn Memory, shared: u64, layout: &CurrentThread) -> Plan {
        let mut ranges = Vec::new();
        let queues = known(&layout.queue).map(|queue| {
            ranges.push(range(shared, *queue));
            Queues::Length { range: 0 }
        });
        let pool =
            known(&layout.blocking).and_then(|blocking| read_pool(memory, shared, blocking, 0, &mut ranges));
        Plan { ranges, searching: Ok(Searching::Never), queues, pool }
    }

    /// Decodes the bytes of [`Plan::ranges`].
    pub fn decode(&self, bytes: &Read) -> Hidden {
        let bytes = &whole(&self.ranges, bytes.to_vec());
        let any = self.queues.is_ok() || self.pool.is_ok();
        let pool = |value: fn(&Pool, &Read) -> Option<u64>| match &self.pool {
            Ok(pool) => value(pool, bytes).map_or_else(implausible, Known::Value),
            Err(why) => Known::Unavailable(why.clone()),
        };
        Hidden {
            searching: match &self.searching {
                Ok(searching) => searching.decode(bytes).map_or_else(implausible, Known::Value),
                Err(why) => Known::Unavailable(why.clone()),
            },
            blocking_threads: pool(Pool::threads),
            idle_blocking_threads: pool(Pool::idle),
            blocking_queue: pool(Pool::queue),
            local_queues: match &self.queues {
                Ok(queues) => queues.decode(bytes).map_or_else(implausible, Known::Value),
                Err(why) => Known::Unavailable(why.clone()),
            },
            source: if any { Source::Memory } else { Source::None },
        }
    }
}

impl Searching {
    fn decode(&self, bytes: &Read) -> Option<u64> {
        let Searching::Idle { range, workers } = *self else { return Some(0) };
        let state = word(bytes, range)?;
        // UNPARK_SHIFT and SEARCH_MASK of scheduler/multi_thread/idle.rs.
        let (unparked, searching) = (state >> 16, state & 0xffff);
        (unparked <= workers && searching <= workers).then_some(searching)
    }
}

impl Queues {
    fn decode(&self, bytes: &Read) -> Option<Vec<u64>> {
        match *self {
            Queues::Length { range } => {
                // A VecDeque; the limit is above any real length.
                word(bytes, range).filter(|length| *length < 1 << 40).map(|length| vec![length])
            }
            Queues::Ends { first, workers, head, tail } => (first..first + workers)
                .map(|range| length(bytes.get(range)?.as_deref()?, head, tail))
                .collect(),
        }
    }
}

/// The length of a queue from its two ends (`Steal::len`): the lower half of `head` is the owner's end, the
/// upper half the position where a steal started.
fn length(bytes: &[u8], head: Number, tail: Number) -> Option<u64> {
    let half = head.bytes * 4;
    let mask = (1_u64 << half) - 1;
    let (head, tail) = (unsigned(bytes, head)? & mask, unsigned(bytes, tail)? & mask);
    let length = tail.wrapping_sub(head) & mask;
    // The owner may move both ends between the two loads of one copy: then the queue is nearly empty.
    match length {
        ..=QUEUE_CAPACITY => Some(length),
        _ if length > mask - QUEUE_CAPACITY => Some(0),
        _ => None,
    }
}

impl Pool {
    fn threads(&self, bytes: &Read) -> Option<u64> {
        // Like Tokio's `num_blocking_threads`: the workers run on threads of the pool.
        let threads = word(bytes, self.threads).filter(|threads| *threads <= MAX_THREADS)?;
        Some(threads.saturating_sub(self.workers))
    }

    fn idle(&self, bytes: &Read) -> Option<u64> {
        word(bytes, self.idle).filter(|idle| *idle <= MAX_THREADS)
    }

    fn queue(&self, bytes: &Read) -> Option<u64> {
        word(bytes, self.queue).filter(|queue| *queue < 1 << 40)
    }
}

/// The word of the handle that points at the shared state: an `Arc` has its counts there.
fn find_shared(memory: &mut dyn Memory, runtime: &SchedtraceRuntime) -> Result<u64, Unavailable> {
    let candidates: Vec<u64> =
        runtime.handle_words.iter().copied().filter(|word| *word > 4096 && word % 8 == 0).take(4).collect();
    let ranges: Vec<MemoryRange> =
        candidates.iter().map(|word| MemoryRange { avma: *word, length: 16 }).collect();
    let read = memory.read(&ranges)?;
    let is_count = |count: u64| (1..1 << 40).contains(&count);
    let is_arc = |bytes: &Option<Vec<u8>>| {
        let bytes = bytes.as_deref().unwrap_or_default();
        let count = |offset| unsigned(bytes, Number { offset, bytes: 8 }).is_some_and(is_count);
        count(0) && count(8)
    };
    let found = candidates.iter().zip(&read).find(|(_, bytes)| is_arc(bytes));
    found.map(|(word, _)| *word).ok_or_else(|| Unavailable {
        reason: "the runtime's handle does not match any known Tokio version".to_owned(),
        fix: String::new(),
    })
}

/// The addresses of the workers' queues.
fn read_queues<'l>(
    memory: &mut dyn Memory,
    shared: u64,
    remotes: &'l Remotes,
) -> Result<(Vec<u64>, &'l Remotes), Unavailable> {
    let slice = remotes.slice;
    let near = remotes.head.offset.abs_diff(remotes.tail.offset) <= QUEUE_BYTES;
    if remotes.head.bytes < 4 || remotes.tail.bytes * 2 != remotes.head.bytes || !near {
        return Err(another_layout("the ends of a worker's queue have a different layout"));
    }
    let read = memory.read(&[word_at(shared, slice.elements.offset), range(shared, slice.length)])?;
    let (Some(elements), Some(count)) = (word(&read, 0), word(&read, 1)) else {
        return Err(another_layout("the list of workers cannot be read"));
    };
    if !(1..=MAX_WORKERS).contains(&count) {
        return Err(another_layout("the list of workers has an impossible length"));
    }
    let queue = |index: u64| {
        let remote = elements.wrapping_add(index.wrapping_mul(slice.stride));
        word_at(remote, remotes.queue.offset)
    };
    let read = memory.read(&(0..count).map(queue).collect::<Vec<_>>())?;
    let avmas: Option<Vec<u64>> = (0..read.len()).map(|index| word(&read, index)).collect();
    let avmas = avmas.ok_or_else(|| another_layout("the list of workers cannot be read"))?;
    Ok((avmas, remotes))
}

/// The addresses of the blocking pool's counters; adds their ranges to `ranges`.
fn read_pool(
    memory: &mut dyn Memory,
    shared: u64,
    blocking: &Blocking,
    workers: u64,
    ranges: &mut Vec<MemoryRange>,
) -> Result<Pool, Unavailable> {
    let Pointer { offset, .. } = blocking.pool;
    let avma = word(&memory.read(&[word_at(shared, offset)])?, 0);
    let avma = avma.ok_or_else(|| another_layout("the blocking pool cannot be read"))?;
    let workers = match blocking.workers {
        Some(place) => word(&memory.read(&[range(avma, place)])?, 0)
            .filter(|count| *count <= MAX_WORKERS)
            .ok_or_else(|| another_layout("the blocking pool has an impossible number of workers"))?,
        None => workers,
    };
    let first = ranges.len();
    ranges.extend([blocking.threads, blocking.idle, blocking.queue].map(|number| range(avma, number)));
    Ok(Pool { threads: first, idle: first + 1, queue: first + 2, workers })
}

fn range(avma: u64, number: Number) -> MemoryRange {
    MemoryRange { avma: avma.wrapping_add(number.offset), length: number.bytes as u32 }
}

fn word_at(avma: u64, offset: u64) -> MemoryRange {
    range(avma, Number { offset, bytes: 8 })
}

fn known<T>(place: &Result<T, Missing>) -> Result<&T, Unavailable> {
    place.as_ref().map_err(|missing| another_layout(&missing.to_string()))
}

fn another_layout(what: &str) -> Unavailable {
    Unavailable {
        reason: format!("Tokio's scheduler does not match the known versions: {what}"),
        fix: String::new(),
    }
}

fn not_described() -> Unavailable {
    Unavailable {
        reason: "no debug information of the executable describes Tokio's scheduler".to_owned(),
        fix: "build with [profile.release] debug = 2, or pass --symbols DIR with its debug file".to_owned(),
    }
}

fn implausible<T>() -> Known<T> {
    Known::unavailable("the value in memory is implausible", "")
}

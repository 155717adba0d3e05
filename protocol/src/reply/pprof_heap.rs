//! Answer of `pprof-heap`: `Data` packets, each one [`PprofHeapPart`], streamed while the window runs.
//!
//! If the program's allocator is wrapped (`rgops_agent::alloc::Sampling`), the agent keeps two sums per
//! stack: of the sampled allocations, and of those that were freed. Their difference is exactly the live
//! memory: the [`Estimate`] that was added when a block was sampled is added to the other sum when it is
//! freed. A window is the difference of two snapshots. Names and shares are computed by the inspector.
//!
//! A block of `s` bytes is sampled with probability `p = 1 - exp(-s / m)`, `m` being the mean number of
//! bytes between two samples at that moment, independently of every other block. So a sampled block
//! stands for `1 / p` blocks (Horvitz and Thompson, 1952), and the sums below are unbiased.

use super::{Module, Stack};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, fields, parts, plain};

/// Arguments of `pprof-heap`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct PprofHeapRequest {
    /// Time from the first snapshot to the last, in milliseconds; 0 for a single snapshot.
    pub duration_ms: u64,
    /// Time from one snapshot to the next, in milliseconds; 0 takes none between the first and the
    /// last. The agent takes them no closer than 100 ms.
    pub interval_ms: u32,
    /// Whether each snapshot lists the live sampled blocks with their ages.
    pub live: bool,
}

/// One part of the answer.
///
/// `Start` comes first, then at least one snapshot. A snapshot is `Snapshot`, then everything that is new or has
/// changed since the previous snapshot (`Modules`, `Stacks`, `Buckets`), then `Live` if it was requested, and
/// `Counters`, which ends it. If the source is jemalloc's own profiler, `Jemalloc` replaces all parts
/// between `Snapshot` and `Counters`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum PprofHeapPart {
    /// The source and the rate of the samples.
    Start(HeapStart),
    /// All loaded modules, valid for the stacks that follow.
    Modules(Vec<Module>),
    /// Stacks, each sent once, before the first part that names it.
    Stacks(Vec<HeapStack>),
    /// Start of a snapshot.
    Snapshot(HeapSnapshot),
    /// Sums since sampling started, for stacks whose sums changed since the previous snapshot.
    Buckets(Vec<HeapBucket>),
    /// All sampled blocks that are live now.
    Live(Vec<LiveBlock>),
    /// The end of a snapshot: exact counters, and the losses of sampling.
    Counters(HeapCounters),
    /// A piece of the text that jemalloc's profiler wrote (`heap_v2`, with its mappings), in order.
    Jemalloc(Vec<u8>),
}

/// The source and the rate of the samples.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapStart {
    /// Time of the first snapshot, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// The source of the samples.
    pub source: HeapSource,
    /// The allocator: the Rust type inside the wrapper, such as `std::alloc::System`; otherwise `jemalloc`.
    pub allocator: String,
    /// Mean number of bytes between two samples now. 0: sampling is off, and the answer has the samples so far.
    pub mean_bytes: u64,
    /// Time of the first sample, in nanoseconds since the Unix epoch: blocks allocated before are
    /// in no sum. `None` if no block was sampled yet, or the source does not report it.
    pub since_unix_ns: Option<u64>,
}

/// The source of heap samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum HeapSource {
    /// The agent's wrapper around the program's allocator.
    Wrapper,
    /// jemalloc's own profiler (`prof:true`).
    Jemalloc,
}

/// A stack and its number, which other parts refer to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapStack {
    /// Its number, which is the same in every answer of one process.
    pub id: u32,
    /// The stack: the leaf is the allocator's caller. Stack 0 has no frames and stands for blocks
    /// whose stack could not be kept; their number is [`HeapCounters::without_stack`].
    pub stack: Stack,
}

/// The time of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapSnapshot {
    /// Time since [`HeapStart::unix_ns`] by the monotonic clock, in nanoseconds.
    pub time_ns: u64,
}

/// The sums of one stack since sampling started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapBucket {
    /// [`HeapStack::id`].
    pub stack: u32,
    /// Blocks allocated with this stack.
    pub allocated: Estimate,
    /// The part of these that was freed.
    pub freed: Estimate,
}

/// An unbiased estimate from samples, with its variance.
///
/// All fields are sums over samples. The standard deviation of `bytes` is
/// `sqrt(bytes_variance × 65536)`, that of `objects_milli` `1000 × sqrt(objects_variance)`: the sums of
/// `v² (1 - p) / p²`, an unbiased estimate of the variance. The sums wrap at 2^64; differences (a
/// window, the live memory) are still correct.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Estimate {
    /// The number of samples.
    pub samples: u64,
    /// The number of blocks, in thousandths.
    pub objects_milli: u64,
    /// Requested bytes.
    pub bytes: u64,
    /// Variance of the number of blocks.
    pub objects_variance: u64,
    /// Variance of the bytes, in units of 65536 square bytes.
    pub bytes_variance: u64,
}

/// A sampled block that is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct LiveBlock {
    /// [`HeapStack::id`].
    pub stack: u32,
    /// Its requested size in bytes.
    pub size_bytes: u64,
    /// Mean number of bytes between two samples when it was allocated. It stands for
    /// [`Estimate::of_block`] of size and mean.
    pub mean_bytes: u64,
    /// Its age in nanoseconds, by the monotonic clock.
    pub age_ns: u64,
}

/// Exact counters since the program started, and the losses of sampling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapCounters {
    /// Requests to the wrapped allocator; absent if the source does not count them.
    pub exact: Option<ExactCounters>,
    /// Blocks sampled since sampling started.
    pub sampled: u64,
    /// The part of these that was freed.
    pub sampled_freed: u64,
    /// Capacity of the table of live sampled blocks. It has `sampled - sampled_freed` entries.
    pub live_capacity: u64,
    /// The number of different stacks.
    pub stacks: u64,
    /// The maximum number of stacks.
    pub stack_capacity: u64,
    /// Blocks due for sampling that are in no sum, because the table of live blocks was full. The missing
    /// bytes are [`HeapCounters::lost_bytes`].
    pub lost: u64,
    /// The bytes that these stand for: an estimate like [`Estimate::bytes`].
    pub lost_bytes: u64,
    /// Sampled blocks whose stack could not be kept (no room for another stack, no unwinder free, the agent did
    /// not listen yet, or the block was allocated by the agent or inside a signal handler). They are
    /// counted under stack 0.
    pub without_stack: u64,
    /// Sampled blocks whose stack was truncated at the depth limit.
    pub truncated: u64,
    /// Memory used by sampling itself, in bytes of address space; untouched pages are not resident.
    pub own_bytes: u64,
}

/// Exact counts of the requests to the wrapped allocator since the program started.
///
/// `allocations - frees` blocks are live; `allocated_bytes - freed_bytes` is their requested size.
/// A reallocated block stays one block: its former size counts as freed, its new size as allocated.
/// (In [`HeapBucket`] it is a new block, allocated at the reallocation.)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ExactCounters {
    /// Blocks allocated.
    pub allocations: u64,
    /// Blocks freed.
    pub frees: u64,
    /// Blocks reallocated, in place or not.
    pub reallocations: u64,
    /// Bytes requested.
    pub allocated_bytes: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
}

impl Estimate {
    /// The estimate from one sampled block of `size_bytes` that was allocated when the mean number of
    /// bytes between two samples was `mean_bytes`.
    ///
    /// A size of 0 counts as 1, as it did when the block was sampled. With a mean of 1 or less, every
    /// block was sampled and stands for itself.
    pub fn of_block(size_bytes: u64, mean_bytes: u64) -> Estimate {
        Estimate::of_objects(Estimate::objects_of_block(size_bytes, mean_bytes), size_bytes)
    }

    /// The number of blocks that one sampled block of `size_bytes` stands for: 1 / p, where p is the probability
    /// that it is sampled.
    pub fn objects_of_block(size_bytes: u64, mean_bytes: u64) -> f64 {
        let ratio = size_bytes.max(1) as f64 / mean_bytes.max(1) as f64;
        if mean_bytes <= 1 { 1.0 } else { 1.0 / hit_probability(ratio) }
    }

    /// The estimate from one sampled block of `size_bytes`, given its number of `objects`
    /// ([`Estimate::objects_of_block`]).
    pub fn of_objects(objects: f64, size_bytes: u64) -> Estimate {
        let size = size_bytes as f64;
        // (1 - p) / p².
        let variance = objects * objects - objects;
        Estimate {
            samples: 1,
            objects_milli: rounded(objects * 1000.0),
            bytes: rounded(objects * size),
            objects_variance: rounded(variance),
            bytes_variance: rounded(variance * size * size / 65536.0),
        }
    }

    /// The sum of this and `other`.
    #[must_use]
    pub fn plus(self, other: Estimate) -> Estimate {
        self.with(other, u64::wrapping_add)
    }

    /// The difference of this and `earlier`, which is part of it: a window, or the live memory.
    #[must_use]
    pub fn minus(self, earlier: Estimate) -> Estimate {
        self.with(earlier, u64::wrapping_sub)
    }

    fn with(self, other: Estimate, operation: fn(u64, u64) -> u64) -> Estimate {
        Estimate {
            samples: operation(self.samples, other.samples),
            objects_milli: operation(self.objects_milli, other.objects_milli),
            bytes: operation(self.bytes, other.bytes),
            objects_variance: operation(self.objects_variance, other.objects_variance),
            bytes_variance: operation(self.bytes_variance, other.bytes_variance),
        }
    }

    /// Standard deviation of [`Estimate::bytes`], in bytes.
    pub fn bytes_deviation(&self) -> f64 {
        (self.bytes_variance as f64 * 65536.0).sqrt()
    }

    /// Standard deviation of the number of blocks, in blocks.
    pub fn objects_deviation(&self) -> f64 {
        (self.objects_variance as f64).sqrt()
    }
}

/// 1 - exp(-ratio), without the cancellation that would lose precision for small ratios.
fn hit_probability(ratio: f64) -> f64 {
    if ratio > 1.0 / 32.0 {
        return -(-ratio).exp_m1();
    }
    // The first terms of its series: the next term is below 10^-11 of the sum. Most blocks are that
    // small, and `exp_m1` would be a considerable part of a sample's cost.
    let sixth = 1.0 - ratio * (1.0 / 6.0);
    let fifth = 1.0 - ratio * (1.0 / 5.0) * sixth;
    let fourth = 1.0 - ratio * (1.0 / 4.0) * fifth;
    let third = 1.0 - ratio * (1.0 / 3.0) * fourth;
    ratio * (1.0 - ratio * (1.0 / 2.0) * third)
}

/// Rounds a number that is not negative. `f64::round` is a call into libm on most targets, and this is on the
/// path of every sample.
fn rounded(number: f64) -> u64 {
    // Converted to i64 first, for which processors have an instruction.
    (number + 0.5) as i64 as u64
}

parts! {
    PprofHeapPart { Start, Modules, Stacks, Snapshot, Buckets, Live, Counters, Jemalloc }
}

fields! {
    HeapStart { unix_ns, source, allocator: NAME_CHARACTERS, mean_bytes, since_unix_ns }
    HeapStack { id, stack }
}

plain!(Estimate, ExactCounters, HeapBucket, HeapCounters, HeapSnapshot, HeapSource, LiveBlock);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_stands_for_the_inverse_of_its_probability() {
        // Half of the blocks of size m ln 2 are sampled.
        let half = Estimate::of_block((524_288.0 * std::f64::consts::LN_2) as u64, 524_288);
        assert!(half.objects_milli.abs_diff(2000) <= 1, "{half:?}");
        assert_eq!(half.objects_variance, 2);
        // Much smaller than the mean: every sample stands for the mean in bytes, and so does the deviation.
        let small = Estimate::of_block(16, 524_288);
        assert!(small.bytes.abs_diff(524_288) <= 16, "{small:?}");
        assert!((small.bytes_deviation() - 524_288.0).abs() < 1024.0, "{small:?}");
        // Much larger: certainly sampled.
        let large = Estimate::of_block(1 << 30, 524_288);
        assert_eq!((large.bytes, large.objects_milli, large.bytes_variance), (1 << 30, 1000, 0));
    }

    #[test]
    fn the_series_equals_the_function() {
        for step in 1..=400 {
            let ratio = f64::from(step) / 400.0 / 32.0;
            let exact = -(-ratio).exp_m1();
            assert!((hit_probability(ratio) / exact - 1.0).abs() < 1e-11, "{ratio}");
        }
    }

    #[test]
    fn every_block_stands_for_itself_when_all_are_sampled() {
        let expected = Estimate { samples: 1, objects_milli: 1000, bytes: 7, ..Estimate::default() };
        assert_eq!(Estimate::of_block(7, 1), expected);
        assert_eq!(Estimate::of_block(0, 1), Estimate { bytes: 0, ..expected });
    }

    #[test]
    fn differences_are_correct_when_sums_wrap() {
        let before = Estimate { samples: u64::MAX, bytes: u64::MAX - 5, ..Estimate::default() };
        let block = Estimate::of_block(100, 4096);
        assert_eq!(before.plus(block).minus(before), block);
    }
}

//! The growth of memory in a window, or why it is unknown.

use rgops_protocol::reply::pprof_heap::Estimate;

use crate::budget::Exhausted;

/// One-sided 95 % quantile of the normal distribution.
const QUANTILE_95: f64 = 1.645;

/// The growth of memory in a window.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Growth {
    /// From the first snapshot to the last, in nanoseconds.
    pub window_ns: u64,
    /// Blocks younger than this, in nanoseconds, are not compared.
    pub young_ns: u64,
    /// Number of compared snapshots.
    pub snapshots: usize,
    /// Lines that grew, largest growth first. Chance alone puts a line here in at most 5 % of windows.
    pub grown: Vec<Grown>,
    /// Lines that may have grown: too few samples to be sure, or no growth in the second half.
    pub unsure: Vec<Grown>,
    /// Number of lines with enough samples to be compared.
    pub compared: usize,
    /// All blocks that are live at the end and too young to compare.
    pub young: Estimate,
    /// All blocks that are live at the end.
    pub live: Estimate,
}

/// A line of the program and its live memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Grown {
    /// Its stack that grew most, see [`Heap::frames`](crate::heap::Heap::frames).
    pub stack: u32,
    /// Number of stacks that reach it.
    pub stacks: usize,
    /// Blocks that are old and live at the end, and were not at the start.
    pub gained: Estimate,
    /// Blocks that were old and live at the start, and are not at the end.
    pub lost: Estimate,
    /// Live at the end, including young blocks.
    pub live: Estimate,
    /// Live at the end and young.
    pub young: Estimate,
    /// 1 minus the probability of this many gains by chance; between 0 and 1.
    pub confidence: f64,
    /// Number of intervals between snapshots in which it gained more than it lost.
    pub growing_intervals: usize,
}

impl Grown {
    /// Growth in bytes over the window; negative when it shrank.
    pub fn bytes(&self) -> i64 {
        self.gained.bytes.wrapping_sub(self.lost.bytes).cast_signed()
    }

    /// Minimum growth in bytes, with 95 % confidence; below 0 if it may not have grown.
    pub fn least_bytes(&self) -> f64 {
        let variance = self.gained.bytes_deviation().powi(2) + self.lost.bytes_deviation().powi(2);
        self.bytes() as f64 - QUANTILE_95 * variance.sqrt()
    }

    /// Growth in blocks over the window.
    pub fn objects(&self) -> f64 {
        self.gained.objects_milli.wrapping_sub(self.lost.objects_milli).cast_signed() as f64 / 1000.0
    }
}

/// Why the growth is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoGrowth {
    /// There are fewer than two snapshots.
    TooFewSnapshots,
    /// Memory or time does not suffice.
    Exhausted(Exhausted),
}

impl From<Exhausted> for NoGrowth {
    fn from(exhausted: Exhausted) -> NoGrowth {
        NoGrowth::Exhausted(exhausted)
    }
}

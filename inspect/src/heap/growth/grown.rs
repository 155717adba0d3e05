//! What grew, or why it cannot be told.

use rgops_protocol::reply::pprof_heap::Estimate;

use crate::budget::Exhausted;

/// One-sided 95 % quantile of the normal distribution.
const QUANTILE_95: f64 = 1.645;

/// What grew in a window.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Growth {
    /// From the first snapshot to the last, in nanoseconds.
    pub window_ns: u64,
    /// Blocks younger than this, in nanoseconds, are set apart.
    pub young_ns: u64,
    /// Snapshots compared.
    pub snapshots: usize,
    /// Lines that grew, by falling growth. Chance alone puts one here in at most 5 % of windows.
    pub grown: Vec<Grown>,
    /// Lines that may have grown: too few samples to tell, or not in the second half.
    pub unsure: Vec<Grown>,
    /// Lines compared that could have been found to grow.
    pub compared: usize,
    /// All blocks that live at the end and are too young to tell.
    pub young: Estimate,
    /// All blocks that live at the end.
    pub live: Estimate,
}

/// A line of the program and what it keeps.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Grown {
    /// Its stack that grew most, see [`Heap::frames`](crate::heap::Heap::frames).
    pub stack: u32,
    /// Stacks by which it is reached.
    pub stacks: usize,
    /// Old and live at the end, not so at the beginning.
    pub gained: Estimate,
    /// The reverse.
    pub lost: Estimate,
    /// Live at the end, the young ones included.
    pub live: Estimate,
    /// Live at the end and young.
    pub young: Estimate,
    /// Between 0 and 1: 1 minus the probability of so many gains by chance.
    pub confidence: f64,
    /// Of the intervals between snapshots, those in which it gained more than it lost.
    pub growing_intervals: usize,
}

impl Grown {
    /// Growth in bytes over the window; negative when it shrank.
    pub fn bytes(&self) -> i64 {
        self.gained.bytes.wrapping_sub(self.lost.bytes).cast_signed()
    }

    /// The bytes by which it grew at least, with 95 % confidence; below 0 when it may not have grown.
    pub fn least_bytes(&self) -> f64 {
        let variance = self.gained.bytes_deviation().powi(2) + self.lost.bytes_deviation().powi(2);
        self.bytes() as f64 - QUANTILE_95 * variance.sqrt()
    }

    /// Growth in blocks over the window.
    pub fn objects(&self) -> f64 {
        self.gained.objects_milli.wrapping_sub(self.lost.objects_milli).cast_signed() as f64 / 1000.0
    }
}

/// Why it cannot be told what grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoGrowth {
    /// There are fewer than two snapshots.
    TooFewSnapshots,
    /// There is no memory or no time for it.
    Exhausted(Exhausted),
}

impl From<Exhausted> for NoGrowth {
    fn from(exhausted: Exhausted) -> NoGrowth {
        NoGrowth::Exhausted(exhausted)
    }
}

//! Which lines of the program keep more and more memory, and how sure that is.
//!
//! Only blocks older than a tenth of the window count, at its beginning as at its end: what a program
//! allocates and soon frees is as often young as it is old, and would look like growth at a bad moment.
//! Between two snapshots a line then *gained* the sampled blocks that became old and live, and *lost*
//! those that were old and live and are no more. Blocks that are in both are in neither, so their
//! number, however large, adds no noise.
//!
//! Whether a line grew is a question about counts. Samples are independent of each other, so where
//! memory only goes round (a full cache) a changed block is as likely a gain as a loss. The probability
//! of at least so many gains by chance is that of so many heads of a fair coin, exactly; the level of
//! 5 % is divided by the number of lines that could reach it (Bonferroni), so that it holds for the
//! whole list. It must hold, undivided, for the second half of the window as well: a cache that filled
//! in the first half is no leak.

use std::collections::HashMap;

use rgops_protocol::reply::heap::Estimate;

use super::frames::own_frame;
use super::gather::{Heap, Live, Snapshot};

/// The probability by which chance alone may put anything on the list.
const LEVEL: f64 = 0.05;
/// Fewer changes than these cannot reach [`LEVEL`]: 1/2⁵ is the first below.
const MIN_CHANGES: u64 = 5;
/// Blocks younger than this share of the window are set apart.
const YOUNG_SHARE: u64 = 10;
/// One-sided 95 % quantile of the normal distribution.
const QUANTILE_95: f64 = 1.645;

/// What grew in a window.
#[derive(Debug, Clone)]
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
pub struct Grown {
    /// Its stack that grew most, see [`Heap::frames`].
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

/// A line while it is counted.
#[derive(Default)]
struct Line {
    /// Gains and losses over the whole window, over its second half, and by interval.
    whole: Change,
    second_half: Change,
    intervals: Vec<Change>,
    live: Estimate,
    young: Estimate,
    by_stack: HashMap<u32, i64>,
}

#[derive(Clone, Copy, Default)]
struct Change {
    gained: Estimate,
    lost: Estimate,
}

/// Compares the snapshots of an answer that lists living blocks. `None` when there are fewer than two.
pub fn growth(heap: &Heap) -> Option<Growth> {
    let snapshots = heap.snapshots();
    let [first, .., last] = snapshots else { return None };
    let window_ns = last.time_ns.saturating_sub(first.time_ns);
    let young_ns = window_ns / YOUNG_SHARE;
    let mut sites = Sites { heap, by_stack: HashMap::new() };
    let mut lines: HashMap<Site, Line> = HashMap::new();

    let middle = first.time_ns + window_ns / 2;
    let middle = snapshots.iter().min_by_key(|snapshot| snapshot.time_ns.abs_diff(middle)).unwrap_or(first);
    let mut add = |from: &Snapshot, to: &Snapshot, put: &dyn Fn(&mut Line, bool, u32, Estimate)| {
        for (stack, change) in changes(from, to, young_ns) {
            let line = lines.entry(sites.of(stack)).or_default();
            for (is_gain, estimate) in [(true, change.gained), (false, change.lost)] {
                put(line, is_gain, stack, estimate);
            }
        }
    };
    add(first, last, &|line, is_gain, stack, estimate| {
        line.whole.add(is_gain, estimate);
        let bytes = estimate.bytes.cast_signed();
        let sum = line.by_stack.entry(stack).or_default();
        *sum = if is_gain { sum.wrapping_add(bytes) } else { sum.wrapping_sub(bytes) };
    });
    add(middle, last, &|line, is_gain, _, estimate| line.second_half.add(is_gain, estimate));
    for (number, pair) in snapshots.windows(2).enumerate() {
        add(&pair[0], &pair[1], &|line, is_gain, _, estimate| {
            line.intervals.resize(line.intervals.len().max(number + 1), Change::default());
            line.intervals[number].add(is_gain, estimate);
        });
    }
    let (mut live, mut young) = (Estimate::default(), Estimate::default());
    for block in &last.live {
        let estimate = block.estimate();
        live = live.plus(estimate);
        let is_young = block.birth_ns > before(last, young_ns);
        if is_young {
            young = young.plus(estimate);
        }
        if let Some(line) = lines.get_mut(&sites.of(block.stack)) {
            line.live = line.live.plus(estimate);
            line.young = if is_young { line.young.plus(estimate) } else { line.young };
        }
    }

    let compared = lines.values().filter(|line| line.whole.samples() >= MIN_CHANGES).count();
    let level = LEVEL / compared.max(1) as f64;
    let (mut grown, mut unsure) = (Vec::new(), Vec::new());
    for line in lines.into_values() {
        let (chance, second_half) = (line.whole.chance(), line.second_half.chance());
        let found = line.grown(chance);
        if chance <= level && second_half <= LEVEL && found.bytes() > 0 {
            grown.push(found);
        } else if found.bytes() > 0 {
            unsure.push(found);
        }
    }
    for list in [&mut grown, &mut unsure] {
        list.sort_by_key(|grown| (std::cmp::Reverse(grown.bytes()), grown.stack));
    }
    Some(Growth { window_ns, young_ns, snapshots: snapshots.len(), grown, unsure, compared, young, live })
}

/// The moment before which blocks are old at a snapshot, in its own time.
fn before(snapshot: &Snapshot, young_ns: u64) -> i64 {
    snapshot.time_ns.cast_signed().saturating_sub(young_ns.cast_signed())
}

/// What each stack gained and lost from one snapshot to another.
fn changes(from: &Snapshot, to: &Snapshot, young_ns: u64) -> HashMap<u32, Change> {
    let (old_then, old_now) = (before(from, young_ns), before(to, young_ns));
    let mut changes: HashMap<u32, Change> = HashMap::new();
    for block in from.live.iter().filter(|block| block.birth_ns <= old_then) {
        let change = changes.entry(block.stack).or_default();
        change.lost = change.lost.plus(block.estimate());
    }
    for block in to.live.iter().filter(|block| block.birth_ns <= old_now) {
        let change = changes.entry(block.stack).or_default();
        if block.birth_ns <= old_then {
            // It was there, and still is. Where the earlier list is cut short it may be missing there.
            change.lost = change.lost.minus_at_most(block.estimate());
        } else {
            change.gained = change.gained.plus(block.estimate());
        }
    }
    changes
}

/// Subtraction that does not wrap.
trait MinusAtMost {
    fn minus_at_most(self, part: Estimate) -> Estimate;
}

impl MinusAtMost for Estimate {
    fn minus_at_most(self, part: Estimate) -> Estimate {
        if self.samples < part.samples || self.bytes < part.bytes {
            return Estimate::default();
        }
        self.minus(part)
    }
}

impl Live {
    fn estimate(&self) -> Estimate {
        Estimate::of_block(self.size_bytes, self.mean_bytes)
    }
}

impl Change {
    fn add(&mut self, is_gain: bool, estimate: Estimate) {
        let sum = if is_gain { &mut self.gained } else { &mut self.lost };
        *sum = sum.plus(estimate);
    }

    fn samples(&self) -> u64 {
        self.gained.samples + self.lost.samples
    }

    /// The probability of at least so many gains among so many changes when both are as likely.
    fn chance(&self) -> f64 {
        at_least_heads(self.gained.samples, self.samples())
    }
}

impl Line {
    fn grown(self, chance: f64) -> Grown {
        let stack = self.by_stack.iter().max_by_key(|(stack, bytes)| (**bytes, std::cmp::Reverse(**stack)));
        Grown {
            stack: stack.map_or(0, |(stack, _)| *stack),
            stacks: self.by_stack.len(),
            gained: self.whole.gained,
            lost: self.whole.lost,
            live: self.live,
            young: self.young,
            confidence: 1.0 - chance,
            growing_intervals: self
                .intervals
                .iter()
                .filter(|change| change.gained.samples > change.lost.samples)
                .count(),
        }
    }
}

/// P(at least `heads` of `tosses` of a fair coin), summed from the tail in logarithms.
fn at_least_heads(heads: u64, tosses: u64) -> f64 {
    // ln of C(tosses, k) / 2^tosses, walked from k = tosses downwards.
    let mut log = -(tosses as f64) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for k in (heads..=tosses).rev() {
        sum += log.exp();
        log += (k as f64).ln() - ((tosses - k + 1) as f64).ln();
    }
    sum.min(1.0)
}

/// What people call one place: a line of the program's own code; where none is known, a stack.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Site {
    Line { function: std::sync::Arc<str>, file: Option<std::sync::Arc<str>>, line: Option<u32> },
    Stack(u32),
}

struct Sites<'h> {
    heap: &'h Heap,
    by_stack: HashMap<u32, Site>,
}

impl Sites<'_> {
    fn of(&mut self, stack: u32) -> Site {
        if let Some(site) = self.by_stack.get(&stack) {
            return site.clone();
        }
        let own = own_frame(self.heap.frames(stack));
        let site = own.and_then(|frame| {
            let function = frame.function.clone()?;
            Some(Site::Line { function, file: frame.file.clone(), line: frame.line })
        });
        let site = site.unwrap_or(Site::Stack(stack));
        self.by_stack.insert(stack, site.clone());
        site
    }
}

#[cfg(test)]
mod tests;

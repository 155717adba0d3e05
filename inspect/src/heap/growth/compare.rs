//! The comparison of snapshots, line by line.

use std::cmp::Reverse;
use std::collections::HashMap;

use rgops_dwarf::Charge;
use rgops_protocol::reply::pprof_heap::Estimate;

use super::chance::at_least_heads;
use super::grown::{Grown, Growth, NoGrowth};
use super::work::Work;
use crate::budget::Exhausted;
use crate::heap::gather::{Heap, Live, Snapshot};
use crate::symbols::own_frame;

/// Maximum probability that chance alone puts any line on the list.
const LEVEL: f64 = 0.05;
/// Fewer changes cannot reach [`LEVEL`]: 1/2⁵ is the first probability below it.
const MIN_CHANGES: u64 = 5;
/// Blocks younger than this share of the window are not compared.
const YOUNG_SHARE: u64 = 10;
/// Bytes charged for a line, including its results; for a stack that leads to a line; and for the changes of a stack
/// while two snapshots are compared.
const LINE_BYTES: u64 = 2048;
const STACK_BYTES: u64 = 64;
const CHANGE_BYTES: u64 = 256;
/// Blocks between two checks of the clock.
const BLOCKS_AT_A_TIME: usize = 4096;
/// A line while it is counted: sums only, independent of the number of snapshots.
#[derive(Default)]
pub(super) struct Line {
    /// Gains and losses: over the whole window, over its second half, and over one interval.
    whole: Change,
    second_half: Change,
    interval: Change,
    growing_intervals: usize,
    live: Estimate,
    young: Estimate,
    /// Number of stacks with a gain or a loss; the stack that grew most, and by how many bytes.
    stacks: usize,
    top: Option<(i64, Reverse<u32>)>,
}

#[derive(Clone, Copy, Default)]
struct Change {
    gained: Estimate,
    lost: Estimate,
}

/// Compares the snapshots of an answer that lists living blocks.
///
/// # Errors
/// When there are fewer than two snapshots, or no memory or time is left. The comparison has a few seconds of its
/// own, so that snapshots from before the command's deadline can still be compared.
pub fn growth(heap: &Heap) -> Result<Growth, NoGrowth> {
    let snapshots = heap.snapshots();
    let [first, .., last] = snapshots else { return Err(NoGrowth::TooFewSnapshots) };
    let window_ns = last.time_ns.saturating_sub(first.time_ns);
    let young_ns = window_ns / YOUNG_SHARE;
    let mut lines = Lines::new(heap);

    let middle = first.time_ns + window_ns / 2;
    let middle = snapshots.iter().min_by_key(|snapshot| snapshot.time_ns.abs_diff(middle)).unwrap_or(first);
    lines.add_whole(first, last, young_ns)?;
    lines.add(middle, last, young_ns, |line| &mut line.second_half)?;
    for pair in snapshots.windows(2) {
        lines.add(&pair[0], &pair[1], young_ns, |line| &mut line.interval)?;
        for line in &mut lines.lines {
            let Change { gained, lost } = std::mem::take(&mut line.interval);
            line.growing_intervals += usize::from(gained.samples > lost.samples);
        }
    }
    let (live, young) = lines.add_living(last, young_ns)?;

    let Lines { lines, work, .. } = lines;
    let compared = lines.iter().filter(|line| line.whole.samples() >= MIN_CHANGES).count();
    let level = LEVEL / compared.max(1) as f64;
    let (mut grown, mut unsure) = (Vec::new(), Vec::new());
    for line in lines {
        work.check()?;
        let (chance, second_half) = (line.whole.chance(), line.second_half.chance());
        let found = line.grown(chance);
        if chance <= level && second_half <= LEVEL && found.bytes() > 0 {
            grown.push(found);
        } else if found.bytes() > 0 {
            unsure.push(found);
        }
    }
    for list in [&mut grown, &mut unsure] {
        list.sort_by_key(|grown| (Reverse(grown.bytes()), grown.stack));
    }
    Ok(Growth { window_ns, young_ns, snapshots: snapshots.len(), grown, unsure, compared, young, live })
}

/// Blocks allocated before this moment are old at a snapshot; in the time of the snapshot.
fn before(snapshot: &Snapshot, young_ns: u64) -> i64 {
    snapshot.time_ns.cast_signed().saturating_sub(young_ns.cast_signed())
}

/// What each stack gained and lost from one snapshot to another. Its memory is released when it is dropped.
struct Changes {
    by_stack: HashMap<u32, Change>,
    charge: Charge,
    charged_stacks: usize,
}

impl Changes {
    fn new(from: &Snapshot, to: &Snapshot, young_ns: u64, work: &Work) -> Result<Changes, Exhausted> {
        let mut changes =
            Changes { by_stack: HashMap::new(), charge: Charge::none(&work.budget), charged_stacks: 0 };
        let (old_then, old_now) = (before(from, young_ns), before(to, young_ns));
        for blocks in from.live.chunks(BLOCKS_AT_A_TIME) {
            work.check()?;
            for block in blocks.iter().filter(|block| block.birth_ns <= old_then) {
                let change = changes.by_stack.entry(block.stack).or_default();
                change.lost = change.lost.plus(block.estimate());
            }
            changes.charge()?;
        }
        for blocks in to.live.chunks(BLOCKS_AT_A_TIME) {
            work.check()?;
            for block in blocks.iter().filter(|block| block.birth_ns <= old_now) {
                let change = changes.by_stack.entry(block.stack).or_default();
                if block.birth_ns <= old_then {
                    // It was live and still is. It may be missing in the earlier list if that was truncated.
                    change.lost = change.lost.minus_at_most(block.estimate());
                } else {
                    change.gained = change.gained.plus(block.estimate());
                }
            }
            changes.charge()?;
        }
        Ok(changes)
    }

    /// Charges the new stacks: at most [`BLOCKS_AT_A_TIME`].
    fn charge(&mut self) -> Result<(), Exhausted> {
        let new = self.by_stack.len() - self.charged_stacks;
        self.charge.grow(CHANGE_BYTES.saturating_mul(new as u64))?;
        self.charged_stacks = self.by_stack.len();
        Ok(())
    }
}

/// Subtraction that saturates.
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
    fn add(&mut self, other: Change) {
        (self.gained, self.lost) = (self.gained.plus(other.gained), self.lost.plus(other.lost));
    }

    fn samples(&self) -> u64 {
        self.gained.samples + self.lost.samples
    }

    /// The probability of at least this many gains among all changes, if gains and losses are equally likely.
    fn chance(&self) -> f64 {
        at_least_heads(self.gained.samples, self.samples())
    }
}

impl Line {
    fn grown(self, chance: f64) -> Grown {
        Grown {
            stack: self.top.map_or(0, |(_, Reverse(stack))| stack),
            stacks: self.stacks,
            gained: self.whole.gained,
            lost: self.whole.lost,
            live: self.live,
            young: self.young,
            confidence: 1.0 - chance,
            growing_intervals: self.growing_intervals,
        }
    }
}

/// One place: a line of the program's own code, or a stack if no line is known.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Site {
    Line { function: std::sync::Arc<str>, file: Option<std::sync::Arc<str>>, line: Option<u32> },
    Stack(u32),
}

/// All lines with blocks, and the index of each.
struct Lines<'h> {
    heap: &'h Heap,
    work: Work,
    lines: Vec<Line>,
    by_site: HashMap<Site, usize>,
    by_stack: HashMap<u32, usize>,
}

impl Lines<'_> {
    fn new(heap: &Heap) -> Lines<'_> {
        let work = Work::new(&heap.process.budget);
        Lines { heap, work, lines: Vec::new(), by_site: HashMap::new(), by_stack: HashMap::new() }
    }

    /// The line that a stack belongs to.
    fn of(&mut self, stack: u32) -> Result<&mut Line, Exhausted> {
        let number = match self.by_stack.get(&stack) {
            Some(number) => *number,
            None => self.add_stack(stack)?,
        };
        if number == self.lines.len() {
            self.lines.push(Line::default());
        }
        Ok(&mut self.lines[number])
    }

    fn add_stack(&mut self, stack: u32) -> Result<usize, Exhausted> {
        self.work.check()?;
        self.work.budget.charge(STACK_BYTES)?;
        let own = own_frame(self.heap.frames(stack));
        let site = own.and_then(|frame| {
            let function = frame.function.clone()?;
            Some(Site::Line { function, file: frame.file.clone(), line: frame.line })
        });
        let site = site.unwrap_or(Site::Stack(stack));
        let number = match self.by_site.get(&site) {
            Some(number) => *number,
            None => {
                self.work.budget.charge(LINE_BYTES)?;
                self.by_site.insert(site, self.lines.len());
                self.lines.len()
            }
        };
        self.by_stack.insert(stack, number);
        Ok(number)
    }

    /// Adds the gains and losses of the lines from one snapshot to another to their sum `of`.
    fn add(
        &mut self,
        from: &Snapshot,
        to: &Snapshot,
        young_ns: u64,
        of: impl Fn(&mut Line) -> &mut Change,
    ) -> Result<(), Exhausted> {
        for (stack, change) in &Changes::new(from, to, young_ns, &self.work)?.by_stack {
            of(self.of(*stack)?).add(*change);
        }
        Ok(())
    }

    /// The same for the whole window, which also counts the stacks.
    fn add_whole(&mut self, first: &Snapshot, last: &Snapshot, young_ns: u64) -> Result<(), Exhausted> {
        for (stack, change) in &Changes::new(first, last, young_ns, &self.work)?.by_stack {
            let line = self.of(*stack)?;
            line.whole.add(*change);
            line.stacks += 1;
            let bytes = change.gained.bytes.wrapping_sub(change.lost.bytes).cast_signed();
            line.top = line.top.max(Some((bytes, Reverse(*stack))));
        }
        Ok(())
    }

    /// Adds the blocks that are live at the end: all of them, and the young ones.
    fn add_living(&mut self, last: &Snapshot, young_ns: u64) -> Result<(Estimate, Estimate), Exhausted> {
        let (mut live, mut young) = (Estimate::default(), Estimate::default());
        let old = before(last, young_ns);
        for blocks in last.live.chunks(BLOCKS_AT_A_TIME) {
            self.work.check()?;
            for block in blocks {
                let estimate = block.estimate();
                let of_young = if block.birth_ns > old { estimate } else { Estimate::default() };
                (live, young) = (live.plus(estimate), young.plus(of_young));
                let line = self.of(block.stack)?;
                (line.live, line.young) = (line.live.plus(estimate), line.young.plus(of_young));
            }
        }
        Ok((live, young))
    }
}

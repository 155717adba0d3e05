//! The answer of `pprof-heap` while it arrives: stacks with names, sums, snapshots.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_protocol::reply::pprof_heap::{
    Estimate, HeapBucket, HeapCounters, HeapSource, HeapStack, HeapStart, LiveBlock, PprofHeapPart,
};
use rgops_protocol::reply::{End, Note};
use rgops_protocol::request::PprofHeapRequest;

use super::refused::Refused;
use super::snapshot::{Live, Snapshot};
use super::sums::Sums;
use crate::budget::{Budget, Exhausted};
use crate::heap::frames::is_left_out;
use crate::heap::jemalloc::{self, DumpError};
use crate::profile::{FRAME_BYTES, Locations, Process, STACK_BYTES};
use crate::symbols::{Frame, ModuleSymbols};

/// Limits on the part of an answer that is kept. A real program has a few thousand stacks and tens of thousands of sampled
/// blocks; an agent that keeps sending more must not fill our memory.
const MAX_KEPT_FRAMES: usize = 32 * 1024 * 1024;
const MAX_KEPT_BLOCKS: usize = 8 * 1024 * 1024;
const MAX_DUMP_BYTES: usize = 256 * 1024 * 1024;

/// Maximum snapshots of an answer to an unknown request.
const MAX_SNAPSHOTS: u64 = 64;
/// Shortest time between two snapshots of the agent, in milliseconds.
const MIN_INTERVAL_MS: u64 = 100;

/// Bytes charged for the sums of a stack, including those of the first snapshot; for a live block; for a snapshot;
/// and for each byte of a dump while it is read.
const SUMS_BYTES: u64 = 512;
const BLOCK_BYTES: u64 = 96;
const SNAPSHOT_BYTES: u64 = 512;
const DUMP_FACTOR: u64 = 12;

/// A heap profile that is being collected.
#[derive(Debug)]
pub struct Heap {
    refused: Option<Refused>,
    /// Maximum snapshots, including those that did not arrive.
    max_snapshots: u64,
    begun_snapshots: u64,
    with_blocks: bool,
    pub(crate) process: Process,
    pub(crate) notes: Vec<Note>,
    pub(crate) locations: Locations,
    start: Option<HeapStart>,
    stacks: HashMap<u32, NamedStack>,
    /// Sums since sampling started: current ones, and those at the first snapshot.
    sums: HashMap<u32, Sums>,
    first_sums: Option<HashMap<u32, Sums>>,
    opened: Option<Opened>,
    snapshots: Vec<Snapshot>,
    dump_ids: HashMap<Vec<u64>, u32>,
    has_allocated: bool,
    dump_error: Option<DumpError>,
    kept_frames: usize,
    kept_blocks: usize,
    /// Number of stacks and blocks that were not kept because of the limits above.
    not_kept: u64,
}

/// A stack without the omitted frames.
#[derive(Debug, Default)]
struct NamedStack {
    locations: Box<[u64]>,
    /// The functions at each address, and the number of innermost ones that are omitted.
    frames: Vec<(Arc<[Frame]>, usize)>,
}

/// A snapshot that is being received.
#[derive(Debug, Default)]
struct Opened {
    time_ns: u64,
    live: Vec<Live>,
    dump: Vec<u8>,
    charged_bytes: u64,
}

impl Heap {
    /// An empty profile of a process. See [`Heap::asked`].
    pub fn new(process: Process) -> Heap {
        Heap {
            refused: None,
            max_snapshots: MAX_SNAPSHOTS,
            begun_snapshots: 0,
            with_blocks: true,
            locations: Locations::new(&process),
            process,
            notes: Vec::new(),
            start: None,
            stacks: HashMap::new(),
            sums: HashMap::new(),
            first_sums: None,
            opened: None,
            snapshots: Vec::new(),
            dump_ids: HashMap::new(),
            has_allocated: true,
            dump_error: None,
            kept_frames: 0,
            kept_blocks: 0,
            not_kept: 0,
        }
    }

    /// The same profile, for the answer to `request`: parts that were not requested are refused.
    #[must_use]
    pub fn asked(mut self, request: &PprofHeapRequest) -> Heap {
        let PprofHeapRequest { duration_ms, interval_ms, live } = *request;
        self.max_snapshots = match interval_ms {
            _ if duration_ms == 0 => 1,
            0 => 2,
            interval => duration_ms.div_ceil(u64::from(interval).max(MIN_INTERVAL_MS)).saturating_add(1),
        };
        self.with_blocks = live;
        self
    }

    /// Takes the next part of the answer. Ignored after a part was refused.
    pub fn add(&mut self, part: PprofHeapPart) {
        if self.refused.is_some() {
            return;
        }
        self.refused = self.take(part).err();
        // An incomplete snapshot is not useful.
        if self.refused.is_some()
            && let Some(opened) = self.opened.take()
        {
            self.process.budget.release(opened.charged_bytes);
        }
    }

    /// The budget that is charged for everything kept.
    pub fn budget(&self) -> &Budget {
        &self.process.budget
    }

    /// Why a part was refused.
    pub fn refused(&self) -> Option<Refused> {
        self.refused
    }

    fn take(&mut self, part: PprofHeapPart) -> Result<(), Refused> {
        match part {
            PprofHeapPart::Start(start) => self.start = Some(start),
            PprofHeapPart::Modules(modules) => self.locations.set_modules(&modules)?,
            PprofHeapPart::Stacks(stacks) => stacks.iter().try_for_each(|stack| self.add_stack(stack))?,
            PprofHeapPart::Snapshot(_) if self.begun_snapshots >= self.max_snapshots => {
                return Err(Refused::NotAsked("snapshots"));
            }
            PprofHeapPart::Live(_) if !self.with_blocks => return Err(Refused::NotAsked("blocks")),
            PprofHeapPart::Snapshot(snapshot) => {
                self.begun_snapshots += 1;
                self.opened = Some(Opened { time_ns: snapshot.time_ns, ..Opened::default() });
            }
            PprofHeapPart::Buckets(buckets) => self.add_sums(&buckets)?,
            PprofHeapPart::Live(blocks) => self.add_live(&blocks)?,
            PprofHeapPart::Jemalloc(piece) => self.add_dump(&piece)?,
            PprofHeapPart::Counters(counters) => self.close(counters)?,
        }
        Ok(())
    }

    /// Takes the end of the answer, whose notes on missing parts go into the comments of the file.
    pub fn end(&mut self, end: &End) {
        self.notes.clone_from(&end.notes);
    }

    /// The source of the samples, once it has arrived.
    pub fn start(&self) -> Option<&HeapStart> {
        self.start.as_ref()
    }

    /// The complete snapshots, in order.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// Counters of the last snapshot.
    pub fn counters(&self) -> Option<&HeapCounters> {
        self.snapshots.last().map(|snapshot| &snapshot.counters)
    }

    /// Mean bytes between two samples.
    pub fn mean_bytes(&self) -> u64 {
        self.start.as_ref().map_or(0, |start| start.mean_bytes)
    }

    /// Whether freed allocations are counted; with jemalloc's profiler only if `prof_accum:true` is set.
    pub fn has_allocated(&self) -> bool {
        self.has_allocated
    }

    /// Why jemalloc's dump could not be parsed.
    pub fn dump_error(&self) -> Option<&DumpError> {
        self.dump_error.as_ref()
    }

    /// Number of stacks and blocks that were not kept because there are too many.
    pub fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// Number of samples that the agent lost, and of stacks and blocks that were not kept.
    pub fn lost(&self) -> u64 {
        self.counters().map_or(0, |counters| counters.lost).saturating_add(self.not_kept)
    }

    /// The estimate of live memory, over all stacks.
    pub fn live(&self) -> Estimate {
        self.sums.values().fold(Estimate::default(), |sum, stack| sum.plus(stack.live()))
    }

    /// Which names each module on the stacks provides, and why not more.
    pub fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.locations.module_symbols()
    }

    /// The frames of a stack, leaf first, without those of the allocator.
    pub fn frames(&self, stack: u32) -> impl Iterator<Item = &Frame> {
        let frames = self.stacks.get(&stack).map_or(&[][..], |stack| &stack.frames);
        frames.iter().flat_map(|(frames, left_out)| &frames[*left_out..])
    }

    /// The sums of each stack: since sampling started, or over the window between the first and the last snapshot.
    /// In the order of stack numbers.
    pub(crate) fn sums(&self, is_window: bool) -> Vec<(u32, Sums)> {
        let first = |stack: &u32| match (&self.first_sums, is_window) {
            (Some(first), true) => first.get(stack).copied().unwrap_or_default(),
            // Without a first snapshot, the window is unknown.
            (None, true) => self.sums.get(stack).copied().unwrap_or_default(),
            (_, false) => Sums::default(),
        };
        let mut sums: Vec<_> =
            self.sums.iter().map(|(stack, now)| (*stack, now.since(first(stack)))).collect();
        sums.sort_unstable_by_key(|(stack, _)| *stack);
        sums
    }

    /// The locations of a stack, leaf first.
    pub(crate) fn locations_of(&self, stack: u32) -> &[u64] {
        self.stacks.get(&stack).map_or(&[][..], |stack| &stack.locations)
    }

    fn add_stack(&mut self, stack: &HeapStack) -> Result<(), Exhausted> {
        self.name(stack.id, &stack.stack.frames)
    }

    fn name(&mut self, id: u32, addresses: &[u64]) -> Result<(), Exhausted> {
        if self.stacks.contains_key(&id) {
            return Ok(());
        }
        if self.kept_frames + addresses.len() + 1 > MAX_KEPT_FRAMES {
            self.not_kept += 1;
            return Ok(());
        }
        self.process.budget.check_time()?;
        self.process.budget.charge(STACK_BYTES + FRAME_BYTES.saturating_mul(addresses.len() as u64))?;
        self.kept_frames += addresses.len() + 1;
        // Every address is a return address: the leaf is the caller of the allocator.
        let mut frames: Vec<(Arc<[Frame]>, usize)> =
            addresses.iter().map(|avma| (self.locations.frames(*avma, true), 0)).collect();
        let mut begin = 0;
        for (position, (functions, left_out)) in frames.iter_mut().enumerate() {
            *left_out = functions.iter().take_while(|frame| is_left_out(frame)).count();
            begin = position;
            if *left_out < functions.len() {
                break;
            }
        }
        // If all frames would be omitted, all are shown, as in Go.
        if frames.get(begin).is_none_or(|(functions, left_out)| *left_out >= functions.len()) {
            begin = 0;
            frames.iter_mut().for_each(|(_, left_out)| *left_out = 0);
        }
        frames.drain(..begin);
        let locations = addresses[begin..]
            .iter()
            .zip(&frames)
            .map(|(avma, (_, left_out))| self.locations.without_innermost(*avma, true, *left_out))
            .collect::<Result<_, _>>()?;
        self.stacks.insert(id, NamedStack { locations, frames });
        Ok(())
    }

    fn add_sums(&mut self, buckets: &[HeapBucket]) -> Result<(), Exhausted> {
        for HeapBucket { stack, allocated, freed } in buckets {
            if !self.sums.contains_key(stack) {
                self.process.budget.charge(SUMS_BYTES)?;
            }
            if self.sums.len() < MAX_KEPT_BLOCKS || self.sums.contains_key(stack) {
                self.sums.insert(*stack, Sums { allocated: *allocated, freed: *freed });
            } else {
                self.not_kept += 1;
            }
        }
        Ok(())
    }

    fn add_live(&mut self, blocks: &[LiveBlock]) -> Result<(), Exhausted> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let bytes = BLOCK_BYTES.saturating_mul(blocks.len() as u64);
        self.process.budget.charge(bytes)?;
        opened.charged_bytes = opened.charged_bytes.saturating_add(bytes);
        let room = MAX_KEPT_BLOCKS.saturating_sub(self.kept_blocks).min(blocks.len());
        self.kept_blocks += room;
        self.not_kept += (blocks.len() - room) as u64;
        let now = i64::try_from(opened.time_ns).unwrap_or(i64::MAX);
        opened.live.extend(blocks[..room].iter().map(|block| Live {
            stack: block.stack,
            birth_ns: now.saturating_sub(i64::try_from(block.age_ns).unwrap_or(i64::MAX)),
            size_bytes: block.size_bytes,
            mean_bytes: block.mean_bytes,
        }));
        Ok(())
    }

    fn add_dump(&mut self, piece: &[u8]) -> Result<(), Exhausted> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let bytes = DUMP_FACTOR.saturating_mul(piece.len() as u64);
        self.process.budget.charge(bytes)?;
        opened.charged_bytes = opened.charged_bytes.saturating_add(bytes);
        if opened.dump.len() + piece.len() > MAX_DUMP_BYTES {
            self.dump_error = Some(DumpError::TooLarge);
        } else {
            opened.dump.extend_from_slice(piece);
        }
        Ok(())
    }

    fn close(&mut self, counters: HeapCounters) -> Result<(), Exhausted> {
        let Some(Opened { time_ns, live, dump, .. }) = self.opened.take() else { return Ok(()) };
        self.process.budget.charge(SNAPSHOT_BYTES)?;
        let is_jemalloc = self.start.as_ref().is_some_and(|start| start.source == HeapSource::Jemalloc);
        if is_jemalloc && self.dump_error.is_none() {
            match jemalloc::parse(&String::from_utf8_lossy(&dump)) {
                Ok(dump) => self.take_dump(dump)?,
                Err(error) => self.dump_error = Some(error),
            }
        }
        if self.first_sums.is_none() {
            self.first_sums = Some(self.sums.clone());
        }
        self.snapshots.push(Snapshot { time_ns, counters, live });
        Ok(())
    }

    fn take_dump(&mut self, dump: jemalloc::Dump) -> Result<(), Exhausted> {
        let mut modules = dump.modules;
        // jemalloc does not report build-ids; the agent's hello has that of the executable.
        let program = modules.iter().position(|module| !module.path.contains(".so"));
        if let Some(program) = program {
            modules[program].build_id.clone_from(&self.process.build_id);
        }
        self.locations.set_modules(&modules)?;
        self.has_allocated = dump.has_allocated;
        if let Some(start) = &mut self.start {
            start.mean_bytes = dump.mean_bytes;
        }
        // A stack without live blocks is no longer in a dump.
        if !dump.has_allocated {
            self.sums.clear();
        }
        for stack in dump.stacks {
            let next = self.dump_ids.len() as u32 + 1;
            let id = *self.dump_ids.entry(stack.frames.clone()).or_insert(next);
            self.name(id, &stack.frames)?;
            let allocated = if dump.has_allocated { stack.allocated } else { stack.live };
            self.process.budget.charge(SUMS_BYTES)?;
            self.sums.insert(id, Sums { allocated, freed: allocated.minus(stack.live) });
        }
        Ok(())
    }
}

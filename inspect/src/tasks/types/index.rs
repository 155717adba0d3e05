//! What one pass over all entries finds: poll functions, vtables, namespaces and Tokio's own types.
//! Everything else is read when it is asked for.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::dwarf::{EntryId, Part};
use super::scan::{TOO_LONG, scan_unit};
use crate::budget::Exhausted;
use crate::dwarf::{Fault, SplitFiles};
use crate::files::Charge;

/// Entries by what they are looked up by.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// Poll functions of Tokio's tasks by their address, sorted.
    pub(super) polls: Vec<(u64, EntryId)>,
    /// Types of vtables by the vtables' addresses, sorted.
    pub(super) vtables: Vec<(u64, EntryId)>,
    /// Namespaces by where they begin, sorted; they nest.
    pub(super) scopes: Vec<Scope>,
    /// Tokio's own types by the hash of their path, sorted.
    pub(super) named: Vec<(u64, EntryId)>,
    /// A function with a mangled name in each `{impl#N}`, by the hash of that path, sorted.
    pub(super) owners: Vec<(u64, EntryId)>,
    /// What is awaited, as locals of async functions, by the hash of the function's path, sorted.
    pub(super) awaits: Vec<(u64, EntryId)>,
    /// Coroutines whose states are described.
    pub(super) coroutines: u64,
    /// Units that could not be read to their end, split-off ones that are missing included.
    pub(super) unread: u64,
    /// Why the first of them could not.
    pub(super) unread_reason: String,
    /// What would make them readable.
    pub(super) remedy: Remedy,
    /// Poll functions that are only declared, while scanning.
    pub(super) poll_declarations: Vec<EntryId>,
    /// Functions that are described elsewhere, while scanning.
    pub(super) copies: Vec<FunctionCopy>,
}

/// What would make units readable that were left out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    #[default]
    Nothing,
    /// More of what the command may take.
    Limit(Exhausted),
    /// The files that they were split into.
    SplitFiles,
}

impl Remedy {
    /// Where it is not a file of split debug information that is missing.
    pub(super) fn of(why: &Fault) -> Remedy {
        match why {
            Fault::Exhausted(limit) => Remedy::Limit(*limit),
            Fault::Damaged(_) | Fault::Refused(_) => Remedy::Nothing,
        }
    }
}

/// A function whose name and parameters another entry has: its declaration, or what it is an
/// instance of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FunctionCopy {
    /// Its address, if it has code.
    pub(super) address: Option<u64>,
    pub(super) id: EntryId,
    pub(super) origin: EntryId,
}

/// A namespace: entries from `start` up to `end` are in it, and in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) start: EntryId,
    pub(super) end: u64,
    /// Index of the namespace it is in, always a smaller one.
    pub(super) parent: Option<u32>,
}

/// How far a scan has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanProgress {
    /// Bytes of debug information that were read.
    pub done_bytes: u64,
    /// All bytes of it.
    pub total_bytes: u64,
}

/// A scan says how far it is when it takes longer than this.
const FIRST_REPORT: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// A scan is given up after this and so many bytes a second: ten times slower than a slow machine
/// reads. What it found until then is used.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: u64 = 2 << 20;

/// More threads than this wait for memory, not for each other.
const MOST_THREADS: usize = 8;

/// So many are scanned in ten milliseconds, without threads.
const FEW_BYTES: u64 = 1 << 20;

impl Index {
    /// Scans all units, several at a time.
    pub(super) fn scan(
        main: &Part,
        split: &SplitFiles,
        charge: &mut Charge,
        progress: &dyn Fn(ScanProgress),
    ) -> Index {
        let total_bytes: u64 = main.units.iter().map(|unit| unit.end - unit.start).sum();
        let scan = Scanning {
            main,
            split,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            left_out: Mutex::default(),
        };
        let started = Instant::now();
        let give_up = GIVE_UP_AFTER + Duration::from_secs(total_bytes / SLOWEST_BYTES_PER_SECOND);
        let next_report = Cell::new(FIRST_REPORT);
        let look_at_the_clock = || {
            let elapsed = started.elapsed();
            if elapsed > next_report.get() {
                progress(ScanProgress { done_bytes: scan.done.load(Ordering::Relaxed), total_bytes });
                next_report.set(elapsed + REPORT_EVERY);
            }
            if elapsed > give_up {
                scan.stop.store(true, Ordering::Relaxed);
            }
        };
        let mut parts: Vec<Scanned> = Vec::new();
        if total_bytes < FEW_BYTES {
            parts.extend(scan.units().inspect(|_| look_at_the_clock()));
        } else {
            scan.with_threads(&mut parts, look_at_the_clock);
        }
        // In the order of units, so that the same file always gives the same index.
        parts.sort_unstable_by_key(|scanned| scanned.number);
        let mut whole = Index::default();
        for scanned in parts {
            whole.append(scanned.found);
            charge.absorb(scanned.charge);
        }
        let left_out = scan.left_out.into_inner().unwrap_or_else(PoisonError::into_inner);
        whole.leave_out(left_out.units, &left_out.reason, left_out.remedy);
        if let Some(why) = &main.unlisted {
            whole.leave_out(1, &why.to_string(), Remedy::of(why));
        }
        // It is sorted without a look at the clock, and nobody uses it afterwards.
        if let Err(limit) = main.work.budget().check_time() {
            whole = Index::default();
            whole.leave_out(main.units.len() as u64, &limit.to_string(), Remedy::Limit(limit));
        }
        whole.resolve_copies();
        whole.sort();
        charge.shrink_to(whole.bytes());
        whole
    }

    /// What it takes in memory, and once more while its parts become one.
    pub(super) fn bytes(&self) -> u64 {
        let pairs = [&self.polls, &self.vtables, &self.named, &self.owners, &self.awaits];
        let pairs = pairs.iter().map(|list| list.len()).sum::<usize>() + self.poll_declarations.len();
        let scopes = self.scopes.len() * size_of::<Scope>();
        let copies = self.copies.len() * size_of::<FunctionCopy>();
        2 * (pairs * size_of::<(u64, EntryId)>() + scopes + copies) as u64
    }

    fn append(&mut self, part: Index) {
        let moved = self.scopes.len() as u32;
        let scopes = part.scopes.iter();
        self.scopes.extend(scopes.map(|scope| Scope { parent: scope.parent.map(|at| at + moved), ..*scope }));
        self.polls.extend(part.polls);
        self.vtables.extend(part.vtables);
        self.named.extend(part.named);
        self.owners.extend(part.owners);
        self.awaits.extend(part.awaits);
        self.poll_declarations.extend(part.poll_declarations);
        self.copies.extend(part.copies);
        self.coroutines += part.coroutines;
        self.leave_out(part.unread, &part.unread_reason, part.remedy);
    }

    /// Counts units that are not read, or not to their end. The reason of the first is kept, or of the first
    /// for which there is a remedy.
    fn leave_out(&mut self, units: u64, reason: &str, remedy: Remedy) {
        self.unread += units;
        let is_better = self.remedy == Remedy::Nothing && remedy != Remedy::Nothing;
        if (self.unread_reason.is_empty() || is_better) && units > 0 {
            reason.clone_into(&mut self.unread_reason);
            self.remedy = remedy;
        }
    }

    /// Finds the poll functions among the copies: under LTO they are described in another unit.
    fn resolve_copies(&mut self) {
        let mut known: HashSet<EntryId> = self.poll_declarations.drain(..).collect();
        let copies = std::mem::take(&mut self.copies);
        // A copy of a declaration may be copied once more: declared, abstract, concrete.
        for _ in 0..2 {
            let abstracts = copies.iter().filter(|copy| copy.address.is_none());
            let more: Vec<_> =
                abstracts.filter(|copy| known.contains(&copy.origin)).map(|copy| copy.id).collect();
            known.extend(more);
        }
        for copy in copies {
            if let Some(address) = copy.address.filter(|_| known.contains(&copy.origin)) {
                self.polls.push((address, copy.id));
            }
        }
    }

    fn sort(&mut self) {
        // By address or hash first, so that what a key has is a range; then by place in the file.
        self.polls.sort_unstable();
        self.polls.dedup();
        self.vtables.sort_unstable();
        self.vtables.dedup();
        self.named.sort_unstable();
        self.named.dedup_by_key(|(hash, _)| *hash);
        self.owners.sort_unstable();
        self.owners.dedup_by_key(|(hash, _)| *hash);
        self.awaits.sort_unstable();
        // Parents are numbers of places in this list, and split-off parts are scanned in between.
        let mut order: Vec<u32> = (0..self.scopes.len() as u32).collect();
        order.sort_by_key(|at| self.scopes[*at as usize].start);
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old as usize] = new as u32;
        }
        let sorted = order.iter().map(|old| {
            let scope = self.scopes[*old as usize];
            Scope { parent: scope.parent.map(|at| place[at as usize]), ..scope }
        });
        self.scopes = sorted.collect();
    }

    /// The innermost namespace an entry is in.
    pub(super) fn scope_of(&self, id: EntryId) -> Option<u32> {
        let after = self.scopes.partition_point(|scope| scope.start < id);
        let mut at = (after as u32).checked_sub(1)?;
        loop {
            let scope = self.scopes[at as usize];
            if id.0 < scope.end {
                return Some(at);
            }
            // Smaller every time, so this ends.
            at = scope.parent?;
        }
    }
}

/// What is kept of a unit while others are scanned, in a list that doubles and in a queue.
const SCANNED_BYTES: u64 = 3 * size_of::<Scanned>() as u64;

/// What was found in a unit.
struct Scanned {
    number: usize,
    found: Index,
    charge: Charge,
}

/// A scan that several threads do.
struct Scanning<'a> {
    main: &'a Part,
    split: &'a SplitFiles,
    next: AtomicUsize,
    done: AtomicU64,
    stop: AtomicBool,
    left_out: Mutex<LeftOut>,
}

/// Units that nobody looked into, and why the first was left out.
#[derive(Default)]
struct LeftOut {
    units: u64,
    reason: String,
    remedy: Remedy,
}

impl Scanning<'_> {
    fn with_threads(&self, parts: &mut Vec<Scanned>, look_at_the_clock: impl Fn()) {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let (sender, finished) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..threads.min(self.main.units.len()) {
                let sender = sender.clone();
                scope.spawn(move || self.units().all(|part| sender.send(part).is_ok()));
            }
            drop(sender);
            loop {
                match finished.recv_timeout(REPORT_EVERY) {
                    Ok(part) => parts.push(part),
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                }
                look_at_the_clock();
            }
        });
    }

    /// Scans units that no other thread has taken, until there are none.
    fn units(&self) -> impl Iterator<Item = Scanned> + '_ {
        std::iter::from_fn(|| {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let unit = self.main.units.get(number)?;
            let mut charge = match self.admit() {
                Ok(charge) => charge,
                Err(why) => {
                    self.leave_out_from(number, &why);
                    return None;
                }
            };
            let found = scan_unit(self.main, self.split, number, &mut charge, &self.stop);
            self.done.fetch_add(unit.end - unit.start, Ordering::Relaxed);
            Some(Scanned { number, found, charge })
        })
    }

    /// Whether another unit may be looked into; with what is charged for that.
    fn admit(&self) -> Result<Charge, Fault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Fault::refused(TOO_LONG));
        }
        self.main.work.spend(1)?;
        Ok(Charge::new(self.main.work.budget(), SCANNED_BYTES)?)
    }

    /// Leaves out a unit and all that no thread has taken.
    fn leave_out_from(&self, number: usize, why: &Fault) {
        let all = self.main.units.len();
        let next = self.next.swap(all, Ordering::Relaxed).min(all);
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        // What is between the two, other threads have taken.
        left_out.units += 1 + (all - next.max(number + 1)) as u64;
        if left_out.reason.is_empty() {
            (left_out.reason, left_out.remedy) = (why.to_string(), Remedy::of(why));
        }
    }
}

/// Entries with the same key that are looked at: functions or vtables that the linker merged, awaits of one
/// function.
const MOST_WITH_A_KEY: usize = 4096;

/// Entries with a key, in a list sorted by keys.
pub(super) fn entries_of(list: &[(u64, EntryId)], key: u64) -> impl Iterator<Item = EntryId> + '_ {
    let from = list.partition_point(|(known, _)| *known < key);
    list[from..].iter().take_while(move |(known, _)| *known == key).map(|(_, id)| *id).take(MOST_WITH_A_KEY)
}

/// The hash of a path, the same in every run: FNV-1a.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathHash(u64);

impl PathHash {
    pub(super) fn new() -> PathHash {
        PathHash(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(self, bytes: &[u8]) -> PathHash {
        let mixed = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        PathHash(bytes.iter().fold(self.0, mixed))
    }

    /// The hash of `path::name`, continued from that of `path`.
    pub(super) fn join(self, name: &[u8]) -> PathHash {
        let is_first = self.0 == PathHash::new().0;
        if is_first { self.add(name) } else { self.add(b"::").add(name) }
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }
}

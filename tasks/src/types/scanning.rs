//! The pass over all units of a module on several threads; each unit is scanned by one of them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rgops_dwarf::{Charge, Fault, LeftOut, Part, Remedy, SplitFiles};

use crate::types::index::Index;
use crate::types::scan::{TOO_LONG, scan_unit};

/// Progress of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanProgress {
    /// Bytes of debug information that were read.
    pub done_bytes: u64,
    /// All bytes of the debug information.
    pub total_bytes: u64,
}

/// A scan reports progress when it takes longer than this.
const FIRST_REPORT: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Time limit of a scan, in addition to this many bytes per second: ten times slower than a slow machine. The
/// results up to then are used.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: u64 = 2 << 20;

/// More threads do not help: memory bandwidth is then the limit.
const MAX_THREADS: usize = 8;

/// Below this size a scan takes at most ten milliseconds and uses no threads.
const FEW_BYTES: u64 = 1 << 20;

/// Scans all units on several threads.
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
    let check_the_clock = || {
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
        parts.extend(scan.units().inspect(|_| check_the_clock()));
    } else {
        scan.with_threads(&mut parts, check_the_clock);
    }
    // In the order of units, so that the same file always gives the same index.
    parts.sort_unstable_by_key(|scanned| scanned.number);
    let mut whole = Index::default();
    for scanned in parts {
        whole.append(scanned.found);
        charge.absorb(scanned.charge);
    }
    let left_out = scan.left_out.into_inner().unwrap_or_else(PoisonError::into_inner);
    whole.left_out.append(&left_out);
    if let Some(why) = &main.unlisted {
        whole.left_out.add(why);
    }
    // Sorting does not check the clock, and after the deadline the index is not used.
    if let Err(limit) = main.work.budget().check_time() {
        whole = Index::default();
        whole.left_out.add_units(main.units.len() as u64, &limit.to_string(), Remedy::Limit(limit));
    }
    whole.resolve_copies();
    whole.sort();
    charge.shrink_to(whole.bytes());
    whole
}

/// Memory kept of a unit while others are scanned, in a queue and in a list that may have twice the capacity
/// that it needs.
const SCANNED_BYTES: u64 = 3 * size_of::<Scanned>() as u64;

/// The results of a unit.
struct Scanned {
    number: usize,
    found: Index,
    charge: Charge,
}

/// A scan shared by several threads.
struct Scanning<'a> {
    main: &'a Part,
    split: &'a SplitFiles,
    next: AtomicUsize,
    done: AtomicU64,
    stop: AtomicBool,
    left_out: Mutex<LeftOut>,
}

impl Scanning<'_> {
    fn with_threads(&self, parts: &mut Vec<Scanned>, check_the_clock: impl Fn()) {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
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
                check_the_clock();
            }
        });
    }

    /// Scans units that no other thread has taken, until none are left.
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

    /// Whether another unit may be scanned; returns its charge.
    fn admit(&self) -> Result<Charge, Fault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Fault::refused(TOO_LONG));
        }
        self.main.work.spend(1)?;
        Ok(Charge::new(self.main.work.budget(), SCANNED_BYTES)?)
    }

    /// Leaves out a unit and all units that no thread has taken.
    fn leave_out_from(&self, number: usize, why: &Fault) {
        let all = self.main.units.len();
        let next = self.next.swap(all, Ordering::Relaxed).min(all);
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        // Other threads have taken the units between the two.
        let units = 1 + (all - next.max(number + 1)) as u64;
        left_out.add_units(units, &why.to_string(), Remedy::of(why));
    }
}

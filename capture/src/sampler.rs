//! The CPU sampler: arms a timer for every thread, takes samples out, accounts for the clocks.

mod silent;
mod thread;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuTotals};
use rgops_protocol::reply::{Stack, StackEnd};
use std::sync::atomic::Ordering;

pub use super::Tick;
use super::modules::Modules;
use super::operation::{Claim, Operation};
use super::timers::CpuTimer;
use super::{EngineError, clock, left_alone, system};
use crate::procfs;
pub use silent::Silent;
use thread::{Armed, Ear, Finished, Sampled, Timer, look_at};

/// Threads that begin are found after at most this long.
const SCAN_INTERVAL: Duration = Duration::from_millis(50);
/// A scan may take one part in so many of the time: with 8000 threads it takes 10 ms.
const SCAN_SHARE: u32 = 20;
/// Loaded and unloaded objects are looked for this often, and at once when an address is unknown or
/// one of them is not in its place any more.
const MODULES_INTERVAL: Duration = Duration::from_secs(1);
/// Words of the ring: 2 MiB, of which only what is used is taken from the system.
const RING_WORDS: usize = 1 << 18;
/// And at least so many for each CPU: 50 signals (a tick at 1000 a second) of 100 frames.
const RING_WORDS_PER_CPU: usize = 1 << 13;

/// What a profile lacks because of the stacks threads run on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cuts {
    /// Samples without callers: nothing was known of their stack.
    pub unknown_stacks: u64,
    /// Threads that were left alone.
    pub left_alone: u64,
}

/// What a sampler leaves.
pub struct Stopped {
    /// The last samples.
    pub samples: Vec<CpuSample>,
    /// Clocks, and how much was sampled.
    pub totals: CpuTotals,
    /// Samples that are not whole.
    pub cuts: Cuts,
    /// Why some CPU time has no samples.
    pub silent: Silent,
}

/// A running sampler. Dropping it gives everything back.
pub struct CpuSampler {
    // Timers are dropped before the operation: no signal may come after the handler.
    threads: HashMap<u32, Sampled>,
    ended: Vec<Finished>,
    operation: Operation,
    period_ns: u64,
    started: Instant,
    started_ns: u64,
    process_cpu_ns: u64,
    agent_cpu_ns: u64,
    agent_tid: u32,
    scan_due: Instant,
    modules_read: Instant,
    /// How long unknown addresses do not make us read the modules again.
    modules_pause: Duration,
    /// Samples in code that was replaced by other code before it could be told which was which.
    replaced: u64,
    modules_sent: bool,
    samples: u64,
    weight: u64,
    timer_failures: u64,
    cuts: Cuts,
    /// CPU time of threads while they had no timer, and of those that did not hear it.
    silent: Silent,
    /// Samples that were taken out of the ring before a scan, which needs to know which have come.
    drained: Vec<CpuSample>,
    scanned: Instant,
    /// What threads had used when they were found.
    found_ns: u64,
    timer_error: Option<std::io::Error>,
    random: u64,
}

impl CpuSampler {
    /// Begins to sample every thread but the calling one, `hz` times per second of its CPU time.
    /// Must be called on the agent's thread, as all other methods.
    pub fn start(hz: u32) -> Result<CpuSampler, EngineError> {
        let proc = |error| EngineError::Proc { file: "task", error };
        let agent_tid = procfs::threads::own_id().map_err(proc)?;
        let claim = Claim::take()?;
        let ring_words = RING_WORDS.max(system::cpus() * RING_WORDS_PER_CPU);
        let operation = Operation::begin(claim, Modules::read(None)?, ring_words)?;
        let now = Instant::now();
        let mut sampler = CpuSampler {
            threads: HashMap::new(),
            ended: Vec::new(),
            operation,
            period_ns: 1_000_000_000 / u64::from(hz.max(1)),
            started: now,
            started_ns: clock::monotonic_ns(),
            process_cpu_ns: clock::process_cpu_ns(),
            agent_cpu_ns: clock::own_cpu_ns(),
            agent_tid,
            scan_due: now,
            modules_read: now,
            modules_pause: Duration::ZERO,
            replaced: 0,
            modules_sent: false,
            samples: 0,
            weight: 0,
            timer_failures: 0,
            cuts: Cuts::default(),
            silent: Silent::default(),
            drained: Vec::new(),
            scanned: now,
            found_ns: 0,
            timer_error: None,
            random: clock::monotonic_ns() | 1,
        };
        sampler.scan()?;
        sampler.silent.edges_ns = clock::process_cpu_ns().saturating_sub(sampler.process_cpu_ns);
        let is_any_armed = sampler.threads.values().any(|thread| matches!(thread.timer, Timer::Running(_)));
        match sampler.timer_error.take() {
            Some(error) if !is_any_armed => Err(EngineError::Timer(error)),
            _ => Ok(sampler),
        }
    }

    /// Whether samples still come. `false` when the program installed a handler of its own:
    /// that one now gets the ticks, so the profile should end.
    pub fn is_undisturbed(&self) -> bool {
        self.operation.handler_is_ours()
    }

    /// CPU time one weight stands for, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// The moment samples' times count from, by `CLOCK_MONOTONIC`.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Takes samples out, arms new threads and looks for loaded objects when these are due. To be
    /// called every 50 ms or so.
    pub fn tick(&mut self) -> Tick {
        if Instant::now() >= self.scan_due {
            // Unreadable for a moment: the next scan makes up for it.
            let _ = self.scan();
        }
        let modules = (!self.modules_sent).then(|| self.operation.module_list());
        self.modules_sent = true;
        let elapsed = self.modules_read.elapsed();
        let is_changed = || self.operation.take_stale() || !self.operation.modules_are_in_place();
        if elapsed < MODULES_INTERVAL && (elapsed < self.modules_pause || !is_changed()) {
            return Tick { samples: self.drain(), modules, modules_after: None };
        }
        let began = Instant::now();
        let new = self.operation.refresh_modules();
        self.modules_read = Instant::now();
        // Code made at run time stays unknown: then the list is read less and less often.
        self.modules_pause = match new {
            Some(_) => began.elapsed() * SCAN_SHARE,
            None => (2 * self.modules_pause).max(SCAN_INTERVAL).min(MODULES_INTERVAL),
        };
        let mut samples = self.drain();
        let Some(new) = new else { return Tick { samples, modules, modules_after: None } };
        for sample in &mut samples {
            let is_replaced = |frame: &u64| new.replaced.iter().any(|range| range.contains(frame));
            // Neither its module nor its callers are certain.
            if let Some(at) = sample.stack.frames.iter().position(is_replaced) {
                sample.stack.frames.truncate(at + 1);
                self.replaced += u64::from(sample.stack.end != StackEnd::Lost);
                sample.stack.end = StackEnd::Lost;
            }
        }
        Tick { samples, modules: Some(new.until_now), modules_after: Some(new.from_now) }
    }

    /// Ends sampling. The last samples come with the totals.
    pub fn stop(mut self) -> Stopped {
        self.collect();
        let duration_ns = self.started.elapsed().as_nanos() as u64;
        let end_ns = clock::process_cpu_ns();
        let process_cpu_ns = end_ns.saturating_sub(self.process_cpu_ns);
        let agent_cpu_ns = clock::own_cpu_ns().saturating_sub(self.agent_cpu_ns);
        let period_ns = self.period_ns;
        let known: Vec<u32> = self.threads.keys().copied().collect();
        for tid in known {
            if let Ok(cpu_ns) = clock::thread_cpu_ns(tid) {
                self.advance(tid, cpu_ns);
            }
        }
        self.silent.edges_ns += clock::process_cpu_ns().saturating_sub(end_ns);
        self.find_begun();
        let mut finished = std::mem::take(&mut self.ended);
        finished.extend(self.threads.drain().map(|(tid, thread)| thread.finish(tid, false, period_ns)));
        self.ended = finished;
        // Timers are gone; signals still on their way are handled, or discarded, by now.
        self.operation.give_back_handler();
        self.operation.settle();
        let samples = self.drain();
        let known_ns: u64 = self.ended.iter().map(|finished| finished.known_ns(period_ns)).sum();
        // Found when they had run already: none of that is in `known_ns`.
        let found_ns = self.found_ns;
        let unarmed_ns = self.silent.attributed_ns().saturating_sub(found_ns);
        let (mut missing, mut deaf) = (0, 0);
        for finished in &self.ended {
            match finished.is_deaf {
                true => {
                    deaf += finished.missing();
                    self.silent.add_blocked(&finished.thread.name, finished.missing() * period_ns);
                }
                false => missing += finished.missing(),
            }
        }
        let unsampled_cpu_ns = process_cpu_ns
            .saturating_sub(agent_cpu_ns)
            .saturating_sub(known_ns.saturating_sub(unarmed_ns + deaf * period_ns));
        let mut silent = std::mem::take(&mut self.silent);
        silent.complete(unsampled_cpu_ns);
        let losses = self.operation.losses();
        let count = |loss: &std::sync::atomic::AtomicU64| loss.load(Ordering::Relaxed);
        let totals = CpuTotals {
            duration_ns,
            process_cpu_ns,
            agent_cpu_ns,
            unsampled_cpu_ns,
            late_cpu_ns: missing.saturating_sub(self.operation.lost_weight()) * period_ns,
            threads: self.ended.drain(..).map(|finished| finished.thread).collect(),
            samples: self.samples,
            weight: self.weight,
            dropped_ring: count(&losses.ring),
            dropped_cache: self.operation.lost_for_places(),
            truncated: count(&losses.truncated),
            lost_walks: count(&losses.lost_walks) + self.replaced,
            foreign_signals: count(&losses.foreign),
            timer_failures: self.timer_failures,
        };
        let cuts = Cuts { unknown_stacks: count(&self.operation.losses().unknown_stacks), ..self.cuts };
        Stopped { samples, totals, cuts, silent }
    }

    /// Arms threads that are new, retires those that ended, reads the clocks of the others.
    fn scan(&mut self) -> Result<(), EngineError> {
        let proc = |error| EngineError::Proc { file: "task", error };
        let (tids, _) = procfs::threads::ids().map_err(proc)?;
        let began = Instant::now();
        self.collect();
        let mut gone = Vec::new();
        let known: Vec<u32> = self.threads.keys().copied().collect();
        for tid in known {
            match clock::thread_cpu_ns(tid) {
                // A clock that went back is another thread's, with the same id.
                Ok(cpu_ns) if self.threads.get(&tid).is_some_and(|thread| cpu_ns >= thread.last_ns) => {
                    self.advance(tid, cpu_ns);
                }
                _ => gone.push(tid),
            }
        }
        for tid in gone {
            if let Some(thread) = self.threads.remove(&tid) {
                thread::retire(&mut self.ended, thread.finish(tid, true, self.period_ns));
            }
        }
        for tid in tids {
            if tid != self.agent_tid && Some(tid) != clock::companion() && !self.threads.contains_key(&tid) {
                self.begin(tid);
            }
        }
        self.scan_due = began + SCAN_INTERVAL.max(began.elapsed() * SCAN_SHARE);
        self.scanned = began;
        Ok(())
    }

    /// Takes a new reading of a thread's clock: says why what it used has no samples, and gives it a timer
    /// once it hears.
    fn advance(&mut self, tid: u32, cpu_ns: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let used_ns = cpu_ns.saturating_sub(thread.last_ns);
        thread.last_ns = thread.last_ns.max(cpu_ns);
        if used_ns == 0 {
            return;
        }
        let seen_open = match thread.timer {
            Timer::Running(_) => {
                // What was lost in the ring is missing, too; a thread that hears is not deaf.
                thread.is_deaf =
                    thread.lacks_ticks(self.period_ns) && matches!(look_at(tid), Some((_, Ear::Blocked)));
                return;
            }
            Timer::Waiting => return self.silent.waiting_ns += used_ns,
            Timer::LeftAlone { .. } => return self.silent.left_alone_ns += used_ns,
            Timer::Failed => return self.silent.untimed_ns += used_ns,
            Timer::Blocked { seen_open } => seen_open,
        };
        let ear = look_at(tid).map(|(name, ear)| {
            // A thread names itself once it runs.
            thread.name = name;
            ear
        });
        match ear {
            Some(Ear::Blocked) if !seen_open => self.silent.add_blocked(&thread.name, used_ns),
            Some(Ear::Waiting) => self.silent.waiting_ns += used_ns,
            _ => self.silent.begun_ns += used_ns,
        }
        let timer = match ear {
            Some(Ear::Open) if seen_open => self.timer(tid),
            Some(Ear::Open) => Timer::Blocked { seen_open: true },
            Some(Ear::Waiting) => Timer::Waiting,
            Some(Ear::Blocked) | None => Timer::Blocked { seen_open: false },
        };
        self.timer_failures += u64::from(matches!(timer, Timer::Failed));
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.timer = timer;
        }
    }

    /// Threads that began since the last scan have clocks that can be read.
    fn find_begun(&mut self) {
        let Ok((tids, _)) = procfs::threads::ids() else { return };
        for tid in tids {
            if tid != self.agent_tid
                && !self.threads.contains_key(&tid)
                && let Ok(cpu_ns) = clock::thread_cpu_ns(tid)
            {
                self.found(cpu_ns);
            }
        }
    }

    /// A thread was found that had used so much: since the last scan, or it was there before.
    fn found(&mut self, cpu_ns: u64) {
        let at_most = self.scanned.elapsed().as_nanos() as u64;
        if self.scanned > self.started && cpu_ns <= at_most {
            self.silent.begun_ns += cpu_ns;
            self.found_ns += cpu_ns;
        }
    }

    /// Begins to sample a thread that was not known.
    fn begin(&mut self, tid: u32) {
        let Ok(first_ns) = clock::thread_cpu_ns(tid) else { return };
        let Some((name, ear)) = look_at(tid) else { return };
        let timer = match ear {
            _ if left_alone::is_left(tid) => {
                self.cuts.left_alone += 1;
                Timer::LeftAlone { due: 0 }
            }
            Ear::Open => self.timer(tid),
            Ear::Blocked => Timer::Blocked { seen_open: false },
            Ear::Waiting => Timer::Waiting,
        };
        if matches!(timer, Timer::Failed) {
            // It may just have ended; only a thread that lives is one we fail to sample.
            if clock::thread_cpu_ns(tid).is_err() {
                return;
            }
            self.timer_failures += 1;
        }
        self.found(first_ns);
        let thread = Sampled { timer, name, first_ns, last_ns: first_ns, weight: 0, is_deaf: false };
        self.threads.insert(tid, thread);
    }

    fn timer(&mut self, tid: u32) -> Timer {
        // A random first tick makes the expected number of ticks exactly CPU time / period.
        let first_ns = 1 + self.next_random() % self.period_ns;
        let first_tick_ns = clock::thread_cpu_ns(tid).unwrap_or_default() + first_ns;
        match CpuTimer::start(tid, self.operation.signal_value(tid), self.period_ns, first_ns) {
            Ok(timer) => Timer::Running(Armed { timer, first_tick_ns }),
            Err(error) => {
                self.timer_error = Some(error);
                Timer::Failed
            }
        }
    }

    /// xorshift64 (Marsaglia 2003): spreads first ticks, nothing more.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Leaves no room in the ring.
    #[cfg(test)]
    pub(super) fn fill_ring(&self) {
        self.operation.fill_ring();
    }

    /// All samples that have come since this was last asked.
    fn drain(&mut self) -> Vec<CpuSample> {
        self.collect();
        std::mem::take(&mut self.drained)
    }

    /// Takes the samples out of the ring.
    fn collect(&mut self) {
        let mut samples = Vec::new();
        let started_ns = self.started_ns;
        let mut at_risk = BTreeSet::new();
        self.operation.drain(|record, frames| {
            if record.is_at_risk {
                at_risk.insert(record.tid);
            }
            samples.push(CpuSample {
                time_ns: record.time_ns.saturating_sub(started_ns),
                tid: record.tid,
                weight: record.weight,
                stack: Stack { frames, end: record.end },
            });
        });
        let (unrecorded, beyond) = self.operation.take_unrecorded();
        at_risk.extend(unrecorded);
        // Their timers are stopped as well; which they are is not known.
        self.cuts.left_alone += beyond;
        for tid in at_risk {
            left_alone::leave(tid);
            if let Some(thread) = self.threads.get_mut(&tid)
                && thread.leave_alone(self.period_ns)
            {
                self.cuts.left_alone += 1;
            }
        }
        for sample in &samples {
            self.samples += 1;
            self.weight += u64::from(sample.weight);
            if let Some(thread) = self.threads.get_mut(&sample.tid) {
                thread.weight += u64::from(sample.weight);
                // The ticks of a while came as one.
                if thread.is_deaf && sample.weight > 1 {
                    thread.is_deaf = false;
                    self.silent.heard_late += u64::from(sample.weight);
                }
            } else if let Some(ended) =
                self.ended.iter_mut().rev().find(|ended| ended.thread.tid == sample.tid)
            {
                ended.thread.weight += u64::from(sample.weight);
            }
        }
        self.drained.extend(samples);
    }
}

//! The sampler: starts, takes samples out of the ring, and accounts for the clocks at the end.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuTotals};
use rgops_protocol::reply::{Stack, StackEnd};
use std::sync::atomic::Ordering;

use super::thread::{Finished, Sampled, Timer};
use super::unsampled::Unsampled;
use crate::modules::Modules;
use crate::operation::{Claim, Operation};
use crate::{EngineError, Tick, clock, exempt_threads, procfs, system};

/// Threads that begin are found after at most this long.
pub(super) const SCAN_INTERVAL: Duration = Duration::from_millis(50);
/// A scan may take one part in so many of the time: with 8000 threads it takes 10 ms.
pub(super) const SCAN_SHARE: u32 = 20;
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
    pub exempt_threads: u64,
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
    pub unsampled: Unsampled,
}

/// A running sampler. Dropping it gives everything back.
pub struct CpuSampler {
    // Timers are dropped before the operation: no signal may come after the handler.
    pub(super) threads: HashMap<u32, Sampled>,
    pub(super) ended: Vec<Finished>,
    pub(super) operation: Operation,
    pub(super) period_ns: u64,
    pub(super) started: Instant,
    pub(super) started_ns: u64,
    pub(super) process_cpu_ns: u64,
    pub(super) agent_cpu_ns: u64,
    pub(super) agent_tid: u32,
    pub(super) scan_due: Instant,
    pub(super) modules_read: Instant,
    /// How long unknown addresses do not make us read the modules again.
    pub(super) modules_pause: Duration,
    /// Samples in code that was replaced by other code before it could be told which was which.
    pub(super) replaced: u64,
    pub(super) modules_sent: bool,
    pub(super) samples: u64,
    pub(super) weight: u64,
    pub(super) timer_failures: u64,
    pub(super) cuts: Cuts,
    /// CPU time of threads while they had no timer, and of those that did not hear it.
    pub(super) unsampled: Unsampled,
    /// Samples that were taken out of the ring before a scan, which needs to know which have come.
    pub(super) drained: Vec<CpuSample>,
    pub(super) scanned: Instant,
    /// What threads had used when they were found.
    pub(super) found_ns: u64,
    pub(super) timer_error: Option<std::io::Error>,
    pub(super) random: u64,
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
            unsampled: Unsampled::default(),
            drained: Vec::new(),
            scanned: now,
            found_ns: 0,
            timer_error: None,
            random: clock::monotonic_ns() | 1,
        };
        sampler.scan()?;
        sampler.unsampled.edges_ns = clock::process_cpu_ns().saturating_sub(sampler.process_cpu_ns);
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
        self.unsampled.edges_ns += clock::process_cpu_ns().saturating_sub(end_ns);
        self.find_begun();
        let mut finished = std::mem::take(&mut self.ended);
        finished.extend(self.threads.drain().map(|(tid, thread)| thread.finish(tid, false, period_ns)));
        self.ended = finished;
        // Timers are gone; signals still on their way are handled, or discarded, by now.
        self.operation.restore_handler();
        self.operation.settle();
        let samples = self.drain();
        let known_ns: u64 = self.ended.iter().map(|finished| finished.known_ns(period_ns)).sum();
        // Found when they had run already: none of that is in `known_ns`.
        let found_ns = self.found_ns;
        let unarmed_ns = self.unsampled.attributed_ns().saturating_sub(found_ns);
        let (mut missing, mut deaf) = (0, 0);
        for finished in &self.ended {
            match finished.blocks_signal {
                true => {
                    deaf += finished.missing();
                    self.unsampled.add_blocked(&finished.thread.name, finished.missing() * period_ns);
                }
                false => missing += finished.missing(),
            }
        }
        let unsampled_cpu_ns = process_cpu_ns
            .saturating_sub(agent_cpu_ns)
            .saturating_sub(known_ns.saturating_sub(unarmed_ns + deaf * period_ns));
        let mut unsampled = std::mem::take(&mut self.unsampled);
        unsampled.complete(unsampled_cpu_ns);
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
        Stopped { samples, totals, cuts, unsampled }
    }

    /// Leaves no room in the ring.
    #[cfg(test)]
    pub(crate) fn fill_ring(&self) {
        self.operation.fill_ring();
    }

    /// All samples that have come since this was last asked.
    fn drain(&mut self) -> Vec<CpuSample> {
        self.collect();
        std::mem::take(&mut self.drained)
    }

    /// Takes the samples out of the ring.
    pub(super) fn collect(&mut self) {
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
        self.cuts.exempt_threads += beyond;
        for tid in at_risk {
            exempt_threads::add(tid);
            if let Some(thread) = self.threads.get_mut(&tid)
                && thread.exempt(self.period_ns)
            {
                self.cuts.exempt_threads += 1;
            }
        }
        for sample in &samples {
            self.samples += 1;
            self.weight += u64::from(sample.weight);
            if let Some(thread) = self.threads.get_mut(&sample.tid) {
                thread.weight += u64::from(sample.weight);
                // The ticks of a while came as one.
                if thread.blocks_signal && sample.weight > 1 {
                    thread.blocks_signal = false;
                    self.unsampled.delivered_late += u64::from(sample.weight);
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

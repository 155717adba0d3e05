//! The sampler: starts, collects samples from the ring, and reconciles them with the clocks at the end.

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

/// New threads are found after at most this time.
pub(super) const SCAN_INTERVAL: Duration = Duration::from_millis(50);
/// A scan may take at most this fraction of the time, as a divisor: with 8000 threads it takes 10 ms.
pub(super) const SCAN_SHARE: u32 = 20;
/// How often the modules are read again. They are also read when an address is unknown or
/// a module was unloaded.
const MODULES_INTERVAL: Duration = Duration::from_secs(1);
/// The size of the ring in words: 2 MiB, committed by the system only as it is used.
const RING_WORDS: usize = 1 << 18;
/// The minimum per CPU: 50 signals (a tick at 1000 a second) with 100 frames each.
const RING_WORDS_PER_CPU: usize = 1 << 13;

/// What a profile lacks because of the threads' stacks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cuts {
    /// The number of samples without callers, because the bounds of the stack are unknown.
    pub unknown_stacks: u64,
    /// The number of threads exempt from signals.
    pub exempt_threads: u64,
}

/// The result of a stopped sampler.
pub struct Stopped {
    /// The last samples.
    pub samples: Vec<CpuSample>,
    /// CPU clocks and sample counts.
    pub totals: CpuTotals,
    /// Incomplete samples and threads without samples.
    pub cuts: Cuts,
    /// Why some CPU time has no samples.
    pub unsampled: Unsampled,
}

/// A running sampler. Dropping it restores everything.
pub struct CpuSampler {
    // Timers are dropped before the operation: no signal may arrive after the handler is removed.
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
    /// After the modules were read, unknown addresses do not trigger another reading for this time.
    pub(super) modules_pause: Duration,
    /// The number of samples in code that was replaced by other code, when the order is unknown.
    pub(super) replaced: u64,
    pub(super) modules_sent: bool,
    pub(super) samples: u64,
    pub(super) weight: u64,
    pub(super) timer_failures: u64,
    pub(super) cuts: Cuts,
    /// CPU time of threads without a timer, and of those that blocked the signal.
    pub(super) unsampled: Unsampled,
    /// Samples read from the ring before a scan, which needs to know the samples so far.
    pub(super) drained: Vec<CpuSample>,
    pub(super) scanned: Instant,
    /// The CPU time that new threads had used when they were found.
    pub(super) found_ns: u64,
    pub(super) timer_error: Option<std::io::Error>,
    pub(super) random: u64,
}

impl CpuSampler {
    /// Starts sampling every thread except the calling one, at `hz` times per second of its CPU time.
    /// This and all other methods must be called on the agent's thread.
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

    /// Whether samples still arrive. `false` when the program installed a handler of its own:
    /// that handler now gets the ticks, so the profile should end.
    pub fn is_undisturbed(&self) -> bool {
        self.operation.handler_is_ours()
    }

    /// The CPU time that a weight of 1 stands for, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// The origin of the samples' times, on `CLOCK_MONOTONIC`.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Returns new samples, arms new threads and refreshes the modules when these are due. To be
    /// called about every 50 ms.
    pub fn tick(&mut self) -> Tick {
        if Instant::now() >= self.scan_due {
            // If it fails, the next scan makes up for it.
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
        // Code generated at run time stays unknown, so the list is read less and less often.
        self.modules_pause = match new {
            Some(_) => began.elapsed() * SCAN_SHARE,
            None => (2 * self.modules_pause).max(SCAN_INTERVAL).min(MODULES_INTERVAL),
        };
        let mut samples = self.drain();
        let Some(new) = new else { return Tick { samples, modules, modules_after: None } };
        for sample in &mut samples {
            let is_replaced = |frame: &u64| new.replaced.iter().any(|range| range.contains(frame));
            // Neither this frame's module nor its callers are certain.
            if let Some(at) = sample.stack.frames.iter().position(is_replaced) {
                sample.stack.frames.truncate(at + 1);
                self.replaced += u64::from(sample.stack.end != StackEnd::Lost);
                sample.stack.end = StackEnd::Lost;
            }
        }
        Tick { samples, modules: Some(new.until_now), modules_after: Some(new.from_now) }
    }

    /// Ends sampling, and returns the last samples and the totals.
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
        // The timers are deleted; pending signals are handled or discarded by now.
        self.operation.restore_handler();
        self.operation.settle();
        let samples = self.drain();
        let known_ns: u64 = self.ended.iter().map(|finished| finished.known_ns(period_ns)).sum();
        // Threads that were found after they had run: this time is not in `known_ns`.
        let found_ns = self.found_ns;
        let unarmed_ns = self.unsampled.attributed_ns().saturating_sub(found_ns);
        let (mut missing, mut blocked) = (0, 0);
        for finished in &self.ended {
            match finished.blocks_signal {
                true => {
                    blocked += finished.missing();
                    self.unsampled.add_blocked(&finished.thread.name, finished.missing() * period_ns);
                }
                false => missing += finished.missing(),
            }
        }
        let unsampled_cpu_ns = process_cpu_ns
            .saturating_sub(agent_cpu_ns)
            .saturating_sub(known_ns.saturating_sub(unarmed_ns + blocked * period_ns));
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

    /// Fills the ring completely.
    #[cfg(test)]
    pub(crate) fn fill_ring(&self) {
        self.operation.fill_ring();
    }

    /// All samples since the last call.
    fn drain(&mut self) -> Vec<CpuSample> {
        self.collect();
        std::mem::take(&mut self.drained)
    }

    /// Moves the samples from the ring to `drained`.
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
        // Their timers are stopped too, but their ids are unknown.
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
                // Several ticks arrived as one signal.
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

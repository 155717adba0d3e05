//! The CPU sampler: arms a timer for every thread, takes samples out, accounts for the clocks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rgops_protocol::reply::cpu::{CpuSample, CpuThread, CpuTotals};
use rgops_protocol::reply::{Module, Stack};
use std::sync::atomic::Ordering;

use super::dump;
use super::modules::Modules;
use super::session::{self, Claim, Operation};
use super::timers::CpuTimer;
use super::{EngineError, clock, number};
use crate::procfs;

/// Threads that begin are found after at most this long.
const SCAN_INTERVAL: Duration = Duration::from_millis(50);
/// A scan may take one part in so many of the time: with 8000 threads it takes 10 ms.
const SCAN_SHARE: u32 = 20;
/// Loaded and unloaded objects are looked for this often, and at once when an address is unknown.
const MODULES_INTERVAL: Duration = Duration::from_secs(1);
/// Threads that ended in the window and are listed one by one; the others share an entry.
const MAX_ENDED: usize = 4096;
/// Words of the ring: 2 MiB, of which only what is used is taken from the system.
const RING_WORDS: usize = 1 << 18;
/// And at least so many for each CPU: 50 signals (a tick at 1000 a second) of 100 frames.
const RING_WORDS_PER_CPU: usize = 1 << 13;

/// A running sampler. Dropping it gives everything back.
pub(crate) struct CpuSampler {
    // Timers are dropped before the operation: no signal may come after the handler.
    threads: HashMap<u32, Sampled>,
    ended: Vec<CpuThread>,
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
    modules_sent: bool,
    samples: u64,
    weight: u64,
    timer_failures: u64,
    /// CPU time of threads while they had no timer.
    unarmed_ns: u64,
    timer_error: Option<std::io::Error>,
    random: u64,
}

struct Sampled {
    timer: Timer,
    name: String,
    first_ns: u64,
    last_ns: u64,
    weight: u64,
}

/// A thread's timer, deleted when dropped.
enum Timer {
    Running(#[expect(dead_code, reason = "held for its drop")] CpuTimer),
    /// The thread blocks the signal: one would stay pending, for its sigwait(3) or signalfd(2) to
    /// find. New threads block everything for a moment, so it is looked at again, and believed the
    /// second time: a thread that leaves sigwait(3) looks open until it gets a CPU.
    Blocked {
        seen_open: bool,
    },
    /// The thread was seen in sigwait(3), and may take ours for its own.
    Waiting,
    /// None could be made.
    Failed,
    /// The profile has ended.
    Deleted,
}

/// What a tick brought.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    /// Samples since the last tick.
    pub(crate) samples: Vec<CpuSample>,
    /// The modules, when they changed or this is the first tick; they hold for `samples`.
    pub(crate) modules: Option<Vec<Module>>,
}

impl CpuSampler {
    /// Begins to sample every thread but the calling one, `hz` times per second of its CPU time.
    /// Must be called on the agent's thread, as all other methods.
    pub(crate) fn start(hz: u32) -> Result<CpuSampler, EngineError> {
        let proc = |error| EngineError::Proc { file: "task", error };
        let agent_tid = procfs::threads::own_id().map_err(proc)?;
        let claim = Claim::take()?;
        let ring_words = RING_WORDS.max(session::cpus() * RING_WORDS_PER_CPU);
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
            modules_sent: false,
            samples: 0,
            weight: 0,
            timer_failures: 0,
            unarmed_ns: 0,
            timer_error: None,
            random: clock::monotonic_ns() | 1,
        };
        sampler.scan()?;
        let is_any_armed = sampler.threads.values().any(|thread| matches!(thread.timer, Timer::Running(_)));
        match sampler.timer_error.take() {
            Some(error) if !is_any_armed => Err(EngineError::Timer(error)),
            _ => Ok(sampler),
        }
    }

    /// Whether samples still come. `false` when the program installed a handler of its own:
    /// that one now gets the ticks, so the profile should end.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.operation.handler_is_ours()
    }

    /// CPU time one weight stands for, in nanoseconds.
    pub(crate) fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// The moment samples' times count from, by `CLOCK_MONOTONIC`.
    pub(crate) fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Takes samples out, arms new threads and looks for loaded objects when these are due. To be
    /// called every 50 ms or so.
    pub(crate) fn tick(&mut self) -> Tick {
        if Instant::now() >= self.scan_due {
            // Unreadable for a moment: the next scan makes up for it.
            let _ = self.scan();
        }
        let mut modules = (!self.modules_sent).then(|| self.operation.module_list());
        self.modules_sent = true;
        let is_due = self.modules_read.elapsed() >= MODULES_INTERVAL;
        if is_due || self.modules_read.elapsed() >= self.modules_pause && self.operation.take_stale() {
            let began = Instant::now();
            let new = self.operation.refresh_modules();
            self.modules_read = Instant::now();
            // Code made at run time stays unknown: then the list is read less and less often.
            self.modules_pause = match new {
                Some(_) => began.elapsed() * SCAN_SHARE,
                None => (2 * self.modules_pause).max(SCAN_INTERVAL).min(MODULES_INTERVAL),
            };
            modules = new.or(modules);
        }
        Tick { samples: self.drain(), modules }
    }

    /// Ends sampling. The last samples come with the totals.
    pub(crate) fn stop(mut self) -> (Vec<CpuSample>, CpuTotals) {
        let duration_ns = self.started.elapsed().as_nanos() as u64;
        let process_cpu_ns = clock::process_cpu_ns().saturating_sub(self.process_cpu_ns);
        let agent_cpu_ns = clock::own_cpu_ns().saturating_sub(self.agent_cpu_ns);
        let mut unarmed_ns = self.unarmed_ns;
        for (tid, thread) in &mut self.threads {
            if let Ok(cpu_ns) = clock::thread_cpu_ns(*tid) {
                thread.last_ns = cpu_ns;
            }
            unarmed_ns += thread.unarmed_ns();
            thread.timer = Timer::Deleted;
        }
        // Timers are gone; signals still on their way are handled, or discarded, by now.
        self.operation.give_back_handler();
        let samples = self.drain();
        let mut threads = std::mem::take(&mut self.ended);
        threads.extend(self.threads.drain().map(|(tid, thread)| thread.into_reply(tid, false)));
        // A thread that ended ran on after our last look at its clock; its samples know of that.
        let sampled_ns: u64 = threads
            .iter()
            .map(|thread| match thread.ended {
                true => thread.cpu_ns.max(thread.weight * self.period_ns),
                false => thread.cpu_ns,
            })
            .sum();
        let losses = self.operation.losses();
        let count = |loss: &std::sync::atomic::AtomicU64| loss.load(Ordering::Relaxed);
        let totals = CpuTotals {
            duration_ns,
            process_cpu_ns,
            agent_cpu_ns,
            unsampled_cpu_ns: process_cpu_ns
                .saturating_sub(agent_cpu_ns)
                .saturating_sub(sampled_ns.saturating_sub(unarmed_ns)),
            threads,
            samples: self.samples,
            weight: self.weight,
            dropped_ring: count(&losses.ring),
            dropped_cache: count(&losses.cache),
            truncated: count(&losses.truncated),
            lost_walks: count(&losses.lost_walks),
            foreign_signals: count(&losses.foreign),
            timer_failures: self.timer_failures,
        };
        (samples, totals)
    }

    /// Arms threads that are new, retires those that ended, reads the clocks of the others.
    fn scan(&mut self) -> Result<(), EngineError> {
        let proc = |error| EngineError::Proc { file: "task", error };
        let (tids, _) = procfs::threads::ids().map_err(proc)?;
        let began = Instant::now();
        let (ended, unarmed_ns) = (&mut self.ended, &mut self.unarmed_ns);
        let mut again = Vec::new();
        self.threads.retain(|tid, thread| match clock::thread_cpu_ns(*tid) {
            // A clock that went back is another thread's, with the same id.
            Ok(cpu_ns) if cpu_ns >= thread.last_ns => {
                if matches!(thread.timer, Timer::Blocked { .. }) && cpu_ns > thread.last_ns {
                    again.push(*tid);
                }
                thread.last_ns = cpu_ns;
                true
            }
            _ => {
                *unarmed_ns += thread.unarmed_ns();
                retire(ended, thread.take_reply(*tid));
                false
            }
        });
        for tid in again {
            let timer = match (look_at(tid), self.threads.get(&tid).map(|thread| &thread.timer)) {
                (Some((_, Ear::Open)), Some(Timer::Blocked { seen_open: true })) => self.timer(tid),
                (Some((_, Ear::Open)), _) => Timer::Blocked { seen_open: true },
                (Some((_, Ear::Waiting)), _) => Timer::Waiting,
                _ => Timer::Blocked { seen_open: false },
            };
            if let Some(thread) = self.threads.get_mut(&tid) {
                match timer {
                    Timer::Running(_) => self.unarmed_ns += thread.unarmed_ns(),
                    Timer::Failed => self.timer_failures += 1,
                    _ => {}
                }
                thread.timer = timer;
            }
        }
        for tid in tids {
            if tid != self.agent_tid && !self.threads.contains_key(&tid) {
                self.begin(tid);
            }
        }
        self.scan_due = began + SCAN_INTERVAL.max(began.elapsed() * SCAN_SHARE);
        Ok(())
    }

    /// Begins to sample a thread that was not known.
    fn begin(&mut self, tid: u32) {
        let Ok(first_ns) = clock::thread_cpu_ns(tid) else { return };
        let Some((name, ear)) = look_at(tid) else { return };
        let timer = match ear {
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
        let thread = Sampled { timer, name, first_ns, last_ns: first_ns, weight: 0 };
        self.threads.insert(tid, thread);
    }

    fn timer(&mut self, tid: u32) -> Timer {
        // A random first tick makes the expected number of ticks exactly CPU time / period.
        let first_tick_ns = 1 + self.next_random() % self.period_ns;
        match CpuTimer::start(tid, self.operation.signal_value(tid), self.period_ns, first_tick_ns) {
            Ok(timer) => Timer::Running(timer),
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

    fn drain(&mut self) -> Vec<CpuSample> {
        let mut samples = Vec::new();
        let started_ns = self.started_ns;
        self.operation.drain(|record, frames| {
            samples.push(CpuSample {
                time_ns: record.time_ns.saturating_sub(started_ns),
                tid: record.tid,
                weight: record.weight,
                stack: Stack { frames, end: record.end },
            });
        });
        for sample in &samples {
            self.samples += 1;
            self.weight += u64::from(sample.weight);
            if let Some(thread) = self.threads.get_mut(&sample.tid) {
                thread.weight += u64::from(sample.weight);
            } else if let Some(thread) = self.ended.iter_mut().rev().find(|thread| thread.tid == sample.tid) {
                thread.weight += u64::from(sample.weight);
            }
        }
        samples
    }
}

/// Adds a thread that ended; beyond [`MAX_ENDED`] they share one entry without an id.
fn retire(ended: &mut Vec<CpuThread>, thread: CpuThread) {
    let is_full = ended.len() >= MAX_ENDED;
    match ended.last_mut() {
        Some(shared) if is_full => {
            shared.tid = 0;
            shared.name = "(other ended threads)".to_owned();
            shared.cpu_ns += thread.cpu_ns;
            shared.weight += thread.weight;
        }
        _ => ended.push(thread),
    }
}

/// What a thread would do with the signal.
enum Ear {
    Open,
    Blocked,
    /// It is in sigwait(3): it may be for ours.
    Waiting,
}

/// A thread's name, and what it would do with the signal. `None` when it has ended.
fn look_at(tid: u32) -> Option<(String, Ear)> {
    let read = |file: &str| procfs::read(&format!("/proc/self/task/{tid}/{file}"), procfs::SMALL_FILE_BYTES);
    let is_waiting = || read("syscall").is_ok_and(|line| dump::waits_for_signals(&line));
    // Before and after: it may begin or end to wait in between.
    let was_waiting = is_waiting();
    let (name, _, blocked) = dump::parse_stat(&read("stat").ok()?)?;
    let ear = match number::is_blocked(tid, blocked) {
        _ if was_waiting || is_waiting() => Ear::Waiting,
        true => Ear::Blocked,
        false => Ear::Open,
    };
    Some((name, ear))
}

impl Sampled {
    /// CPU time it used without a timer so far, when it has none.
    fn unarmed_ns(&self) -> u64 {
        match self.timer {
            Timer::Blocked { .. } | Timer::Waiting | Timer::Failed => {
                self.last_ns.saturating_sub(self.first_ns)
            }
            Timer::Running(_) | Timer::Deleted => 0,
        }
    }

    fn take_reply(&mut self, tid: u32) -> CpuThread {
        CpuThread {
            tid,
            name: std::mem::take(&mut self.name),
            cpu_ns: self.last_ns.saturating_sub(self.first_ns),
            weight: self.weight,
            ended: true,
        }
    }

    fn into_reply(mut self, tid: u32, ended: bool) -> CpuThread {
        CpuThread { ended, ..self.take_reply(tid) }
    }
}

//! The scan: finds threads that began or ended, reads the clocks of the others, and arms timers.

use std::time::Instant;

use super::cpu_sampler::{CpuSampler, SCAN_INTERVAL, SCAN_SHARE};
use super::thread::{self, Armed, Sampled, SignalState, Timer, signal_state};
use crate::timers::CpuTimer;
use crate::{EngineError, clock, exempt_threads, procfs};

impl CpuSampler {
    /// Arms threads that are new, retires those that ended, reads the clocks of the others.
    pub(super) fn scan(&mut self) -> Result<(), EngineError> {
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
    pub(super) fn advance(&mut self, tid: u32, cpu_ns: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let used_ns = cpu_ns.saturating_sub(thread.last_ns);
        thread.last_ns = thread.last_ns.max(cpu_ns);
        if used_ns == 0 {
            return;
        }
        let seen_unblocked = match thread.timer {
            Timer::Running(_) => {
                // What was lost in the ring is missing, too; a thread that hears is not deaf.
                thread.blocks_signal = thread.lacks_ticks(self.period_ns)
                    && matches!(signal_state(tid), Some((_, SignalState::Blocked)));
                return;
            }
            Timer::Waiting => return self.unsampled.waiting_ns += used_ns,
            Timer::Exempt { .. } => return self.unsampled.exempt_ns += used_ns,
            Timer::Failed => return self.unsampled.untimed_ns += used_ns,
            Timer::Blocked { seen_unblocked } => seen_unblocked,
        };
        let ear = signal_state(tid).map(|(name, ear)| {
            // A thread names itself once it runs.
            thread.name = name;
            ear
        });
        match ear {
            Some(SignalState::Blocked) if !seen_unblocked => {
                self.unsampled.add_blocked(&thread.name, used_ns)
            }
            Some(SignalState::InSigwait) => self.unsampled.waiting_ns += used_ns,
            _ => self.unsampled.begun_ns += used_ns,
        }
        let timer = match ear {
            Some(SignalState::Unblocked) if seen_unblocked => self.timer(tid),
            Some(SignalState::Unblocked) => Timer::Blocked { seen_unblocked: true },
            Some(SignalState::InSigwait) => Timer::Waiting,
            Some(SignalState::Blocked) | None => Timer::Blocked { seen_unblocked: false },
        };
        self.timer_failures += u64::from(matches!(timer, Timer::Failed));
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.timer = timer;
        }
    }

    /// Threads that began since the last scan have clocks that can be read.
    pub(super) fn find_begun(&mut self) {
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
            self.unsampled.begun_ns += cpu_ns;
            self.found_ns += cpu_ns;
        }
    }

    /// Begins to sample a thread that was not known.
    fn begin(&mut self, tid: u32) {
        let Ok(first_ns) = clock::thread_cpu_ns(tid) else { return };
        let Some((name, ear)) = signal_state(tid) else { return };
        let timer = match ear {
            _ if exempt_threads::contains(tid) => {
                self.cuts.exempt_threads += 1;
                Timer::Exempt { due: 0 }
            }
            SignalState::Unblocked => self.timer(tid),
            SignalState::Blocked => Timer::Blocked { seen_unblocked: false },
            SignalState::InSigwait => Timer::Waiting,
        };
        if matches!(timer, Timer::Failed) {
            // It may just have ended; only a thread that lives is one we fail to sample.
            if clock::thread_cpu_ns(tid).is_err() {
                return;
            }
            self.timer_failures += 1;
        }
        self.found(first_ns);
        let thread = Sampled { timer, name, first_ns, last_ns: first_ns, weight: 0, blocks_signal: false };
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
}

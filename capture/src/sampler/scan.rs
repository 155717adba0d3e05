//! The scan: finds new and ended threads, reads the clocks of the others, and arms timers.

use std::time::Instant;

use super::cpu_sampler::{CpuSampler, SCAN_INTERVAL, SCAN_SHARE};
use super::thread::{self, Armed, Sampled, SignalState, Timer, signal_state};
use crate::timers::CpuTimer;
use crate::{EngineError, clock, exempt_threads, procfs};

impl CpuSampler {
    /// Arms new threads, retires ended ones, and reads the clocks of the others.
    pub(super) fn scan(&mut self) -> Result<(), EngineError> {
        let proc = |error| EngineError::Proc { file: "task", error };
        let (tids, _) = procfs::threads::ids().map_err(proc)?;
        let began = Instant::now();
        self.collect();
        let mut gone = Vec::new();
        let known: Vec<u32> = self.threads.keys().copied().collect();
        for tid in known {
            match clock::thread_cpu_ns(tid) {
                // If the clock went back, this is another thread with the same id.
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

    /// Takes a new reading of a thread's clock: attributes its CPU time without samples to a reason, and arms a timer
    /// once the thread no longer blocks the signal.
    pub(super) fn advance(&mut self, tid: u32, cpu_ns: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let used_ns = cpu_ns.saturating_sub(thread.last_ns);
        thread.last_ns = thread.last_ns.max(cpu_ns);
        if used_ns == 0 {
            return;
        }
        let seen_unblocked = match thread.timer {
            Timer::Running(_) => {
                // Samples lost in the ring are also missing, so the signal mask decides.
                thread.blocks_signal = thread.lacks_ticks(self.period_ns)
                    && matches!(signal_state(tid), Some((_, SignalState::Blocked)));
                return;
            }
            Timer::Waiting => return self.unsampled.waiting_ns += used_ns,
            Timer::Exempt { .. } => return self.unsampled.exempt_ns += used_ns,
            Timer::Failed => return self.unsampled.untimed_ns += used_ns,
            Timer::Blocked { seen_unblocked } => seen_unblocked,
        };
        let state = signal_state(tid).map(|(name, state)| {
            // A thread sets its own name after it starts.
            thread.name = name;
            state
        });
        match state {
            Some(SignalState::Blocked) if !seen_unblocked => {
                self.unsampled.add_blocked(&thread.name, used_ns)
            }
            Some(SignalState::InSigwait) => self.unsampled.waiting_ns += used_ns,
            _ => self.unsampled.begun_ns += used_ns,
        }
        let timer = match state {
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

    /// Counts threads that started since the last scan, while their clocks can still be read.
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

    /// Counts the CPU time of a new thread if it started after the last scan; otherwise it existed before.
    fn found(&mut self, cpu_ns: u64) {
        let at_most = self.scanned.elapsed().as_nanos() as u64;
        if self.scanned > self.started && cpu_ns <= at_most {
            self.unsampled.begun_ns += cpu_ns;
            self.found_ns += cpu_ns;
        }
    }

    /// Starts sampling a new thread.
    fn begin(&mut self, tid: u32) {
        let Ok(first_ns) = clock::thread_cpu_ns(tid) else { return };
        let Some((name, state)) = signal_state(tid) else { return };
        let timer = match state {
            _ if exempt_threads::contains(tid) => {
                self.cuts.exempt_threads += 1;
                Timer::Exempt { due: 0 }
            }
            SignalState::Unblocked => self.timer(tid),
            SignalState::Blocked => Timer::Blocked { seen_unblocked: false },
            SignalState::InSigwait => Timer::Waiting,
        };
        if matches!(timer, Timer::Failed) {
            // It may just have ended; only a living thread counts as a failure.
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

    /// xorshift64 (Marsaglia 2003); only used to spread first ticks.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

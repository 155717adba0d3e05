//! A running profile of the `pprof` engine.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use pprof::{ProfilerGuard, ProfilerGuardBuilder};
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuThread, CpuTotals, FIRST_NUMBERED_THREAD};
use rgops_protocol::reply::{Module, StackEnd};
use tokio::sync::oneshot;

use super::disposition::{self, Disposition};
use super::{frames, objects};
#[cfg(native_engine)]
use crate::operation::Claim;
use crate::{EngineError, Tick, clock};

/// Objects that the unwinder must not start in, by parts of their paths. A signal may interrupt libgcc while it
/// switches stacks, or a thread that holds the loader's or the allocator's lock.
const NEVER_UNWOUND: &[&str] = if cfg!(target_os = "macos") {
    &["/usr/lib/system/", "/usr/lib/dyld"]
} else {
    // Names as the loader reports them; the last ones are from glibc before 2.34, musl and the vdso.
    &[
        "/libc.so",
        "/libgcc_s.so",
        "/ld-linux",
        "/libpthread",
        "/libc-2.",
        "/ld-musl",
        "linux-vdso",
        "linux-gate",
    ]
};

/// How often the list of objects is refreshed, where that takes no lock.
const OBJECTS_INTERVAL: Duration = Duration::from_secs(1);
/// The deadline for starting and stopping: the crate reads the program's debug data, which took 20 s
/// without optimisation on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long the agent's thread waits for a profile that is dropped.
const DROP_DEADLINE: Duration = Duration::from_secs(2);
/// The crate walks its 4096 buckets with that many nested iterators.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A running profile. Dropping it restores as much as possible.
pub struct PprofSampler {
    capture: Option<Capture>,
    period_ns: u64,
    agent_cpu_ns: u64,
    objects: Vec<Module>,
    objects_read: Instant,
}

/// The crate's running profiler.
struct Capture {
    /// Dropped before the disposition is restored.
    guard: Option<ProfilerGuard<'static>>,
    former: Disposition,
    started: Instant,
    started_at: SystemTime,
    process_cpu_ns: u64,
    #[cfg(native_engine)]
    _claim: Claim,
}

impl PprofSampler {
    /// Starts sampling at `hz` times per second of the process' CPU time.
    pub async fn start(hz: u32) -> Result<PprofSampler, EngineError> {
        // In whole microseconds, like the crate's timer.
        let interval_us = 1_000_000 / hz.clamp(1, 1_000_000);
        let (capture, objects) = on_own_thread(move || Ok((Capture::begin(hz)?, objects::list()))).await??;
        Ok(PprofSampler {
            capture: Some(capture),
            period_ns: u64::from(interval_us) * 1000,
            agent_cpu_ns: clock::own_cpu_ns(),
            objects,
            objects_read: Instant::now(),
        })
    }

    /// The CPU time that a weight of 1 stands for, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// Whether SIGPROF still goes to the crate's handler.
    pub fn is_undisturbed(&self) -> bool {
        Disposition::current().is_ok_and(|current| current.is_the_crates())
    }

    /// Refreshes the list of objects when that is due; samples come at the end.
    pub fn tick(&mut self) {
        if cfg!(native_engine) && self.objects_read.elapsed() >= OBJECTS_INTERVAL {
            let now = objects::list();
            objects::add(&mut self.objects, now);
            self.objects_read = Instant::now();
        }
    }

    /// Ends sampling and returns all samples, the objects they are in, and the clocks.
    pub async fn stop(mut self) -> Result<(Tick, CpuTotals), EngineError> {
        let agent_cpu_ns = clock::own_cpu_ns().saturating_sub(self.agent_cpu_ns);
        // It is set: only `stop` and `drop` take it, and both consume the sampler.
        let capture = self.capture.take().ok_or(EngineError::Busy)?;
        let period_ns = self.period_ns;
        let ended =
            on_own_thread(move || Ok((capture.end(period_ns, agent_cpu_ns)?, objects::list()))).await??;
        let ((samples, totals), now) = ended;
        objects::add(&mut self.objects, now);
        Ok((Tick { samples, modules: Some(std::mem::take(&mut self.objects)), modules_after: None }, totals))
    }
}

impl Drop for PprofSampler {
    fn drop(&mut self) {
        let Some(capture) = self.capture.take() else { return };
        let (sender, ended) = mpsc::sync_channel(1);
        // If no thread can be started, the closure and the capture in it are dropped there.
        spawn(move |_| {
            drop(capture);
            let _ = sender.send(());
        });
        // A thread that is stopped inside the crate's handler holds its lock: the capture ends when it continues.
        let _ = ended.recv_timeout(DROP_DEADLINE);
    }
}

impl Capture {
    fn begin(hz: u32) -> Result<Capture, EngineError> {
        #[cfg(native_engine)]
        let claim = Claim::take()?;
        let former = Disposition::current().map_err(EngineError::Handler)?;
        if former.is_a_handler() {
            return Err(EngineError::Occupied("it has a SIGPROF handler"));
        }
        if disposition::is_timer_set().map_err(EngineError::Handler)? {
            return Err(EngineError::Occupied("its ITIMER_PROF is running"));
        }
        let builder = ProfilerGuardBuilder::default().frequency(hz as i32).blocklist(NEVER_UNWOUND);
        let guard = builder.build();
        // To initialise itself, the crate symbolised a backtrace: this frees the debug data.
        backtrace::clear_symbol_cache();
        let guard = guard.map_err(|error| match error {
            pprof::Error::Running => EngineError::Occupied("it is profiling with the pprof crate itself"),
            error => EngineError::Pprof(error.to_string()),
        })?;
        Ok(Capture {
            guard: Some(guard),
            former,
            started: Instant::now(),
            started_at: SystemTime::now(),
            process_cpu_ns: clock::process_cpu_ns(),
            #[cfg(native_engine)]
            _claim: claim,
        })
    }

    /// All samples and the clocks; afterwards everything is restored.
    fn end(self, period_ns: u64, agent_cpu_ns: u64) -> Result<(Vec<CpuSample>, CpuTotals), EngineError> {
        let duration_ns = self.started.elapsed().as_nanos() as u64;
        let process_cpu_ns = clock::process_cpu_ns().saturating_sub(self.process_cpu_ns);
        let failed = |error: pprof::Error| EngineError::Pprof(error.to_string());
        let report = self.guard.as_ref().map(|guard| guard.report().build_unresolved());
        let report = report.transpose().map_err(failed)?;
        let mut threads: HashMap<(u64, String), CpuThread> = HashMap::new();
        let mut samples = Vec::new();
        for (key, count) in report.iter().flat_map(|report| &report.data) {
            let weight = u32::try_from(*count).unwrap_or(u32::MAX);
            let name = key.thread_name.get(..key.thread_name_length).unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            let next = FIRST_NUMBERED_THREAD + threads.len() as u32;
            let thread = threads.entry((key.thread_id, name)).or_insert_with_key(|(_, name)| CpuThread {
                tid: next,
                name: name.clone(),
                cpu_ns: 0,
                weight: 0,
                ended: false,
            });
            thread.weight += u64::from(weight);
            let since = key.sample_timestamp.duration_since(self.started_at).unwrap_or_default();
            samples.push(CpuSample {
                time_ns: since.as_nanos() as u64,
                tid: thread.tid,
                weight,
                stack: frames::stack(&key.frames),
            });
        }
        let weight = samples.iter().map(|sample| u64::from(sample.weight)).sum();
        let totals = CpuTotals {
            duration_ns,
            process_cpu_ns,
            agent_cpu_ns,
            unsampled_cpu_ns: process_cpu_ns
                .saturating_sub(agent_cpu_ns)
                .saturating_sub(period_ns.saturating_mul(weight)),
            // The crate does not count late ticks: they are missed.
            late_cpu_ns: 0,
            threads: threads.into_values().collect(),
            samples: samples.len() as u64,
            weight,
            dropped_ring: 0,
            dropped_cache: 0,
            truncated: frames::ending(&samples, StackEnd::DepthLimit),
            lost_walks: frames::ending(&samples, StackEnd::Lost),
            foreign_signals: 0,
            timer_failures: 0,
        };
        Ok((samples, totals))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let current = Disposition::current().ok();
        // Deletes the timer and sets SIG_IGN, which discards pending signals.
        drop(self.guard.take());
        match current {
            // Installed over the crate's handler in the meantime: it stays.
            Some(theirs) if !theirs.is_the_crates() => theirs.restore(),
            _ => self.former.restore(),
        }
    }
}

/// Runs `work`, which may wait for a lock of the program, on a thread of its own.
async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let (sender, receiver) = oneshot::channel();
    // If the receiver was dropped, the result is dropped here.
    spawn(move |started| drop(sender.send(started.map(|()| work()))));
    match tokio::time::timeout(DEADLINE, receiver).await {
        Ok(Ok(Ok(result))) => Ok(result),
        Ok(Ok(Err(error))) => Err(EngineError::Thread(error)),
        Ok(Err(_)) => Err(EngineError::Pprof("it panicked".to_owned())),
        Err(_) => Err(EngineError::Stuck),
    }
}

/// The thread is not joined, because it may wait forever. It blocks all signals. It has the program's descriptors: the
/// crate's handler, on the program's threads, writes to a temporary file that is opened here.
fn spawn(work: impl FnOnce(std::io::Result<()>) + Send + 'static) {
    #[cfg(target_os = "linux")]
    crate::program_threads::run(crate::agent_threads::PPROF, STACK_BYTES, work);
    #[cfg(not(target_os = "linux"))]
    {
        let (sender, receiver) = mpsc::sync_channel::<std::io::Result<()>>(1);
        let thread =
            std::thread::Builder::new().name(crate::agent_threads::PPROF.to_owned()).stack_size(STACK_BYTES);
        let started = thread.spawn(move || work(receiver.recv().unwrap_or(Ok(()))));
        // Without a thread the work is dropped, and its receiver notices.
        if started.is_ok() {
            let _ = sender.send(Ok(()));
        }
    }
}

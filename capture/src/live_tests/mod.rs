//! Tests of the engine on this test process itself, with real threads and signals; one capture at a time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod dump;

mod heap;
mod profile;
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod quiet;
mod restoring;
mod torture;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rgops_protocol::reply::Module;
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuTotals};

use super::memory::Pages;
use super::sampler::{CpuSampler, Stopped};
use super::{arch, clock};
use crate::procfs;
use crate::testing::*;

/// The result of a profile.
struct Profile {
    samples: Vec<CpuSample>,
    modules: Vec<Module>,
    totals: CpuTotals,
}

impl Profile {
    fn weight_of(&self, tid: u32) -> u64 {
        self.samples.iter().filter(|sample| sample.tid == tid).map(|sample| u64::from(sample.weight)).sum()
    }

    fn cpu_ns_of(&self, tid: u32) -> u64 {
        self.totals.threads.iter().find(|thread| thread.tid == tid).unwrap().cpu_ns
    }
}

/// Profiles this process from the calling thread until `until` returns true.
fn profile(hz: u32, mut until: impl FnMut(&CpuSampler) -> bool) -> Profile {
    let mut sampler = CpuSampler::start(hz).unwrap();
    let (mut samples, mut modules) = (Vec::new(), HashMap::new());
    while !until(&sampler) {
        let tick = sampler.tick();
        samples.extend(tick.samples);
        for module in tick.modules.into_iter().chain(tick.modules_after).flatten() {
            modules.insert(module.start_avma, module);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let Stopped { samples: last, totals, .. } = sampler.stop();
    samples.extend(last);
    Profile { samples, modules: modules.into_values().collect(), totals }
}

fn for_time(time: Duration) -> impl FnMut(&CpuSampler) -> bool {
    let deadline = Instant::now() + time;
    move |_| Instant::now() >= deadline
}

/// Until the thread has used this CPU time, however long that takes on a loaded machine.
fn for_cpu_time(tid: u32, time: Duration) -> impl FnMut(&CpuSampler) -> bool {
    let used_ns = move || clock::thread_cpu_ns(tid).unwrap();
    let end_ns = used_ns() + time.as_nanos() as u64;
    move |_| used_ns() >= end_ns
}

/// A thread without an alternate stack that runs on a stack which is not its own.
pub(super) struct Coroutine {
    pub(super) tid: u32,
    phase: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Coroutine {
    const WAITS: u32 = 0;
    const COMPUTES: u32 = 1;
    const ENDS: u32 = 2;

    /// It uses no CPU time before `compute`.
    pub(super) fn waiting() -> Coroutine {
        extern "C" fn work(phase: *mut libc::c_void) {
            // SAFETY: the thread below passes a pointer to its own value, and outlives this call.
            let phase = unsafe { &*phase.cast::<AtomicU32>() };
            while phase.load(Ordering::SeqCst) == Coroutine::WAITS {
                std::thread::park();
            }
            while phase.load(Ordering::SeqCst) == Coroutine::COMPUTES {
                spin();
            }
        }
        let (sender, receiver) = mpsc::channel();
        let phase = Arc::new(AtomicU32::new(Coroutine::WAITS));
        let own = phase.clone();
        let thread = std::thread::spawn(move || {
            // SAFETY: plain data, valid when zeroed.
            let (mut none, mut former): (libc::stack_t, libc::stack_t) = unsafe { std::mem::zeroed() };
            none.ss_flags = libc::SS_DISABLE;
            // SAFETY: both structures are valid; no handler runs on the disabled stack, which is restored below.
            assert_eq!(unsafe { libc::sigaltstack(&none, &mut former) }, 0);
            let mut pages = Pages::zeroed(256 * 1024).unwrap();
            // The pages below the coroutine's stack do not belong to the thread's own stack.
            let top = pages.as_mut_ptr() as u64 + 256 * 1024;
            sender.send(procfs::threads::own_id().unwrap()).unwrap();
            let phase = std::ptr::from_ref::<AtomicU32>(&own).cast_mut().cast();
            // SAFETY: no other code uses the pages, which are large enough and end at a multiple of 16.
            unsafe { arch::call_on(top, work, phase) };
            // SAFETY: restores the stack that was set before.
            assert_eq!(unsafe { libc::sigaltstack(&former, std::ptr::null_mut()) }, 0);
        });
        let tid = receiver.recv().unwrap();
        wait_asleep(tid);
        Coroutine { tid, phase, thread: Some(thread) }
    }

    pub(super) fn spinning() -> Coroutine {
        let coroutine = Coroutine::waiting();
        coroutine.compute(Duration::from_millis(20));
        coroutine
    }

    /// Lets it use this CPU time, and continue.
    pub(super) fn compute(&self, time: Duration) {
        let end_ns = clock::thread_cpu_ns(self.tid).unwrap() + time.as_nanos() as u64;
        self.enter(Coroutine::COMPUTES);
        eventually("it computes", || clock::thread_cpu_ns(self.tid).unwrap() >= end_ns);
    }

    fn enter(&self, phase: u32) {
        self.phase.store(phase, Ordering::SeqCst);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Coroutine {
    fn drop(&mut self) {
        self.enter(Coroutine::ENDS);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn set_disposition(handler: usize, flags: i32) {
    // SAFETY: plain data, valid when zeroed.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = handler;
    new.sa_flags = flags;
    // SAFETY: `handler` is SIG_DFL, SIG_IGN or a handler of these tests that only counts.
    assert_eq!(unsafe { libc::sigaction(libc::SIGPROF, &new, std::ptr::null_mut()) }, 0);
}

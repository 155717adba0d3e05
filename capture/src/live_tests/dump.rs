//! Tests of thread dumps with threads at known positions.

use std::collections::HashSet;

use rgops_protocol::reply::stack::{Capture, ThreadStack};
use rgops_protocol::reply::{Module, StackEnd};

use super::*;
use crate::memory::Pages;
use crate::scratch_stacks;
use crate::{EngineError, dump};

/// Whether a sleeping thread was captured in the way expected on this platform.
fn is_as_asleep(capture: &Capture) -> bool {
    match cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        true => *capture == Capture::Quiet,
        false => matches!(capture, Capture::Signal { .. }),
    }
}

fn find(threads: &[ThreadStack], tid: u32) -> &ThreadStack {
    threads.iter().find(|thread| thread.tid == tid).unwrap()
}

/// The calling thread's return addresses according to the C library's unwinder, without this function's.
#[cfg(target_env = "gnu")]
#[inline(never)]
fn return_addresses() -> Vec<u64> {
    let mut addresses = [std::ptr::null_mut(); 256];
    // SAFETY: backtrace(3) writes at most 256 addresses, which the array has room for.
    let count = unsafe { libc::backtrace(addresses.as_mut_ptr(), 256) };
    addresses[1..count as usize].iter().map(|address| *address as u64).collect()
}

/// The reference is libgcc's unwinder, which the engine does not use.
#[cfg(target_env = "gnu")]
#[test]
fn every_frame_of_a_parked_thread_is_found() {
    let _alone = alone();
    for depth in [0, 20, 90] {
        let (sender, receiver) = mpsc::channel();
        let worker = Worker::repeat(move || {
            deep(depth, &mut || {
                let _ = sender.send(return_addresses());
                std::thread::park();
            });
        });
        let expected = receiver.recv().unwrap();
        wait_asleep(worker.tid);
        // The first addresses are two different calls in one closure; from its caller on, the stacks agree.
        let expected = &expected[1..];
        assert!(expected.len() > depth as usize);
        for quietly in [true, false] {
            let dump =
                if quietly { block_on(dump::dump(None)) } else { block_on(dump::dump_by_signals()) }.unwrap();
            let thread = find(&dump.threads, worker.tid);
            let is_by_signal = matches!(thread.capture, Capture::Signal { .. });
            assert!(if quietly { is_as_asleep(&thread.capture) } else { is_by_signal }, "{thread:?}");
            assert!(thread.stack.frames.ends_with(expected), "{:x?}\n{expected:x?}", thread.stack);
            assert_eq!(thread.stack.end, StackEnd::Root);
            assert_eq!(thread.state, 'S');
            assert!(thread.cpu_ns.value().is_some_and(|cpu_ns| *cpu_ns > 0));
            // The signal interrupts park(3), which checks whether it was woken and sleeps again.
            wait_asleep(worker.tid);
        }
    }
}

#[test]
fn a_thread_deeper_than_the_limit_keeps_its_leaf() {
    let _alone = alone();
    let worker = Worker::repeat(|| {
        deep(2000, &mut std::thread::park);
    });
    wait_asleep(worker.tid);
    let dump = block_on(dump::dump(None)).unwrap();
    let stack = &find(&dump.threads, worker.tid).stack;
    assert_eq!((stack.frames.len(), stack.end), (512, StackEnd::DepthLimit));
}

#[test]
fn a_running_thread_that_blocks_the_signal_is_listed_without_waiting_for_it() {
    let _alone = alone();
    let worker = Worker::repeat(|| {
        // SAFETY: changes only the calling thread's mask; the set is plain data and filled by sigfillset(3).
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut set);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        }
        spin();
    });
    let status = || procfs::read(&format!("/proc/self/task/{}/status", worker.tid), 4096).unwrap();
    eventually("block the signal", || !status().contains("SigBlk:\t0000000000000000"));
    let dump = block_on(dump::dump(None)).unwrap();
    let thread = find(&dump.threads, worker.tid);
    let Capture::Failed { reason } = &thread.capture else { panic!("{thread:?}") };
    assert!(reason.contains("blocks SIGPROF"), "{reason}");
    assert!(thread.stack.frames.is_empty());
    // No signal was sent to it. So the dump did not wait for it, and no signal is pending when it
    // unblocks it.
    assert!(status().contains("SigPnd:\t0000000000000000"), "{}", status());
}

#[test]
fn a_thousand_deep_threads_are_captured_in_less_than_a_second_of_cpu_time() {
    const THREADS: usize = 1000;
    const DEPTH: u32 = 200;
    let _alone = alone();
    let workers: Vec<_> = (0..THREADS)
        .map(|_| {
            Worker::repeat(|| {
                deep(DEPTH, &mut std::thread::park);
            })
        })
        .collect();
    workers.iter().for_each(|worker| wait_asleep(worker.tid));
    let began_ns = clock::own_cpu_ns();
    let dump = block_on(dump::dump(None)).unwrap();
    let used = Duration::from_nanos(clock::own_cpu_ns() - began_ns);
    let complete = workers.iter().filter(|worker| {
        let thread = find(&dump.threads, worker.tid);
        thread.stack.end == StackEnd::Root && thread.stack.frames.len() > DEPTH as usize
    });
    assert_eq!(complete.count(), THREADS);
    eprintln!("{THREADS} threads of {DEPTH} frames: {used:?}, captured in {:?}", dump.capture);
    // Measured by the capturing thread's CPU clock, because the machine's load is unknown. An
    // unoptimised engine is slower; the promise is for release builds.
    let limit = if cfg!(debug_assertions) { 4 } else { 1 };
    assert!(used < Duration::from_secs(limit), "{used:?}");
}

#[test]
fn the_dumping_thread_walks_its_own_stack() {
    let _alone = alone();
    let dump = block_on(dump::dump(None)).unwrap();
    let own = find(&dump.threads, procfs::threads::own_id().unwrap());
    assert!(own.is_agent);
    assert_eq!(own.capture, Capture::OwnThread);
    assert_eq!(own.stack.end, StackEnd::Root);
    assert!(own.stack.frames.len() > 5);
    let unknown: Vec<_> = own.stack.frames.iter().filter(|frame| !is_in(&dump.modules, **frame)).collect();
    assert!(unknown.is_empty(), "{unknown:x?}");
}

fn is_in(modules: &[Module], address: u64) -> bool {
    modules.iter().any(|module| (module.start_avma..module.end_avma).contains(&address))
}

#[test]
fn a_second_capture_is_refused_while_one_runs() {
    let _alone = alone();
    let sampler = CpuSampler::start(99).unwrap();
    assert!(matches!(block_on(dump::dump(None)), Err(EngineError::Busy)));
    assert!(matches!(CpuSampler::start(99), Err(EngineError::Busy)));
    drop(sampler);
    block_on(dump::dump(None)).unwrap();
}

#[test]
fn modules_do_not_overlap_and_have_their_build_ids() {
    let _alone = alone();
    let dump = block_on(dump::dump(None)).unwrap();
    let mut modules = dump.modules;
    modules.sort_by_key(|module| module.start_avma);
    assert!(modules.windows(2).all(|pair| pair[0].end_avma <= pair[1].start_avma), "{modules:#x?}");
    let starts: HashSet<u64> = modules.iter().map(|module| module.start_avma).collect();
    assert_eq!(starts.len(), modules.len());
    assert!(modules.iter().any(|module| !module.build_id.is_empty()));
}

/// A sleeping thread on a stack that the test provides.
struct OnStack {
    stack: Pages,
    tid: u32,
    sp: u64,
    done: Box<AtomicBool>,
    thread: libc::pthread_t,
}

const PAINT: u8 = 0xa5;

impl OnStack {
    /// Creates one with `bytes` of stack, above the same number of inaccessible bytes.
    fn asleep(bytes: usize) -> OnStack {
        extern "C" fn sleep(done: *mut libc::c_void) -> *mut libc::c_void {
            // SAFETY: the creator keeps the flag until this thread is joined.
            let done = unsafe { &*done.cast::<AtomicBool>() };
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(300));
            }
            std::ptr::null_mut()
        }
        let mut stack = Pages::zeroed(2 * bytes).unwrap();
        stack.fill(PAINT);
        let done = Box::new(AtomicBool::new(false));
        // SAFETY: both are plain data, and the calls below initialise them.
        let (mut attributes, mut thread): (libc::pthread_attr_t, libc::pthread_t) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let before: HashSet<u32> = procfs::threads::ids().unwrap().0.into_iter().collect();
        // SAFETY: the stack belongs to this value, is page-aligned and outlives the thread, which `drop` joins.
        unsafe {
            assert_eq!(libc::mprotect(stack.as_mut_ptr().cast(), bytes, libc::PROT_NONE), 0);
            libc::pthread_attr_init(&mut attributes);
            let top = stack.as_mut_ptr().add(bytes).cast();
            assert_eq!(libc::pthread_attr_setstack(&mut attributes, top, bytes), 0);
            let flag = (&raw const *done).cast_mut().cast();
            assert_eq!(libc::pthread_create(&mut thread, &attributes, sleep, flag), 0);
            libc::pthread_attr_destroy(&mut attributes);
        }
        let bounds = stack.as_ptr() as u64..stack.as_ptr() as u64 + 2 * bytes as u64;
        let mut found = None;
        eventually("sleep", || {
            let tids = procfs::threads::ids().unwrap().0.into_iter().filter(|tid| !before.contains(tid));
            found = tids
                .filter_map(|tid| Some((tid, procfs::threads::stack_pointer(tid).ok()??)))
                .find(|(_, sp)| bounds.contains(sp));
            found.is_some()
        });
        let (tid, sp) = found.unwrap();
        OnStack { stack, tid, sp, done, thread }
    }

    /// The number of bytes written below its stack pointer.
    fn written_below(&self) -> u64 {
        let half = self.stack.len() / 2;
        // SAFETY: a volatile read of bytes that another thread may write; any value is valid.
        let is_written = |byte: &u8| unsafe { std::ptr::from_ref(byte).read_volatile() } != PAINT;
        let lowest = half + self.stack[half..].iter().position(is_written).unwrap();
        self.sp - (self.stack.as_ptr() as u64 + lowest as u64)
    }
}

impl Drop for OnStack {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        // SAFETY: it was created joinable by `asleep`, and is joined once.
        unsafe { libc::pthread_join(self.thread, std::ptr::null_mut()) };
    }
}

/// Only the kernel's frame is written there, whose maximum size is AT_MINSIGSTKSZ (with states that a program must
/// request). Our handler uses a scratch stack.
#[test]
fn the_handler_does_not_use_the_threads_stack() {
    let _alone = alone();
    let thread = OnStack::asleep(256 * 1024);
    let before = thread.written_below();
    let dump = block_on(dump::dump_by_signals()).unwrap();
    assert_eq!(find(&dump.threads, thread.tid).stack.end, StackEnd::Root);
    let used = thread.written_below();
    // SAFETY: getauxval(3) accepts any number and accesses no memory of ours.
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) }.max(2048);
    eprintln!("signal frame: {used} of {frame} bytes (the thread itself had used {before})");
    // Plus the red zone. The dump interrupts sleep(3), which continues and uses as much as before.
    assert!(used <= (frame + 128).max(before + 512), "{used} bytes");
}

#[test]
fn scratch_stacks_have_room_to_spare() {
    let _alone = alone();
    let workers = [Worker::spinning(), Worker::repeat(|| assert_eq!(deep(400, &mut spin), 400))];
    for _ in 0..20 {
        block_on(dump::dump_by_signals()).unwrap();
    }
    drop(workers);
    let used = scratch_stacks::most_used();
    eprintln!("handlers, and walks for the heap, used {used} of {} bytes", scratch_stacks::BYTES);
    assert!(used > 4096 && used * 2 < scratch_stacks::BYTES, "{used} bytes");
}

#[test]
fn a_thread_on_a_small_stack_survives_a_dump() {
    let _alone = alone();
    for kib in [16, 20, 24, 32] {
        let thread = OnStack::asleep(kib * 1024);
        let dump = block_on(dump::dump_by_signals()).unwrap();
        let found = find(&dump.threads, thread.tid);
        assert_eq!(found.capture, Capture::Signal { because: String::new() });
        assert!(!found.stack.frames.is_empty());
        eprintln!("{kib} KiB: {} frames, {:?}", found.stack.frames.len(), found.stack.end);
    }
}

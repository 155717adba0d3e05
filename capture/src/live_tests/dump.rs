//! Dumps of threads whose place is known.

use std::collections::HashSet;

use rgops_protocol::reply::stack::{Capture, ThreadStack};
use rgops_protocol::reply::{Module, StackEnd};

use super::*;
use crate::memory::Pages;
use crate::scratch_stacks;
use crate::{EngineError, dump};

/// Whether a sleeping thread was captured as it should be here.
fn is_as_asleep(capture: &Capture) -> bool {
    match cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        true => *capture == Capture::Quiet,
        false => matches!(capture, Capture::Signal { .. }),
    }
}

fn find(threads: &[ThreadStack], tid: u32) -> &ThreadStack {
    threads.iter().find(|thread| thread.tid == tid).unwrap()
}

/// The calling thread's return addresses by the C library's unwinder, itself left out.
#[cfg(target_env = "gnu")]
#[inline(never)]
fn return_addresses() -> Vec<u64> {
    let mut addresses = [std::ptr::null_mut(); 256];
    // SAFETY: backtrace(3) writes at most as many addresses as it is told.
    let count = unsafe { libc::backtrace(addresses.as_mut_ptr(), 256) };
    addresses[1..count as usize].iter().map(|address| *address as u64).collect()
}

/// The referee is libgcc's unwinder, which the engine does not use.
#[cfg(target_env = "gnu")]
#[test]
fn every_frame_of_a_parked_thread_is_found() {
    let _alone = alone();
    for depth in [0, 20, 90] {
        let (tell, told) = mpsc::channel();
        let worker = Worker::repeat(move || {
            deep(depth, &mut || {
                let _ = tell.send(return_addresses());
                std::thread::park();
            });
        });
        let expected = told.recv().unwrap();
        wait_asleep(worker.tid);
        // The first addresses are the two calls made by one closure; from its caller on they agree.
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
            // A signal makes park(3) look whether it was woken, and sleep on.
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
fn a_running_thread_that_blocks_the_signal_is_listed_not_waited_for() {
    let _alone = alone();
    let worker = Worker::repeat(|| {
        // SAFETY: changes the calling thread's mask only; the set is plain data.
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
    // Nothing was sent to it, so nothing was waited for, and nothing is left for it to find when it
    // unblocks the signal.
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
    // By the clock of the thread that captures: how much of the machine it gets is not ours to say. An
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

/// A thread on a stack of ours, asleep.
struct OnStack {
    stack: Pages,
    tid: u32,
    sp: u64,
    done: Box<AtomicBool>,
    thread: libc::pthread_t,
}

const PAINT: u8 = 0xa5;

impl OnStack {
    /// `bytes` of stack above as many that cannot be touched.
    fn asleep(bytes: usize) -> OnStack {
        extern "C" fn sleep(done: *mut libc::c_void) -> *mut libc::c_void {
            // SAFETY: the creator keeps the flag until this thread was joined.
            let done = unsafe { &*done.cast::<AtomicBool>() };
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(300));
            }
            std::ptr::null_mut()
        }
        let mut stack = Pages::zeroed(2 * bytes).unwrap();
        stack.fill(PAINT);
        let done = Box::new(AtomicBool::new(false));
        // SAFETY: both are plain data which the calls below fill in.
        let (mut attributes, mut thread): (libc::pthread_attr_t, libc::pthread_t) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let before: HashSet<u32> = procfs::threads::ids().unwrap().0.into_iter().collect();
        // SAFETY: the stack is ours, page-aligned and outlives the thread, which is joined in `drop`.
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

    /// How far below its stack pointer the stack was written to.
    fn written_below(&self) -> u64 {
        let half = self.stack.len() / 2;
        // SAFETY: volatile looks at bytes another thread may write; any value is fine.
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

/// The kernel's frame, of which AT_MINSIGSTKSZ says the most it can be (with states a program has to ask for),
/// and nothing of ours. What the handler takes it takes of a stack of ours.
#[test]
fn the_handler_takes_nothing_of_the_threads_stack() {
    let _alone = alone();
    let thread = OnStack::asleep(256 * 1024);
    let before = thread.written_below();
    let dump = block_on(dump::dump_by_signals()).unwrap();
    assert_eq!(find(&dump.threads, thread.tid).stack.end, StackEnd::Root);
    let used = thread.written_below();
    // SAFETY: getauxval(3) takes any number and touches no memory of ours.
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) }.max(2048);
    eprintln!("signal frame: {used} of {frame} bytes (the thread itself had used {before})");
    // And the red zone. The dump interrupted sleep, which goes on: that takes what it took.
    assert!(used <= (frame + 128).max(before + 512), "{used} bytes");
}

#[test]
fn our_stacks_have_room_to_spare() {
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

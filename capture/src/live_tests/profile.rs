//! Tests of CPU profiles against the CPU clocks of the threads.

use std::ffi::CStr;

use rgops_protocol::reply::StackEnd;

use super::*;
use crate::modules::Modules;
use crate::{EngineError, exempt_threads, operation, session};

#[test]
fn weights_agree_with_the_cpu_clock_of_each_thread() {
    let _alone = alone();
    let busy = Worker::spinning();
    // The naps vary: the kernel checks CPU timers at its own ticks, and a thread in step with them
    // could run only between ticks and never be sampled.
    let mut nap_us = 200;
    let resting = Worker::repeat(move || {
        spin();
        std::thread::sleep(Duration::from_micros(nap_us));
        nap_us = 200 + nap_us * 31 % 397;
    });
    for hz in [99, 999] {
        let profile = profile(hz, for_cpu_time(busy.tid, Duration::from_millis(1000)));
        let period_ns = 1_000_000_000 / u64::from(hz);
        // Ticks of all threads that the kernel had not delivered at the end: more on a busy machine.
        let late = (profile.totals.late_cpu_ns / period_ns) as f64;
        for tid in [busy.tid, resting.tid] {
            let expected = profile.cpu_ns_of(tid) as f64 / period_ns as f64;
            let weight = profile.weight_of(tid) as f64;
            let tolerance = (expected * 0.05).max(3.0 * expected.sqrt());
            eprintln!("{hz} Hz: weight {weight}, clock {expected:.1}, late {late} of all");
            assert!(weight <= expected + tolerance, "{hz} Hz: {weight} of {expected}");
            assert!(weight + late >= expected - tolerance, "{hz} Hz: {weight} and {late} of {expected}");
        }
        let totals = &profile.totals;
        let samples: u64 = profile.samples.iter().map(|sample| u64::from(sample.weight)).sum();
        assert_eq!(totals.weight, samples);
        assert_eq!(totals.samples, profile.samples.len() as u64);
        assert_eq!((totals.dropped_ring, totals.dropped_cache, totals.timer_failures), (0, 0, 0));
        let listed: u64 = totals.threads.iter().map(|thread| thread.cpu_ns).sum();
        let explained = listed + totals.agent_cpu_ns + totals.unsampled_cpu_ns;
        assert!(
            explained.abs_diff(totals.process_cpu_ns) < totals.process_cpu_ns / 20 + 5_000_000,
            "{explained} of {}",
            totals.process_cpu_ns
        );
    }
}

#[test]
fn samples_reach_the_root_and_name_the_spinning_function() {
    let _alone = alone();
    let worker = Worker::spinning();
    let began = Instant::now();
    let profile = profile(999, for_cpu_time(worker.tid, Duration::from_millis(250)));
    let most_ns = began.elapsed().as_nanos() as u64;
    let own = || profile.samples.iter().filter(|sample| sample.tid == worker.tid);
    let roots = own().filter(|sample| sample.stack.end == StackEnd::Root).count();
    assert!(roots * 20 >= own().count() * 19, "{roots} of {}", own().count());
    let spin = spin as *const () as u64;
    // Without optimisation, it calls other functions.
    let leaf = |sample: &CpuSample| {
        sample.stack.frames.iter().take(4).any(|frame| (spin..spin + 1024).contains(frame))
    };
    let in_spin = own().filter(|sample| leaf(sample)).count();
    assert!(in_spin * 2 > own().count(), "{in_spin} of {}", own().count());
    assert!(own().count() > 10 && own().all(|sample| sample.time_ns <= most_ns));
}

#[test]
fn the_profiling_thread_is_not_sampled_but_its_time_is_reported() {
    let _alone = alone();
    let own = procfs::threads::own_id().unwrap();
    let mut looks = 0;
    let profile = profile(999, |_| {
        (0..20).for_each(|_| spin());
        looks += 1;
        looks > 10
    });
    assert_eq!(profile.weight_of(own), 0);
    assert!(profile.totals.threads.iter().all(|thread| thread.tid != own));
    assert!(profile.totals.agent_cpu_ns > 1_000_000);
}

#[test]
fn short_threads_are_counted_as_unsampled() {
    let _alone = alone();
    let ended = Arc::new(AtomicU32::new(0));
    let end = ended.clone();
    let worker = Worker::repeat(move || {
        std::thread::spawn(|| (0..4).for_each(|_| spin())).join().unwrap();
        end.fetch_add(1, Ordering::Relaxed);
    });
    // Enough threads that some are sampled and some are not.
    let profile = profile(999, |_| ended.load(Ordering::Relaxed) > 200);
    drop(worker);
    let totals = &profile.totals;
    assert!(totals.unsampled_cpu_ns > 0, "{totals:?}");
    assert!(totals.unsampled_cpu_ns <= totals.process_cpu_ns);
    assert!(totals.threads.iter().any(|thread| thread.ended));
    let period_ns = 1_000_000_000 / 999;
    let captured_ns = totals.weight * period_ns;
    let explained = captured_ns + totals.late_cpu_ns + totals.unsampled_cpu_ns + totals.agent_cpu_ns;
    // First ticks are random: the error is a part of a tick for each thread that had a timer.
    let chance_ns = (3.0 * (totals.threads.len() as f64 / 4.0).sqrt() * period_ns as f64) as u64;
    let allowed = totals.process_cpu_ns / 50 + chance_ns;
    assert!(explained.abs_diff(totals.process_cpu_ns) < allowed, "{explained} +- {allowed}: {totals:?}");
}

#[test]
fn a_full_ring_counts_dropped_samples() {
    let _alone = alone();
    let ring = operation::Operation::begin(
        operation::Claim::take().unwrap(),
        Modules::read(None).unwrap(),
        4 * 1024,
    )
    .unwrap();
    let deep_worker = Worker::repeat(|| {
        deep(100, &mut spin);
    });
    let value = ring.signal_value(deep_worker.tid);
    eventually("a full ring", || {
        crate::signal_info::send(deep_worker.tid, value).unwrap();
        ring.losses().ring.load(Ordering::Relaxed) > 0
    });
    assert!(ring.lost_weight() > 0);
}

/// Samples in a library that is loaded during the profile are attributed to it.
#[cfg(target_env = "gnu")]
#[test]
fn a_library_loaded_during_the_profile_is_listed() {
    type Bessel = extern "C" fn(i32, f64) -> f64;
    const LIBRARY: &CStr = c"libm.so.6";
    let _alone = alone();
    let worker = Worker::repeat(move || {
        std::thread::sleep(Duration::from_millis(60));
        // SAFETY: loads the C library's mathematics library, whose constructors have no relevant effect. `jn` has
        // this type (jn(3)) and is not called after dlclose.
        unsafe {
            let library = libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null());
            let jn = libc::dlsym(library, c"jn".as_ptr());
            assert!(!jn.is_null());
            let jn = std::mem::transmute::<*mut libc::c_void, Bessel>(jn);
            for _ in 0..100 {
                black_box(jn(black_box(100_000), black_box(200_000.5)));
            }
            libc::dlclose(library);
        }
    });
    let profile = profile(999, for_cpu_time(worker.tid, Duration::from_millis(500)));
    let library = profile.modules.iter().find(|module| module.path.contains("libm.so")).unwrap();
    assert!(library.has_unwind_data && !library.build_id.is_empty());
    let code = library.start_avma..library.end_avma;
    let inside: Vec<_> = profile
        .samples
        .iter()
        .filter(|sample| sample.tid == worker.tid && code.contains(&sample.stack.frames[0]))
        .collect();
    assert!(!inside.is_empty());
    let roots = inside.iter().filter(|sample| sample.stack.end == StackEnd::Root).count();
    assert!(roots * 2 > inside.len(), "{roots} of {}", inside.len());
}

#[test]
fn a_thread_on_a_stack_of_unknown_size_gets_one_signal_and_no_more() {
    let _alone = alone();
    let coroutine = Coroutine::spinning();
    let tid = coroutine.tid;
    let mut sampler = CpuSampler::start(10_000).unwrap();
    // 1000 ticks without reading the ring.
    coroutine.compute(Duration::from_millis(100));
    let samples = sampler.tick().samples.iter().filter(|sample| sample.tid == tid).count();
    assert_eq!(samples, 1);
    assert!(exempt_threads::contains(tid));
    let stopped = sampler.stop();
    assert!(stopped.samples.iter().all(|sample| sample.tid != tid));
    assert_eq!(stopped.cuts.exempt_threads, 1);
}

#[test]
fn a_thread_on_a_stack_of_unknown_size_is_exempted_when_the_ring_is_full() {
    let _alone = alone();
    let coroutine = Coroutine::waiting();
    let tid = coroutine.tid;
    let mut sampler = CpuSampler::start(10_000).unwrap();
    sampler.fill_ring();
    coroutine.compute(Duration::from_millis(100));
    assert!(sampler.tick().samples.iter().all(|sample| sample.tid != tid));
    assert!(exempt_threads::contains(tid));
    coroutine.compute(Duration::from_millis(200));
    let stopped = sampler.stop();
    assert_eq!(stopped.cuts.exempt_threads, 1);
    // The CPU time that it used from then on has that reason.
    assert!(stopped.unsampled.exempt_ns >= 100_000_000, "{:?}", stopped.unsampled);
}

/// As when a debugger stops a thread inside the handler: captures end, the memory that they keep is limited, and they
/// work again when the thread continues.
#[test]
fn a_thread_that_does_not_leave_the_handler_retains_at_most_two_sessions() {
    let _alone = alone();
    let begin = || operation::Operation::begin(operation::Claim::take()?, Modules::read(None)?, 4 * 1024);
    // A first operation, so that the handler below belongs to this process.
    drop(begin().unwrap());
    let (sender, receiver) = mpsc::channel();
    let (hold, held) = mpsc::channel::<()>();
    let handler = std::thread::spawn(move || {
        session::inside(|| {
            sender.send(()).unwrap();
            let _ = held.recv();
        });
    });
    receiver.recv().unwrap();
    for _ in 0..operation::MAX_RETAINED {
        let began = Instant::now();
        drop(begin().unwrap());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    let refusal = begin().err().unwrap();
    assert!(matches!(refusal, EngineError::Inside));
    // A thread that was terminated in the handler never continues.
    assert!(refusal.into_answer("no profile").fix.contains("restart the program"));
    assert_eq!(operation::retained(), operation::MAX_RETAINED);
    drop(hold);
    handler.join().unwrap();
    drop(begin().unwrap());
    assert_eq!(operation::retained(), 0);
}

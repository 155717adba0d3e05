//! Stress test: profiles and dumps of threads that panic, start and end, allocate, capture backtraces, recurse deeply,
//! call dlopen and dlclose, and fork. Takes 3 s, or `RGOPS_ENGINE_TORTURE_SECONDS`.

use super::*;
use crate::dump;

fn unwind_a_panic() {
    let result = std::panic::catch_unwind(|| {
        deep(30, &mut || std::panic::resume_unwind(Box::new(1u32)));
    });
    assert!(result.is_err());
}

fn allocate() {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for step in 1..300usize {
        blocks.push(vec![1; step * 37 % 5000 + 1]);
        if step % 3 == 0 {
            blocks.swap_remove(step % blocks.len());
        }
    }
    black_box(vec![1u8; 1 << 20]);
    black_box(blocks);
}

fn churn_threads() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                spin();
                unwind_a_panic();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn load_and_unload() {
    for library in [c"libm.so.6", c"libz.so.1", c"libutil.so.1", c"libresolv.so.2"] {
        // SAFETY: system libraries whose constructors have no relevant effect. A missing one
        // gives null, and none of their symbols is used.
        unsafe {
            let library = libc::dlopen(library.as_ptr(), libc::RTLD_NOW);
            if !library.is_null() {
                libc::dlclose(library);
            }
        }
    }
}

fn fork_and_wait() {
    // SAFETY: the child exits at once, and the parent waits for it.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(0);
        }
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
    }
    std::thread::sleep(Duration::from_millis(5));
}

#[test]
fn torture() {
    let seconds =
        std::env::var("RGOPS_ENGINE_TORTURE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let hz = std::env::var("RGOPS_TORTURE_HZ").ok().and_then(|text| text.parse().ok()).unwrap_or(999);
    let _alone = alone();
    let works: [fn(); 9] = [
        unwind_a_panic,
        unwind_a_panic,
        allocate,
        churn_threads,
        || drop(black_box(std::backtrace::Backtrace::force_capture())),
        || {
            deep(2000, &mut spin);
        },
        load_and_unload,
        fork_and_wait,
        spin,
    ];
    let workers: Vec<_> = works.into_iter().map(Worker::repeat).collect();
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let (mut weight, mut lost, mut cpu_ns, mut dropped, mut unsampled_ns) = (0, 0, 0, 0, 0);
    let (mut late_ns, mut threads) = (0, 0);
    while Instant::now() < deadline {
        let profile = profile(hz, for_time(Duration::from_millis(2000)));
        let totals = profile.totals;
        weight += totals.weight;
        lost += totals.lost_walks;
        dropped += totals.dropped_ring + totals.dropped_cache;
        cpu_ns += totals.process_cpu_ns - totals.agent_cpu_ns;
        unsampled_ns += totals.unsampled_cpu_ns;
        late_ns += totals.late_cpu_ns;
        threads += totals.threads.len();
        let dump = block_on(dump::dump(None)).unwrap();
        assert!(dump.threads.len() >= workers.len());
    }
    assert!(workers.iter().all(|worker| !worker.thread.as_ref().unwrap().is_finished()));
    let share = |ns: f64| ns / cpu_ns as f64;
    let period_ns = 1e9 / f64::from(hz);
    let captured = share((weight + dropped) as f64 * period_ns);
    let (unsampled, late) = (share(unsampled_ns as f64), share(late_ns as f64));
    eprintln!(
        "{seconds} s at {hz} Hz: weight {weight}, {:.1} % of the CPU clock, {:.1} % unsampled, {:.1} % late, \
         {dropped} dropped, {lost} lost walks",
        captured * 100.0,
        unsampled * 100.0,
        late * 100.0,
    );
    // Compared with the CPU clock, whatever the load: 2 %, plus 3 σ of the threads' first ticks,
    // which are random (each thread's ticks differ from its CPU time by a part of one).
    let allowed = 0.02 + 3.0 * share((threads as f64 / 4.0).sqrt() * period_ns);
    let explained = captured + unsampled + late;
    assert!((explained - 1.0).abs() < allowed, "{explained}, allowed 1 +- {allowed}");
}

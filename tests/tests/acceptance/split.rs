//! The threads of `split` have known shares of CPU. A profile must show the share of each, also of those that run for
//! 20 µs at a time. `RGOPS_LONG=1` takes profiles three times as long.

use std::collections::BTreeMap;
use std::env;

use rgops_tests::built;
use rgops_tests::profiled::Profiled;
use rgops_tests::running::Running;

const THREADS: [&str; 4] = ["busy", "1ms-of-10", "20us-of-2ms", "1-percent"];

// One test instead of two: at the same time they would compete for CPUs.
#[test]
fn every_thread_has_its_share() {
    let _alone = crate::alone();
    let split = Running::start_and_wait(&built::release("split"), &[]);
    let seconds = if env::var_os("RGOPS_LONG").is_some() { 15 } else { 5 };
    for hz in [99, 999] {
        check_shares(&split, seconds, hz);
    }
}

fn check_shares(split: &Running, seconds: u32, hz: u32) {
    let before: BTreeMap<_, _> = split.thread_clocks().into_iter().collect();
    let profiled = Profiled::take(split, seconds, hz);
    let after: BTreeMap<_, _> = split.thread_clocks().into_iter().collect();

    // Shares, because the clocks are read a little before and after the profile.
    let clocks = THREADS.map(|name| (after[name] - before[name]) as f64);
    let weights = THREADS.map(|name| profiled.weights.get(name).copied().unwrap_or(0) as f64);
    let (all_clocks, all_weights) = (clocks.iter().sum::<f64>(), weights.iter().sum::<f64>());
    // Half of the ticks that these clocks correspond to: they include CPU time before and after the profile.
    let ticks = all_clocks / 1e9 * f64::from(hz);
    assert!(all_weights > ticks / 2.0, "{all_weights} ticks of {ticks}: {profiled:?}");
    let by_weights: u64 = profiled.cpu_ns.values().sum();
    let total = (by_weights + profiled.silent_ns) as f64 / profiled.clock_ns as f64 - 1.0;
    // Each of the six threads may be off by one tick: at 99 Hz that is more than 2 %.
    let allowed = 0.02 + if hz == 999 { 0.0 } else { 6.0 / all_weights };
    println!(
        "{hz} Hz: all weights and {} ms without samples are {:+.2} % of the process's CPU clock",
        profiled.silent_ns / 1_000_000,
        total * 100.0
    );
    assert!(total.abs() < allowed, "{total:+} at {hz} Hz");
    println!("{hz} Hz, {seconds} s: thread, share by clock, share by profile, difference, allowed");
    for ((name, clock), weight) in THREADS.iter().zip(clocks).zip(weights) {
        let (truth, found) = (clock / all_clocks, weight / all_weights);
        // The relative deviation of a count is 1/√expected.
        let allowed = (3.0 / (truth * all_weights).sqrt()).max(0.05);
        let difference = found / truth - 1.0;
        println!(
            "  {name:<12} {:7.3} % {:7.3} % {:+6.1} % {:5.1} %",
            truth * 100.0,
            found * 100.0,
            difference * 100.0,
            allowed * 100.0
        );
        assert!(difference.abs() <= allowed, "{name} at {hz} Hz: {found} instead of {truth}");
    }
}

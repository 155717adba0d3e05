//! `shop` under load: a profile accounts for all CPU time of the process, and contains the shop's known functions.
//! `RGOPS_LONG=1` takes a profile twice as long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rgops_tests::built;
use rgops_tests::profiled::Profiled;
use rgops_tests::running::{Running, rgops};

#[test]
fn a_profile_accounts_for_the_cpu_clock_of_the_process() {
    let _alone = crate::alone();
    let shop = Running::start(&built::release("shop"), &["--load", "500"]);
    // Of the program's threads; the agent's are not in the profile.
    let cpu = || {
        let clocks = shop.thread_clocks();
        let programs = clocks.iter().filter(|(name, _)| !name.starts_with("rgops-"));
        programs.map(|(_, clock)| *clock).sum::<u64>() as f64
    };
    // The load needs a moment to become steady: its connections, the first sessions.
    let pid = shop.pid().to_string();
    while cpu() < 3e8 {
        assert_eq!(rgops(&["stats", &pid]).code, 0);
    }

    let long = std::env::var_os("RGOPS_LONG").is_some();
    let mut missing = vec![
        "shop::catalogue::best_discount",
        "shop::catalogue::checksum",
        "shop::catalogue::similarity",
        "shop::catalogue::trigram_overlap",
        "shop::recommendations::recommend",
    ];
    // The smallest of them uses one or two percent of the time: of the 200 to 300 samples of one profile, chance can
    // leave it out. Of those of all profiles it cannot (less than once in a million for one percent).
    for _ in 0..PROFILES {
        let (profiled, readings) =
            with_readings(&cpu, || Profiled::take(&shop, if long { 10 } else { 5 }, 99));
        println!("{}", profiled.answer.output);
        assert_accounts_for_the_clock(&profiled, &readings);
        missing.retain(|function| !profiled.functions.contains(*function));
        if missing.is_empty() {
            return;
        }
    }
    panic!("{missing:?} are not in {PROFILES} profiles");
}

/// As many profiles are taken at most.
const PROFILES: usize = 6;

/// The weights of a profile add up to the CPU time in its window, by the clocks: at least from the first reading in it
/// to the last, at most from the last reading before it to the first after it. The distance between the two depends on
/// the machine.
fn assert_accounts_for_the_clock(profiled: &Profiled, readings: &[(u64, f64)]) {
    let weights = (profiled.cpu_ns.values().sum::<u64>() + profiled.silent_ns) as f64;
    let end = profiled.begin_ns + profiled.duration_ns;
    let at = |position: Option<usize>| readings[position.expect("read before and after")].1;
    let before = readings.iter().rposition(|(time, _)| *time <= profiled.begin_ns);
    let behind = readings.iter().position(|(time, _)| *time >= end);
    let least = at(behind.map(|at| at - 1)) - at(before.map(|at| at + 1));
    let most = at(behind) - at(before);
    println!("{weights} ns by the profile, {least} to {most} by the clocks");
    assert!(weights > least * 0.97 && weights < most * 1.03, "{weights} instead of {least} to {most}");
}

/// Runs `work` while `clock` is read: the times of the readings in nanoseconds since 1970, and their values.
fn with_readings<T>(clock: &(impl Fn() -> f64 + Sync), work: impl FnOnce() -> T) -> (T, Vec<(u64, f64)>) {
    let is_over = AtomicBool::new(false);
    let read = || {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        (time.as_nanos() as u64, clock())
    };
    std::thread::scope(|scope| {
        let first = read();
        let reader = scope.spawn(|| {
            let mut readings = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                readings.push(read());
                std::thread::sleep(Duration::from_millis(20));
            }
            readings
        });
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        let mut readings = vec![first];
        readings.extend(reader.join().unwrap());
        readings.push(read());
        (done, readings)
    })
}

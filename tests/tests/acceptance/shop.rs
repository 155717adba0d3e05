//! `shop` under load: a profile accounts for all the CPU time the process used, and names what the
//! shop is known to do. `RGOPS_LONG=1` takes a profile twice as long.

use std::time::Instant;

use rgops_tests::built;
use rgops_tests::profiled::Profiled;
use rgops_tests::running::{Running, rgops};

#[test]
fn a_profile_accounts_for_the_processs_cpu_clock() {
    let _alone = crate::alone();
    let shop = Running::start(&built::release("shop"), &["--load", "500"]);
    let cpu = || shop.thread_clocks().iter().map(|(_, clock)| *clock).sum::<u64>() as f64;
    // The load needs a moment to be steady: its connections, the first sessions.
    let pid = shop.pid().to_string();
    while cpu() < 3e8 {
        assert_eq!(rgops(&["stats", &pid]).code, 0);
    }

    let long = std::env::var_os("RGOPS_LONG").is_some();
    let (before, begin) = (cpu(), Instant::now());
    let profiled = Profiled::take(&shop, if long { 10 } else { 5 }, 99);
    let (after, elapsed) = (cpu(), begin.elapsed());

    let weights = profiled.cpu_ns.values().sum::<u64>() as f64;
    // Per second, as the clocks are read a little before and after the profile.
    let by_profile = weights / profiled.duration_ns as f64;
    let by_clock = (after - before) / elapsed.as_nanos() as f64;
    println!("CPUs used: {by_profile:.4} by the profile, {by_clock:.4} by the clocks");
    println!("{}", profiled.answer.output);
    assert!((by_profile / by_clock - 1.0).abs() < 0.03, "{by_profile} instead of {by_clock}");
    for function in [
        "shop::catalogue::best_discount",
        "shop::catalogue::checksum",
        "shop::catalogue::similarity",
        "shop::catalogue::trigram_overlap",
        "shop::recommendations::recommend",
    ] {
        assert!(profiled.functions.contains(function), "{function} is not in the profile");
    }
}

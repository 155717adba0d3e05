//! The tour succeeds: every command of rgops answers on a real service. When it is interrupted, it leaves no process
//! running. Its name makes it the first test to start, because it takes longest and mostly waits.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rgops_tests::built;
use rgops_tests::program::finished;
use rgops_tests::running::Running;

/// The tour without cargo: beside its programs, which are already built.
fn tour() -> Command {
    let mut tour = Command::new(built::release("tour"));
    tour.env_remove("CARGO").stdin(Stdio::null());
    tour
}

#[test]
fn every_command_answers_in_under_two_minutes() {
    // Built before the time is measured.
    let mut tour = tour();
    let begin = Instant::now();
    let output = finished(&mut tour);
    let screen = String::from_utf8_lossy(&output.stdout);
    println!("{screen}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
    assert!(begin.elapsed() < Duration::from_secs(120));
    for heading in [
        "$ rgops\n",
        "$ rgops tree\n",
        "$ rgops version ",
        "$ rgops stats ",
        "$ rgops memstats ",
        "$ rgops stack ",
        "$ rgops tasks ",
        "$ rgops schedtrace ",
        "$ rgops pprof-cpu ",
        "$ rgops pprof-heap ",
        "$ rgops pprof -peek ",
        "$ rgops pprof --http ",
        "$ rgops leaks ",
        "$ rgops gc ",
        "$ rgops trace ",
    ] {
        assert!(screen.contains(heading), "{heading}");
    }
    let address = screen.lines().find(|line| line.starts_with("  http://127.0.0.1:"));
    assert!(address.is_some(), "it ends with the address of a page, which it has asked for");
    assert!(!screen.contains('\x1b'), "colours in a file");
}

#[test]
fn an_interrupted_tour_leaves_no_process_running() {
    let mut running = Running::run(tour().args(["--lines", "3"]));
    running.line(); // The empty line before the shop.
    let started = running.line();
    assert!(started.starts_with("$ shop"), "{started}");
    let shop = running.line();
    let pid: u32 = shop.strip_prefix("shop: pid ").unwrap().split(',').next().unwrap().parse().unwrap();
    let socket = shop.rsplit_once("agent ").unwrap().1.to_owned();
    assert!(fs::exists(format!("/proc/{pid}")).unwrap());
    assert!(running.interrupt(), "the tour calls it a success");
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "shop still runs");
    assert!(!fs::exists(&socket).unwrap(), "{socket} is still there");
}

//! Promise 6: a handler that the program installs during a profile keeps the signal from then on. The profile ends,
//! and the notes on the screen, the JSON and the pprof file report it.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rgops_tests::itself::{self, Itself};
use rgops_tests::running::rgops;

static RECEIVED: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn counting(_: i32) {
    RECEIVED.fetch_add(1, Ordering::SeqCst);
}

/// sigaction(2) for SIGPROF; returns the former handler.
fn exchange(handler: Option<usize>) -> usize {
    // SAFETY: plain data, valid when zeroed; the handler only counts.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        let mut old: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler.unwrap_or_default();
        new.sa_flags = libc::SA_RESTART;
        let new = if handler.is_some() { &raw const new } else { std::ptr::null() };
        assert_eq!(libc::sigaction(libc::SIGPROF, new, &mut old), 0);
        old.sa_sigaction
    }
}

fn spin() {
    let mut number = 1u64;
    for step in 0..100_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

#[test]
#[ignore = "started by another test"]
fn takes_the_signal() {
    if !itself::is_target() {
        return;
    }
    let own = counting as *const () as usize;
    let spinning = std::thread::spawn(move || {
        while exchange(None) == libc::SIG_DFL && !STOP.load(Ordering::Relaxed) {
            spin();
        }
        // A profile is running.
        (0..100).for_each(|_| spin());
        exchange(Some(own));
        while !STOP.load(Ordering::Relaxed) {
            spin();
        }
    });
    itself::listen_until_input();
    STOP.store(true, Ordering::Relaxed);
    spinning.join().unwrap();
    assert_eq!(exchange(None), own, "the program's handler was replaced");
    let before = RECEIVED.load(Ordering::SeqCst);
    // SAFETY: the signal has a handler, which has run when raise(3) returns.
    unsafe { libc::raise(libc::SIGPROF) };
    assert_eq!(RECEIVED.load(Ordering::SeqCst), before + 1);
}

#[test]
fn a_profile_whose_signal_is_taken_ends_and_reports_it_everywhere() {
    let target = Itself::start("p06_taken_over::takes_the_signal");
    let file = std::env::temp_dir().join(format!("rgops-taken-{}.pb.gz", std::process::id()));
    let pid = target.pid().to_string();
    let file_name = file.display().to_string();
    let answer =
        rgops(&["pprof-cpu", &pid, "--duration", "60", "--hz", "999", "--output", &file_name, "--json"]);
    assert!(answer.took.as_secs() < 50, "it ran on: {answer:?}");
    let why = "the program installed its own SIGPROF handler after ";
    let json = answer.json();
    let notes = json["notes"].as_array().unwrap();
    let note = notes.iter().find(|note| note["kind"] == "ended-early").unwrap_or_else(|| panic!("{json}"));
    assert!(note["why"].as_str().unwrap().starts_with(why), "{note}");
    // Samples taken before are kept.
    assert!(json["reconciliation"]["samples"].as_u64().unwrap() > 0, "{json}");

    let profile = rgops_inspect::profile::read(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let is_reported = |comment: &i64| profile.text(*comment).starts_with(&format!("Ended early: {why}"));
    assert!(profile.comment.iter().any(is_reported));

    // The next captures install over the program's handler and restore it afterwards.
    let profile = target.profile(200);
    assert!(profile.totals().weight > 0 && !target.dump().is_empty());
    target.end();
}

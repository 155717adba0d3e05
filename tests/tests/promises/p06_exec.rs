//! Promise 6: a program that replaces itself with execve(2) during a capture is not harmed. Its timers end with the
//! old image, and so do pending signals of ours. In the new image they would meet the default disposition and end it.

use std::hint::black_box;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rgops_agent::Options;
use rgops_inspect::client::{Client, Endpoint};
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::request::{Request, StackRequest};
use rgops_tests::asking::{TIMEOUTS, ask};
use rgops_tests::itself::{self, Itself};

const ROUND: &str = "RGOPS_TEST_ROUND";

fn rounds() -> u64 {
    if std::env::var_os("RGOPS_LONG").is_some() { 1000 } else { 60 }
}

fn spin() {
    let mut number = 1u64;
    for step in 0..300_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

#[test]
#[ignore = "started by another test"]
fn replaces_itself() {
    if !itself::is_target() {
        return;
    }
    let round: u64 = std::env::var(ROUND).map_or(0, |text| text.parse().unwrap());
    if round == rounds() {
        let agent = rgops_agent::listen(Options::default().name("last")).unwrap();
        itself::wait_for_input(&agent);
        return;
    }
    let agent = rgops_agent::listen(Options::default()).unwrap();
    if round == 0 {
        println!("\nready {}", agent.address());
    }
    (0..10).for_each(|_| spin());
    // A long environment takes the kernel a while to copy, on this thread's CPU clock, before it ends the other
    // threads: a capture continues meanwhile.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(std::env::args_os().skip(1)).env(ROUND, (round + 1).to_string());
    let long = "x".repeat(120 * 1024);
    command.envs((0..12).map(|number| (format!("LONG{number}"), &long)));
    panic!("execve: {}", command.exec());
}

#[test]
fn no_signal_of_a_capture_ends_the_next_image() {
    let mut target = Itself::start("p06_exec::replaces_itself");
    let address = target.address().to_owned();
    let endpoint = Endpoint::Local { path: address.as_str().into(), expected: None };
    let (mut dumps, mut profiles, mut turn) = (0, 0, 0);
    loop {
        assert!(target.is_running(), "ended after {dumps} dumps and {profiles} profiles");
        turn += 1;
        // An exec may cut off any of them.
        if turn % 4 == 0 {
            profiles += u32::from(target.try_profile(10_000, 20).is_ok());
        } else {
            let request = Request::Stack(StackRequest { max_depth: 8 });
            dumps += u32::from(ask::<StackPart>(&address, &request).is_ok_and(|dump| dump.end.is_ok()));
        }
        if Client::connect(&endpoint, TIMEOUTS).is_ok_and(|client| client.hello().name == "last") {
            break;
        }
    }
    println!("{dumps} dumps and {profiles} profiles of {} images", rounds());
    assert!(dumps > 0);
    // Nothing of the former images remains: no timer, and only the program's usual handlers.
    let timers = std::fs::read_to_string(format!("/proc/{}/timers", target.pid())).unwrap();
    assert_eq!(timers, "");
    assert!(target.profile(100).totals().timer_failures == 0 && !target.dump().is_empty());
    target.end();
}

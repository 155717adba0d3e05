//! What rgops says about programs that nobody prepared for it: each shows one fault, or looks as if it had one. The
//! programs are in tests/targets/cases.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod block_on;
mod blocked_main;
mod blocked_thread;
mod crowd_of_threads;
mod cut_stacks;
mod debuginfod;
mod default_build;
mod descriptors;
mod diagnose;
mod facts;
mod futurelock;
mod gone;
mod jit;
mod kernel_time;
mod leaderless;
mod local_set;
mod long_names;
mod no_tokio;
mod parked_locks;
mod peers;
mod since_when;
mod slow_leak;
mod smallest;
mod stopped;
mod stripped;
mod thread_locks;
mod waits;

use rgops_tests::built;
use rgops_tests::running::{Answer, Running, rgops};
use rgops_tests::turns::alone;

/// Starts one of the programs and waits for its line `pid N`.
fn start(arguments: &[&str]) -> Running {
    Running::start(&built::release("cases"), arguments)
}

/// What a command says about it.
fn ask(target: &Running, command: &str, options: &[&str]) -> Answer {
    let pid = target.pid().to_string();
    let answer = rgops(&[&[command, &pid], options].concat());
    println!(
        "$ rgops {command} {pid} {} → {}\n{}{}",
        options.join(" "),
        answer.code,
        answer.output,
        answer.errors
    );
    answer
}

/// `rgops PID`.
fn details(target: &Running, options: &[&str]) -> Answer {
    let pid = target.pid().to_string();
    rgops(&[&[pid.as_str()], options].concat())
}

/// Waits until something is so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    rgops_tests::waiting::until(what, || is_so().then_some(()));
}

//! Small programs that each show one thing that is wrong, or that is hard to see: `cases NAME [ARGUMENTS]`.
//!
//! Each listens, prints `pid N`, and comes into the state that its module describes.

mod block_on;
mod blocked_main;
mod blocked_thread;
mod crowd_of_threads;
mod cut_stacks;
mod daemonize;
mod emfile;
mod futurelock;
mod jit;
mod kernel_time;
mod leaderless;
mod local_set;
mod long_names;
mod parked_locks;
mod pool;
mod pools;
mod since_when;
mod thread_locks;
mod waits;
mod zombie;

use std::process::exit;
use std::sync::OnceLock;

/// Name, and what runs: it gets the arguments after the name.
type Case = (&'static str, fn(&[String]));

/// All programs.
const CASES: &[Case] = &[
    ("block-on", block_on::run),
    ("blocked-main", blocked_main::run),
    ("blocked-thread", blocked_thread::run),
    ("crowd-of-threads", crowd_of_threads::run),
    ("cut-stacks", cut_stacks::run),
    ("daemonize", daemonize::run),
    ("emfile", emfile::run),
    ("futurelock", futurelock::run),
    ("jit", jit::run),
    ("kernel-time", kernel_time::run),
    ("leaderless", leaderless::run),
    ("local-set", local_set::run),
    ("long-names", long_names::run),
    ("parked-locks", parked_locks::run),
    ("pool", pool::run),
    ("pools", pools::run),
    ("since-when", since_when::run),
    ("thread-locks", thread_locks::run),
    ("waits", waits::run),
    ("zombie", zombie::run),
];

static AGENT: OnceLock<rgops_agent::Agent> = OnceLock::new();

/// Has the agent list the tasks of the runtime that this is called in.
fn watch() {
    if let Some(agent) = AGENT.get() {
        agent.watch(&tokio::runtime::Handle::current(), "main");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("", String::as_str);
    let Some((_, run)) = CASES.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: cases NAME [ARGUMENTS], with a name of: {}", names.join(", "));
        exit(2);
    };
    let agent =
        rgops_agent::listen(rgops_agent::Options::default()).expect("nothing else listens for this process");
    let _ = AGENT.set(agent);
    println!("pid {}", std::process::id());
    run(&arguments[1..]);
}

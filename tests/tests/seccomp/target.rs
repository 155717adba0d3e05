//! The sandboxed program.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rgops_agent::{Command, Options};
use rgops_tests::itself::{self, Itself};

use crate::filters::enforce;

/// The lists also contain the calls that it needs (`WRAPPER` in `filters.rs`).
#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> =
    rgops_agent::alloc::Sampling::new(std::alloc::System);
const HEAP_RATE: u64 = 4096;

pub(super) const DEPTH: u64 = 30;
pub(super) const TASKS: usize = 20;

#[inline(never)]
fn deep(depth: u64, last: &mut dyn FnMut()) -> u64 {
    if depth == 0 {
        last();
        return 0;
    }
    black_box(deep(depth - 1, last)) + 1
}

fn spin() {
    let mut number = 1u64;
    for step in 0..1_000_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

/// Starts short-lived threads that allocate: each takes a slot of the wrapper, and has a stack to walk.
fn allocate() {
    let blocks = || drop(black_box((0..64).map(|_| vec![1u8; 1000]).collect::<Vec<_>>()));
    let thread = std::thread::Builder::new().name("allocates".into());
    thread.spawn(move || deep(DEPTH, &mut || blocks())).unwrap().join().unwrap();
    std::thread::sleep(Duration::from_millis(1));
}

#[test]
#[ignore = "started by other tests"]
fn sandboxed() {
    if !itself::is_target() {
        return;
    }
    let name = std::env::var("RGOPS_TEST_FILTER").unwrap();
    let begun = Arc::new(Barrier::new(4));
    for (name, work) in [
        ("spins", spin as fn()),
        ("sleeps", || std::thread::sleep(Duration::from_secs(1000))),
        ("starts threads", allocate),
    ] {
        let begun = begun.clone();
        let work = move || {
            deep(DEPTH, &mut || {
                begun.wait();
                loop {
                    work();
                }
            });
        };
        std::thread::Builder::new().name(name.into()).spawn(work).unwrap();
    }
    // From here on, all have their names, and have made their initial system calls.
    begun.wait();
    let is_before = std::env::var_os("RGOPS_TEST_BEFORE").is_some();
    if is_before {
        enforce(&name);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..TASKS {
        runtime.spawn(std::future::pending::<()>());
    }
    let mut options = Options::default().watch(runtime.handle(), "tasks").heap_rate(HEAP_RATE);
    if name == "strict, no captures" {
        let captures = [Command::PprofCpu, Command::Stack, Command::Trace, Command::Tasks, Command::Read];
        options = captures.into_iter().fold(options, Options::deny);
    }
    let agent = rgops_agent::listen(options).unwrap();
    if !is_before {
        enforce(&name);
    }
    itself::wait_for_input(&agent);
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

pub(super) fn start(filter: &str, is_before: bool) -> Itself {
    let mut variables = vec![("RGOPS_TEST_FILTER", filter)];
    if is_before {
        variables.push(("RGOPS_TEST_BEFORE", "1"));
    }
    Itself::start_with("target::sandboxed", &variables)
}

/// Prints the result of `listen` under a filter; the program's descriptors must not change.
#[test]
#[ignore = "started by other tests"]
fn sandboxed_before_it_listens() {
    if !itself::is_target() {
        return;
    }
    let descriptors = || {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap();
        // The last descriptor belongs to this iterator.
        let mut open: Vec<_> =
            entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
        open.pop();
        open
    };
    enforce(&std::env::var("RGOPS_TEST_FILTER").unwrap());
    let before = descriptors();
    let result = match rgops_agent::listen(Options::default()) {
        Ok(agent) => {
            agent.close();
            "listened".to_owned()
        }
        Err(error) => format!("{error:?}: {error}"),
    };
    assert_eq!(descriptors(), before);
    println!("\nready {}", result.replace('\n', " "));
    let _ = std::io::stdin().read_line(&mut String::new());
}

//! A program that uses the CPU, holds memory, waits for a lock, and has tasks: each in a function with a name.

use std::hint::black_box;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rgops_tests::program::Program;

const VARIABLE: &str = "RGOPS_TEST_SERVED";

/// A running target, killed when dropped.
pub(crate) struct Target(Program);

impl Target {
    pub(crate) fn start() -> Target {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let only = ["--ignored", "--exact", "target::served", "--nocapture", "--test-threads=1"];
        let mut program = Program::start(command.args(only).env(VARIABLE, "1"));
        assert!(program.line_behind("ready").is_some(), "the target ended before it was ready");
        Target(program)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }
}

#[test]
#[ignore = "started by the other tests"]
fn served() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let inside = runtime.enter();
    let agent = rgops_agent::listen(rgops_agent::Options::default().name("served shop")).unwrap();
    let held = held_here();
    std::thread::Builder::new().name("burner".to_owned()).spawn(burned_here).unwrap();
    let lock = Arc::new(Mutex::new(0));
    for name in ["one", "two"] {
        let lock = Arc::clone(&lock);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || locked_here(&lock)).unwrap();
    }
    for _ in 0..3 {
        tokio::spawn(asleep_here());
    }
    println!("\nready {}", agent.address());
    let _ = std::io::stdin().read_line(&mut String::new());
    drop((held, inside));
    std::process::exit(0);
}

#[inline(never)]
fn held_here() -> Vec<Vec<u8>> {
    (0..64).map(|number| black_box(vec![number; 256 << 10])).collect()
}

#[inline(never)]
fn burned_here() {
    let mut sum = 0u64;
    loop {
        // Half of a CPU, so that tests have the rest.
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(5) {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[inline(never)]
fn locked_here(lock: &Mutex<u64>) {
    loop {
        let mut held = lock.lock().unwrap();
        *held += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn asleep_here() {
    loop {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
}

//! Two threads that a test recognises, a spinning one and a parked one, and a Tokio runtime with a task. Runs until
//! its standard output is closed or it is killed.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io;
use std::thread;
use std::time::Duration;

use rgops_agent::{self as agent, Options};

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let inside = runtime.enter();
    let agent = agent::listen(Options::default())?;
    drop(inside);
    println!("odd: pid {}, agent {}", std::process::id(), agent.address());
    thread::Builder::new().name("odd-spinner".to_owned()).spawn(odd_spin)?;
    thread::Builder::new().name("odd-parked".to_owned()).spawn(odd_park)?;
    println!("ready");
    runtime.block_on(async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}

#[inline(never)]
fn odd_spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

#[inline(never)]
fn odd_park() {
    loop {
        thread::park();
    }
}

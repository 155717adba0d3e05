//! A program with a child that has ended and that it does not wait for: `cases zombie`. It prints the child's pid.

use std::process::Command;
use std::thread;
use std::time::Duration;

pub(crate) fn run(_arguments: &[String]) {
    let child = Command::new("/proc/self/exe").spawn().expect("it can be started again");
    println!("child {}", child.id());
    thread::sleep(Duration::from_secs(600));
    drop(child);
}

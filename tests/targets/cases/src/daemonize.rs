//! A program that forks after it called `listen`, and goes on in the child: `cases daemonize`, or `cases daemonize
//! again`, which calls `listen` again there. The child prints a line with its pid too.

use std::thread;
use std::time::Duration;

pub(crate) fn run(arguments: &[String]) {
    // SAFETY: the child uses nothing of a lock that another thread may have held: it prints, listens and sleeps.
    if unsafe { libc::fork() } == 0 {
        if arguments.first().is_some_and(|argument| argument == "again") {
            rgops_agent::listen(rgops_agent::Options::default()).expect("the child has no agent");
        }
        println!("child {}", std::process::id());
    }
    thread::sleep(Duration::from_secs(600));
}

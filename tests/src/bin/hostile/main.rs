//! A process that means harm to whoever looks at it: an agent's socket whose answers have one shape of
//! attack. It is started by `p26_hostile_process.rs`, as another user.
//!
//! `hostile SHAPE`: listens in `$RGOPS_DIR` under the name an agent of this process would have, prints
//! "ready", and serves until it is killed. Further arguments are there to be seen.
//!
//! `hostile measure FILE PROGRAM…`: runs the program and writes its status and its most resident memory, as
//! wait4(2) tells them, to the file. Not the test itself: the kernel counts to a child the memory its parent had
//! when it was started (exec_mmap in fs/exec.c), and a test has a lot.

#[cfg(target_os = "linux")]
mod answers;
#[cfg(target_os = "linux")]
mod measuring;
#[cfg(target_os = "linux")]
mod serving;

#[cfg(target_os = "linux")]
fn main() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "measure") {
        measuring::measure(arguments);
    } else {
        serving::serve();
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

//! A hostile process: it listens like an agent, and its answers have one shape of attack. `p26_hostile_process`
//! starts it as another user.
//!
//! `hostile SHAPE`: listens in `$RGOPS_DIR` under the socket name of an agent of this process, prints "ready", and
//! serves until it is killed. Further arguments are only there to be visible in `/proc`.
//!
//! `hostile measure FILE PROGRAM…`: runs the program, and writes its exit status and its peak resident memory, both
//! from wait4(2), to the file. The test does not do this itself: a child's peak starts at the memory its parent had
//! at the time (exec_mmap in fs/exec.c), and a test has a lot of memory.

#[cfg(target_os = "linux")]
mod answers;
#[cfg(target_os = "linux")]
mod elements;
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

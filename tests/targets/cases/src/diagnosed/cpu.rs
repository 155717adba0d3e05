//! Who gets the CPUs.

use std::io;
use std::process::{Command, Stdio};
use std::thread;

use crate::program::{compute, ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] =
    &[("starved", starved), ("hog", hog), ("more-threads-than-cpus", more_threads)];

/// Sick: it has the lowest priority, and other processes use all CPUs.
fn starved() {
    let _runtime = runtime(4);
    let cpus = thread::available_parallelism().map_or(2, usize::from);
    let own = std::env::current_exe().expect("the path of this program");
    let hogs: Vec<_> = (0..2 * cpus)
        .map(|_| {
            let mut hog = Command::new(&own);
            // They end with this program: its end of the pipe is closed then.
            hog.arg("hog").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a process")
        })
        .collect();
    // Of this thread, and of those that it starts from now on. The others are already there.
    // SAFETY: it has no memory arguments.
    assert_eq!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) }, 0, "{}", io::Error::last_os_error());
    for number in 0..2 {
        let named = thread::Builder::new().name(format!("hungry-{number}"));
        named
            .spawn(|| {
                loop {
                    compute(std::time::Duration::from_secs(1))
                }
            })
            .expect("a thread");
    }
    let _kept = hogs;
    ready()
}

/// Part of `starved`: computes, at the usual priority, until its standard input ends.
fn hog() {
    thread::spawn(|| {
        loop {
            compute(std::time::Duration::from_secs(1))
        }
    });
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

/// Healthy: it has more busy threads than there are CPUs, and uses these fully.
fn more_threads() {
    let _runtime = runtime(4);
    for _ in 0..6 {
        thread::spawn(|| {
            loop {
                compute(std::time::Duration::from_secs(1))
            }
        });
    }
    ready()
}

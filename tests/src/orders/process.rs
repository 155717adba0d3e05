//! Orders about the process itself: its limits, its user, its signals, its image and its children.

use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;

/// Obeys an order about the process; `None` for any other order. `spin` computes for ever.
pub(crate) fn obey(verb: &str, rest: &str, spin: fn()) -> Option<String> {
    Some(match verb {
        "undumpable" => undumpable(),
        "umask" => umask(rest),
        "limit" => limit(rest),
        "impostor" => impostor(rest),
        "exec" => exec(rest),
        "setuid" => setuid(rest),
        "block-signals" => block_signals(rest, spin),
        _ => return None,
    })
}

fn umask(octal: &str) -> String {
    let mask = u32::from_str_radix(octal, 8).expect("an octal number");
    // SAFETY: umask(2) cannot fail and touches no memory.
    unsafe { libc::umask(mask) };
    "set".to_owned()
}

fn undumpable() -> String {
    // SAFETY: prctl(PR_SET_DUMPABLE) takes a number.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
    "undumpable".to_owned()
}

/// `nofile N` or `nproc N`, soft and hard limit. `nofile` counts from the next free descriptor.
fn limit(rest: &str) -> String {
    let (what, number) = rest.split_once(' ').expect("a limit and a number");
    let number: u64 = number.parse().expect("a number");
    let (resource, number) = match what {
        "nofile" => {
            let next = std::fs::File::open("/dev/null").expect("a descriptor").as_raw_fd();
            (libc::RLIMIT_NOFILE, next as u64 + number)
        }
        "nproc" => (libc::RLIMIT_NPROC, number),
        other => panic!("no limit {other}"),
    };
    let limit = libc::rlimit { rlim_cur: number, rlim_max: number };
    // SAFETY: setrlimit(2) only reads the value, which lives on this stack.
    match unsafe { libc::setrlimit(resource, &limit) } {
        0 => "set".to_owned(),
        _ => format!("failed {}", std::io::Error::last_os_error()),
    }
}

/// `PATH PID STARTTIME`: answers at the path as if it were that process.
fn impostor(rest: &str) -> String {
    let words: Vec<&str> = rest.split(' ').collect();
    let [path, pid, start_time] = words[..] else { panic!("no path, pid and time in {rest}") };
    let (pid, start_time) = (pid.parse().expect("a pid"), start_time.parse().expect("a time"));
    // The variant with `panic = "abort"` is built without the library of the tests.
    #[cfg(panic = "unwind")]
    rgops_tests::impostor::listen(path, pid, start_time).expect("it can listen");
    #[cfg(not(panic = "unwind"))]
    let _: (&str, u32, u64) = (path, pid, start_time);
    "listening".to_owned()
}

/// Replaces the process by the named program and its arguments, or by this program.
fn exec(rest: &str) -> String {
    let mut words = rest.split_whitespace();
    let program = words.next().unwrap_or("/proc/self/exe");
    let error = std::process::Command::new(program).args(words).exec();
    format!("failed {error}")
}

fn setuid(rest: &str) -> String {
    let uid: libc::uid_t = rest.parse().expect("a user");
    // SAFETY: these calls only take numbers.
    match unsafe { (libc::setgid(uid), libc::setuid(uid)) } {
        (0, 0) => "set".to_owned(),
        _ => format!("failed {}", std::io::Error::last_os_error()),
    }
}

/// Starts a thread that computes for ever and blocks all signals: from its start, after N milliseconds (`after
/// N`), a while each time (`in-turns`), or until it ends after N (`until N`).
fn block_signals(rest: &str, spin: fn()) -> String {
    let (how, milliseconds) = rest.split_once(' ').unwrap_or((rest, "0"));
    let time = std::time::Duration::from_millis(milliseconds.parse().expect("a time"));
    let how = how.to_owned();
    let run = move || {
        let mask = |how| {
            // SAFETY: the sets live on this stack and are initialised by sigfillset(3) before they are read.
            unsafe {
                let mut all = std::mem::zeroed();
                libc::sigfillset(&mut all);
                libc::pthread_sigmask(how, &all, std::ptr::null_mut());
            }
        };
        if how == "after" {
            spin_for(time);
        }
        mask(libc::SIG_BLOCK);
        match how.as_str() {
            "until" => spin_for(time),
            "in-turns" => loop {
                spin_for(time);
                mask(libc::SIG_UNBLOCK);
                spin_for(time);
                mask(libc::SIG_BLOCK);
            },
            _ => spin(),
        }
    };
    std::thread::Builder::new().name("blocks-signals".to_owned()).spawn(run).expect("a thread");
    "blocks-signals".to_owned()
}

/// Uses this amount of CPU time.
fn spin_for(time: std::time::Duration) {
    let used = || {
        // SAFETY: a `timespec` is plain data, valid when zeroed; clock_gettime(2) writes nothing else.
        unsafe {
            let mut now: libc::timespec = std::mem::zeroed();
            libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now);
            std::time::Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
        }
    };
    let end = used() + time;
    while used() < end {
        std::hint::black_box((0..10_000u64).fold(0u64, |sum, step| sum ^ std::hint::black_box(step)));
    }
}

/// Forks a child that exits like a program (`exit`), stays until its parent ends (`stay`), or listens and stays
/// (`listen OPTIONS`): then `listen` prints a line before its parent's, and its result is kept.
pub(crate) fn fork<L>(rest: &str, listen: impl FnOnce(&str) -> L) -> String {
    let (ready, signal_ready) = std::io::pipe().expect("a pipe");
    // SAFETY: the child only does what is sound after a fork. glibc makes its allocator and standard streams
    // usable there, and the one other thread, the agent's, holds no lock that the child needs.
    match unsafe { libc::fork() } {
        -1 => format!("failed {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: prctl(PR_SET_PDEATHSIG) takes a number. It ends the child with the test.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            if rest == "exit" {
                std::process::exit(0);
            }
            let _listening = rest.strip_prefix("listen").map(listen);
            drop(signal_ready);
            loop {
                // SAFETY: pause(2) has no preconditions.
                unsafe { libc::pause() };
            }
        }
        child => {
            drop(signal_ready);
            // Returns when the child closes its end: it has printed its line, or has ended.
            let _ = std::io::Read::read(&mut &ready, &mut [0]);
            if rest == "exit" {
                // SAFETY: waitpid(2) accepts a null pointer for the status.
                unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            }
            format!("forked {child}")
        }
    }
}

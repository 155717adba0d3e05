//! Promise 6, for a program that uses SIGPROF itself: the agent takes a real-time signal instead (`Options::signal`),
//! and the program's handler receives all of its own signals and none of ours.

use std::hint::black_box;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use rgops_agent::{ListenError, Options};
use rgops_protocol::reply::stack::Capture;
use rgops_tests::itself::{self, Itself};
use rgops_tests::waiting::{is_root, skip_unless, until};

static STOP: AtomicBool = AtomicBool::new(false);
/// Counts of SIGPROF by its source: raise(3), an interval timer, anything else.
static RAISED: AtomicU64 = AtomicU64::new(0);
static TICKED: AtomicU64 = AtomicU64::new(0);
static STRANGE: AtomicU64 = AtomicU64::new(0);

fn number() -> i32 {
    libc::SIGRTMIN() + 5
}

extern "C" fn handler(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` to an SA_SIGINFO handler.
    let counter = match unsafe { (*info).si_code } {
        libc::SI_TKILL => &RAISED,
        libc::SI_KERNEL => &TICKED,
        _ => &STRANGE,
    };
    counter.fetch_add(1, Ordering::SeqCst);
}

fn spin() {
    let mut number = 1u64;
    for step in 0..100_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

fn disposition(signal: i32) -> usize {
    // SAFETY: `sigaction` is plain data, valid when zeroed; sigaction(2) only writes the old disposition.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal, std::ptr::null(), &mut now), 0);
        now.sa_sigaction
    }
}

fn block(signal: i32) {
    // SAFETY: changes only the mask of the calling thread; the set is valid when zeroed.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}

#[test]
#[ignore = "started by another test"]
fn has_its_own_sigprof() {
    if !itself::is_target() {
        return;
    }
    let time = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: a disposition is plain data, valid when zeroed; the handler only counts; setitimer(2) only reads its
    // setting.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler as *const () as usize;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGPROF, &new, std::ptr::null_mut()), 0);
        assert_eq!(libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()), 0);
    }
    let begun = Arc::new(Barrier::new(4));
    let spinning = |name: &str, prepare: fn(), each: fn()| {
        let begun = begun.clone();
        let work = move || {
            prepare();
            begun.wait();
            while !STOP.load(Ordering::Relaxed) {
                spin();
                each();
            }
        };
        std::thread::Builder::new().name(name.into()).spawn(work).unwrap()
    };
    static SENT: AtomicU64 = AtomicU64::new(0);
    let threads = [
        spinning(
            "raising",
            || (),
            || {
                // SAFETY: the signal has a handler, which has run when raise(3) returns.
                unsafe { libc::raise(libc::SIGPROF) };
                SENT.fetch_add(1, Ordering::SeqCst);
            },
        ),
        spinning("no-sigprof", || block(libc::SIGPROF), || ()),
        spinning("no-ours", || block(number()), || ()),
    ];
    // From here on, all have their names and masks.
    begun.wait();
    let before = disposition(libc::SIGPROF);
    itself::listen_with(Options::default().signal(number()));
    STOP.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let load = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    assert_eq!(load(&RAISED), load(&SENT));
    assert_eq!(load(&STRANGE), 0, "signals of the agent");
    assert_eq!((disposition(libc::SIGPROF), disposition(number())), (before, libc::SIG_DFL));
    println!("\nown {} {}", load(&RAISED), load(&TICKED));
}

#[test]
fn a_program_keeps_sigprof_for_itself_when_the_agent_has_another_signal() {
    let _alone = crate::alone();
    let target = Itself::start("p06_signal_number::has_its_own_sigprof");
    for _ in 0..2 {
        let profile = target.profile(500);
        let totals = profile.totals();
        assert!(
            profile.thread("raising").weight > 0 && profile.thread("no-sigprof").weight > 0,
            "{totals:?}"
        );
        assert_eq!(profile.thread("no-ours").weight, 0);
        // The program's signals have another number, so there is nothing to forward.
        assert_eq!(totals.foreign_signals, 0);
        // A thread that got little CPU time on a loaded machine could be without samples by chance.
        let is_reported = profile.notes.iter().any(|note| note.why.contains("block SIGRTMIN+5"));
        assert!(is_reported || profile.thread("no-ours").cpu_ns < 100_000_000, "{:?}", profile.notes);

        let threads = target.dump();
        let capture = |name: &str| &threads.iter().find(|thread| thread.name == name).unwrap().capture;
        let by_signal = Capture::Signal { because: String::new() };
        assert_eq!((capture("raising"), capture("no-sigprof")), (&by_signal, &by_signal));
        let why = "the thread blocks SIGRTMIN+5".to_owned();
        assert_eq!(capture("no-ours"), &Capture::Failed { reason: why });
    }
    let text = target.end();
    let own: Vec<u64> = text
        .lines()
        .find_map(|line| line.strip_prefix("own "))
        .map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect())
        .unwrap();
    assert!(own.iter().all(|count| *count > 0), "{text}");
}

/// A user id without other processes, so no other process adds to its pending signals.
const OTHER_USER: u32 = 64_321;
const SPINNING: usize = 20;

#[test]
#[ignore = "started by another test"]
fn may_have_few_pending() {
    if !itself::is_target() {
        return;
    }
    let directory = std::env::var_os("RGOPS_DIR").unwrap();
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&directory, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    let limit = libc::rlimit { rlim_cur: 4, rlim_max: 4 };
    // SAFETY: setrlimit(2) only reads the limit; the other calls only take numbers.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_SIGPENDING, &limit), 0);
        assert_eq!((libc::setgid(OTHER_USER), libc::setuid(OTHER_USER)), (0, 0));
    }
    for _ in 0..SPINNING {
        std::thread::Builder::new()
            .name("spinning".into())
            .spawn(|| {
                loop {
                    spin()
                }
            })
            .unwrap();
    }
    itself::listen_with(Options::default().signal(number()));
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

#[test]
fn real_time_signals_that_the_kernel_rejects_are_sent_again() {
    if skip_unless(is_root(), "root, to be a user of its own") {
        return;
    }
    let _alone = crate::alone();
    let target = Itself::start("p06_signal_number::may_have_few_pending");
    let all_running = || {
        let threads = target.dump();
        let spinning: Vec<_> = threads.into_iter().filter(|thread| thread.name == "spinning").collect();
        (spinning.len() == SPINNING).then_some(spinning)
    };
    let threads = until("all threads run", all_running);
    for thread in threads {
        assert!(matches!(thread.capture, Capture::Signal { .. }), "{thread:?}");
        assert!(!thread.stack.frames.is_empty(), "{thread:?}");
    }
    target.end();
}

#[test]
fn unsuitable_signals_are_refused() {
    let refusal = |number| match rgops_agent::listen(Options::default().signal(number)) {
        Err(error @ ListenError::Signal { .. }) => error.to_string(),
        other => panic!("signal {number}: {other:?}"),
    };
    for number in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGCHLD, libc::SIGTERM, 32, 33, 0, 65] {
        println!("{}", refusal(number));
    }
    assert_eq!(
        refusal(libc::SIGCHLD),
        "cannot capture with signal 17: a process waits for its children with it; \
         use SIGPROF, SIGVTALRM, SIGUSR1, SIGUSR2 or a real-time signal"
    );
    let error = std::io::Error::from(rgops_agent::listen(Options::default().signal(9)).unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

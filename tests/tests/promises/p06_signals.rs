//! Promise 6: the program's own signal handlers, masks, stacks and timers survive profiles and dumps. Tested from
//! outside, with programs that use SIGPROF themselves in different ways.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rgops_protocol::reply::pprof_cpu::{CpuTotals, PprofCpuPart};
use rgops_protocol::reply::stack::{Capture, StackPart, ThreadStack};
use rgops_protocol::request::{PprofCpuRequest, Request, StackRequest};
use rgops_tests::itself::{self, Itself};
use rgops_tests::waiting::until;

fn profile(target: &Itself, milliseconds: u64) -> CpuTotals {
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: milliseconds, hz: 999 });
    let collected = target.ask::<PprofCpuPart>(&request).unwrap();
    collected.end.unwrap();
    let totals = collected.parts.into_iter().find_map(|part| match part {
        PprofCpuPart::Totals(totals) => Some(totals),
        _ => None,
    });
    totals.unwrap()
}

fn dump(target: &Itself) -> Vec<ThreadStack> {
    let collected = target.ask::<StackPart>(&Request::Stack(StackRequest { max_depth: 64 })).unwrap();
    collected.end.unwrap();
    let parts = collected.parts.into_iter();
    parts.flat_map(|part| if let StackPart::Threads(threads) = part { threads } else { Vec::new() }).collect()
}

/// The number that the target printed after `name `.
fn printed(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn spin(milliseconds: u64) {
    let end = std::time::Instant::now() + Duration::from_millis(milliseconds);
    let mut number = 1u64;
    while std::time::Instant::now() < end {
        for step in 0..10_000u64 {
            number = number.wrapping_mul(33).wrapping_add(black_box(step));
        }
    }
    black_box(number);
}

static RECEIVED: AtomicU64 = AtomicU64::new(0);
static NESTED: AtomicU64 = AtomicU64::new(0);
/// The handler that was installed when the target installed `chaining` over it.
static BELOW: AtomicUsize = AtomicUsize::new(0);

extern "C" fn counting(_signal: i32) {
    RECEIVED.fetch_add(1, Ordering::SeqCst);
}

/// Like the handler of a profiler that walks the stack: it was not installed for the alternate stack, and does not
/// fit there (std's has 8 KiB, or a little more than a signal frame).
extern "C" fn uses_much_stack(signal: i32) {
    black_box([signal as u8; 64 * 1024]);
    counting(signal);
}

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// A well-behaved handler: it calls the one that was installed before.
extern "C" fn chaining(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    RECEIVED.fetch_add(1, Ordering::SeqCst);
    if NESTED.fetch_add(1, Ordering::SeqCst) > 50 {
        // Two handlers call each other: the stack would overflow.
        // SAFETY: _exit(2) ends the process at once.
        unsafe { libc::_exit(99) };
    }
    let below = BELOW.load(Ordering::SeqCst);
    if below > 1 {
        // SAFETY: `below` is the address of an SA_SIGINFO handler, as sigaction(2) reported.
        unsafe { std::mem::transmute::<usize, Handler>(below)(signal, info, context) };
    }
    NESTED.fetch_sub(1, Ordering::SeqCst);
}

/// Installs a handler for SIGPROF; returns the former handler.
fn install(handler: usize, flags: i32) -> usize {
    // SAFETY: plain data, valid when zeroed; sigaction(2) reads and writes the two, which live on this stack.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        let mut old: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler;
        new.sa_flags = flags | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGPROF, &new, &mut old), 0);
        old.sa_sigaction
    }
}

fn every_10_ms_of_cpu() {
    let time = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: setitimer(2) only reads the setting; a null pointer for the old one is allowed.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()) }, 0);
}

fn raise() {
    // SAFETY: raise(3) has no preconditions, and the target has a handler installed.
    unsafe { libc::raise(libc::SIGPROF) };
}

/// Another profiler: `setitimer(ITIMER_PROF)` and a handler that was installed before ours.
#[test]
#[ignore = "started by another test"]
fn other_profiler() {
    if !itself::is_target() {
        return;
    }
    install(uses_much_stack as *const () as usize, 0);
    every_10_ms_of_cpu();
    static STOP: AtomicBool = AtomicBool::new(false);
    let spinning = std::thread::spawn(|| {
        while !STOP.load(Ordering::Relaxed) {
            spin(1);
        }
    });
    itself::listen_until_input();
    STOP.store(true, Ordering::Relaxed);
    spinning.join().unwrap();
    let is_back = install(libc::SIG_IGN, 0) == uses_much_stack as *const () as usize;
    println!("\nreceived {}\nback {}", RECEIVED.load(Ordering::SeqCst), u64::from(is_back));
}

#[test]
fn another_profiler_keeps_receiving_its_signals_during_ours() {
    let target = Itself::start("p06_signals::other_profiler");
    let totals = profile(&target, 1500);
    assert!(totals.weight > 50, "{totals:?}");
    // One signal per 10 ms of CPU time, on average.
    let expected = totals.process_cpu_ns / 10_000_000;
    assert!((expected / 2..=expected * 2).contains(&totals.foreign_signals), "{totals:?}");
    dump(&target);
    let text = target.end();
    println!("{text}");
    assert!(totals.foreign_signals > 0 && printed(&text, "received") >= totals.foreign_signals, "{text}");
    assert_eq!(printed(&text, "back"), 1);
}

/// A handler that is installed over ours during a profile, and calls ours from then on.
#[test]
#[ignore = "started by another test"]
fn chains_to_ours() {
    if !itself::is_target() {
        return;
    }
    install(counting as *const () as usize, 0);
    let chain = std::thread::spawn(|| {
        for round in 0..3 {
            // Waits until the agent's handler is installed, then replaces it.
            loop {
                let mut now: libc::sigaction = zeroed_disposition();
                // SAFETY: sigaction(2) only writes the old disposition to `now`, which is valid.
                unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut now) };
                let own = [counting as *const () as usize, chaining as *const () as usize];
                if !own.contains(&now.sa_sigaction) {
                    break;
                }
                spin(1);
            }
            spin(20);
            if round == 0 {
                BELOW.store(install(chaining as *const () as usize, libc::SA_SIGINFO), Ordering::SeqCst);
            }
            let before = RECEIVED.load(Ordering::SeqCst);
            raise();
            assert!(RECEIVED.load(Ordering::SeqCst) > before);
            // Until the profile has ended.
            spin(400);
        }
    });
    itself::listen_until_input();
    chain.join().unwrap();
    raise();
    println!("\nreceived {}", RECEIVED.load(Ordering::SeqCst));
}

fn zeroed_disposition() -> libc::sigaction {
    // SAFETY: plain data, valid when zeroed.
    unsafe { std::mem::zeroed() }
}

#[test]
fn a_handler_that_calls_ours_causes_no_loop() {
    let mut target = Itself::start("p06_signals::chains_to_ours");
    for _ in 0..3 {
        // The profile may end early; the program must survive either way.
        profile(&target, 250);
        assert!(target.is_running());
        std::thread::sleep(Duration::from_millis(300));
    }
    dump(&target);
    let text = target.end();
    assert!(printed(&text, "received") > 3, "{text}");
}

/// Threads that block SIGPROF: one waits for it, one spins, one sometimes unblocks it.
#[test]
#[ignore = "started by another test"]
fn blocks() {
    if !itself::is_target() {
        return;
    }
    static STOP: AtomicBool = AtomicBool::new(false);
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let set = || {
        // SAFETY: a bit set, valid when zeroed; sigaddset(3) writes to it.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGPROF);
            set
        }
    };
    let mask = move |how| {
        // SAFETY: changes only the mask of the calling thread.
        unsafe { libc::pthread_sigmask(how, &set(), std::ptr::null_mut()) };
    };
    let named = |name: &str, work: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name.into()).spawn(work).unwrap()
    };
    let threads = [
        named(
            "waiting",
            Box::new(move || {
                mask(libc::SIG_BLOCK);
                while !STOP.load(Ordering::Relaxed) {
                    // Like a thread that handles signals: it mostly waits.
                    let time = libc::timespec { tv_sec: 5, tv_nsec: 0 };
                    // SAFETY: waits for the set for at most `time`; a null pointer for the information is allowed.
                    if unsafe { libc::sigtimedwait(&set(), std::ptr::null_mut(), &time) } > 0 {
                        TAKEN.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }),
        ),
        named(
            "blocks",
            Box::new(move || {
                mask(libc::SIG_BLOCK);
                while !STOP.load(Ordering::Relaxed) {
                    spin(1);
                }
            }),
        ),
        named(
            "unblocking",
            Box::new(move || {
                // Late signals arrive here, also after the profile. With the default disposition they would end the
                // process.
                while !STOP.load(Ordering::Relaxed) {
                    mask(libc::SIG_UNBLOCK);
                    spin(30);
                    mask(libc::SIG_BLOCK);
                    spin(30);
                }
                mask(libc::SIG_UNBLOCK);
            }),
        ),
    ];
    itself::listen_until_input();
    STOP.store(true, Ordering::Relaxed);
    let [_waiting, blocked, unblocking] = threads;
    [blocked, unblocking].into_iter().for_each(|thread| thread.join().unwrap());
    println!("\ntaken {}", TAKEN.load(Ordering::SeqCst));
}

#[test]
fn threads_that_block_the_signal_are_not_sampled_and_late_signals_are_harmless() {
    let _alone = crate::alone();
    let mut target = Itself::start("p06_signals::blocks");
    for _ in 0..6 {
        let totals = profile(&target, 200);
        let of = |name: &str| totals.threads.iter().find(|thread| thread.name == name).unwrap().clone();
        assert_eq!((of("blocks").weight, of("waiting").weight), (0, 0));
        let silent_ns = of("blocks").cpu_ns + of("waiting").cpu_ns;
        // Time that could not be sampled is reported as missing.
        assert!(totals.unsampled_cpu_ns + 20_000_000 > silent_ns, "{totals:?}");
        assert!(target.is_running());
    }
    for _ in 0..3 {
        let threads = dump(&target);
        let blocked = threads.iter().find(|thread| thread.name == "blocks").unwrap();
        assert!(
            // Its mask was read; no signal was sent to it.
            matches!(&blocked.capture, Capture::Failed { reason } if reason.contains("blocks SIGPROF")),
            "{blocked:?}"
        );
    }
    let text = target.end();
    assert_eq!(printed(&text, "taken"), 0, "a signal of ours reached the program");
}

/// A process has the same timers and dispositions as before after the last request.
#[test]
#[ignore = "started by another test"]
fn idle() {
    if !itself::is_target() {
        return;
    }
    let small = std::thread::Builder::new().stack_size(16 * 1024).name("small".into());
    small
        .spawn(|| {
            loop {
                // A stack of 16 KiB has room for nothing else.
                black_box((0..1000u64).fold(0u64, |sum, step| sum.wrapping_add(black_box(step))));
            }
        })
        .unwrap();
    itself::listen_until_input();
    // SAFETY: ends the process without waiting for the thread.
    unsafe { libc::_exit(0) };
}

#[test]
fn starts_and_stops_leave_timers_dispositions_descriptors_and_memory_unchanged() {
    let rounds = if std::env::var_os("RGOPS_LONG").is_some() { 500 } else { 40 };
    let mut target = Itself::start("p06_signals::idle");
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", target.pid())).unwrap();
    let number = |name: &str| {
        let status = read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    let descriptors = || -> Vec<_> {
        // The descriptors of every thread: the program's and the agent's.
        let threads = std::fs::read_dir(format!("/proc/{}/task", target.pid())).unwrap();
        let open = threads.filter_map(|thread| std::fs::read_dir(thread.unwrap().path().join("fd")).ok());
        let mut all: Vec<_> =
            open.flatten().filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
        all.sort();
        all.dedup();
        all
    };
    // There is no connection yet, but files that the agent opened at its start may still be open. Later it closes a
    // connection once it notices that the client has closed it.
    let unconnected = descriptors();
    let are_as_before = || {
        let now = descriptors();
        (now.len() <= unconnected.len() && now.iter().all(|one| unconnected.contains(one))).then_some(())
    };
    for _ in 0..3 {
        profile(&target, 5);
        dump(&target);
    }
    until("descriptors are as before", are_as_before);
    let before = (read("timers"), number("SigCgt:"), number("SigIgn:"));
    let memory: u64 = number("VmRSS:").parse().unwrap();
    for _ in 0..rounds {
        let totals = profile(&target, 5);
        assert_eq!(totals.timer_failures, 0);
        let threads = dump(&target);
        let small = threads.iter().find(|thread| thread.name == "small").unwrap();
        assert!(matches!(small.capture, Capture::Signal { .. }), "{small:?}");
        assert!(!small.stack.frames.is_empty());
    }
    assert_eq!((read("timers"), number("SigCgt:"), number("SigIgn:")), before);
    until("descriptors are as before", are_as_before);
    let grown = number("VmRSS:").parse::<u64>().unwrap().saturating_sub(memory);
    println!("{} captures: RSS grew by {grown} KiB", 2 * rounds);
    assert!(grown < 2048, "{grown} KiB");
    assert!(target.is_running());
    target.end();
}

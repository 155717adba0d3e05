//! The torture on the native engine.

use std::ffi::CString;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rgops_agent::Options;
use rgops_protocol::reply::pprof_cpu::{CpuTotals, PprofCpuPart};
use rgops_protocol::reply::stack::{Capture, StackPart, ThreadStack};
use rgops_protocol::request::{PprofCpuRequest, Request, StackRequest};
use rgops_tests::itself::{self, Itself};
use rgops_tests::waiting;

/// A thread's name, the number of such threads, and their work, which gets the number of the round.
pub(super) type Work = (&'static str, usize, fn(u64));

pub(super) const WORKS: [Work; 9] = [
    ("unwinds", 2, unwind),
    ("panics", 1, panic_and_catch),
    ("allocates", 2, allocate),
    ("backtraces", 1, capture_backtraces),
    ("recurses", 1, recurse),
    ("churns", 1, churn_threads),
    ("loads", 2, load_and_unload),
    ("forks", 1, fork),
    ("counts", 1, count),
];

static STOP: AtomicBool = AtomicBool::new(false);

#[test]
fn no_rate_and_no_work_make_it_crash_hang_or_lose_time() {
    let seconds = seconds(5);
    let _plugins = Plugins::build();
    // At the same time: that is faster, and more torture.
    std::thread::scope(|scope| {
        for hz in [100, 999, 10_000] {
            scope.spawn(move || torture_at(hz, seconds));
        }
    });
}

fn torture_at(hz: u32, seconds: u64) {
    let mut target = Itself::start("p05_torture::native::target");
    let totals = profile(&target, hz, seconds);
    let period_ns = 1_000_000_000 / u64::from(hz);
    let cpu_ns = (totals.process_cpu_ns - totals.agent_cpu_ns) as f64;
    let share = |ns: u64| ns as f64 / cpu_ns * 100.0;
    let (captured, unsampled) = (share(totals.weight * period_ns), share(totals.unsampled_cpu_ns));
    let dropped = share((totals.dropped_ring + totals.dropped_cache) * period_ns);
    let late = share(totals.late_cpu_ns);
    let ended = totals.threads.iter().filter(|thread| thread.ended).count();
    let explained = captured + dropped + unsampled + late;
    // 2 %, and 3 σ of the threads' first ticks, which are random: for each thread, the number of ticks differs from
    // its CPU time by a part of one, with a variance of at most a quarter.
    let sigma_ns = (totals.threads.len() as f64 / 4.0).sqrt() * period_ns as f64;
    let tolerance = 2.0 + 3.0 * sigma_ns / cpu_ns * 100.0;
    println!(
        "{hz} Hz: {:.2} s of CPU, captured {captured:.1} %, dropped {dropped:.1} %, unsampled {unsampled:.1} %, \
         late {late:.1} %: {explained:.2} %, allowed 100 +- {tolerance:.2} %; {} samples, {} lost walks, \
         {} truncated, {ended} threads ended",
        cpu_ns / 1e9,
        totals.samples,
        totals.lost_walks,
        totals.truncated,
    );
    assert!(target.is_running(), "crashed at {hz} Hz");
    assert!((explained - 100.0).abs() < tolerance, "{explained} % of the CPU clock at {hz} Hz");
    for _ in 0..3 {
        dump(&target);
    }
    let text = target.end();
    let done: Vec<(&str, u64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("done ")?.split_once(' '))
        .map(|(name, rounds)| (name, rounds.parse().unwrap()))
        .collect();
    println!("{hz} Hz: {done:?}");
    assert_eq!(done.len(), WORKS.len() + super::stacks::WORKS.len());
    assert!(done.iter().all(|(_, rounds)| *rounds > 3), "a thread hung: {done:?}");
    let changed = text.lines().find_map(|line| line.strip_prefix("changed ")?.parse::<u64>().ok());
    assert_eq!(changed, Some(0), "bytes below stacks");
}

/// The duration at each rate.
pub(super) fn seconds(usual: u64) -> u64 {
    std::env::var("RGOPS_TORTURE_SECONDS").map_or(usual, |text| text.parse().unwrap())
}

fn profile(target: &Itself, hz: u32, seconds: u64) -> CpuTotals {
    let request = PprofCpuRequest { duration_ms: seconds * 1000, hz };
    let collected = target.ask::<PprofCpuPart>(&Request::PprofCpu(request)).unwrap();
    let end = collected.end.expect("the profile ends well");
    let totals = collected.parts.into_iter().find_map(|part| match part {
        PprofCpuPart::Totals(totals) => Some(totals),
        _ => None,
    });
    totals.unwrap_or_else(|| panic!("no totals: {end:?}"))
}

/// A dump that has every thread. Where the machine gives a thread no CPU for as long as a dump waits, that dump says so
/// of it, and another one is taken.
fn dump(target: &Itself) {
    waiting::until("a dump has all threads", || {
        let collected = target.ask::<StackPart>(&Request::Stack(StackRequest { max_depth: 64 })).unwrap();
        collected.end.expect("the dump ends well");
        let Some(StackPart::Summary(summary)) = collected.parts.last() else { panic!("no summary") };
        println!(
            "{} threads, {} captured, {} vanished, in {:.1} ms",
            summary.threads,
            summary.captured,
            summary.vanished,
            summary.capture_ns as f64 / 1e6
        );
        let failed = collected.parts.iter().flat_map(failures).inspect(|reason| {
            assert!(!reason.is_empty(), "a thread is missing and nothing says why: {summary:?}");
        });
        assert_eq!(summary.captured + failed.count() as u32, summary.threads, "{summary:?}");
        // All except the agent's helper threads and the thread that blocks signals.
        (summary.captured + 4 >= summary.threads).then_some(())
    });
}

fn failure(thread: &ThreadStack) -> Option<&str> {
    match &thread.capture {
        Capture::Failed { reason } => Some(reason),
        _ => None,
    }
}

/// Why stacks of a part are missing.
fn failures(part: &StackPart) -> Vec<&str> {
    let StackPart::Threads(threads) = part else { return Vec::new() };
    threads.iter().filter_map(failure).collect()
}

#[test]
#[ignore = "started by the other test"]
fn target() {
    if itself::is_target() {
        torture(Options::default(), &[&WORKS[..], &super::stacks::WORKS].concat());
    }
}

/// For the target: works until its input ends.
pub(super) fn torture(options: Options, works: &[Work]) {
    std::panic::set_hook(Box::new(|_| {}));
    static DONE: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];
    let mut threads = Vec::new();
    for ((name, count, work), done) in works.iter().copied().zip(&DONE) {
        for _ in 0..count {
            let run = move || {
                while !STOP.load(Ordering::Relaxed) {
                    work(done.fetch_add(1, Ordering::Relaxed));
                }
            };
            threads.push(std::thread::Builder::new().name(name.into()).spawn(run).unwrap());
        }
    }
    itself::listen_with(options);
    STOP.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    println!();
    for ((name, ..), done) in works.iter().zip(&DONE) {
        println!("done {name} {}", done.load(Ordering::Relaxed));
    }
    println!("changed {}", super::stacks::CHANGED.load(Ordering::Relaxed));
}

/// Calls `last` below `depth` frames.
#[inline(never)]
fn deep(depth: u64, last: &mut dyn FnMut()) -> u64 {
    if depth == 0 {
        last();
        return 0;
    }
    black_box(deep(depth - 1, last)) + 1
}

fn unwind(round: u64) {
    let depth = round % 40;
    let result = std::panic::catch_unwind(|| deep(depth, &mut || std::panic::resume_unwind(Box::new(1u32))));
    assert!(result.is_err());
}

fn panic_and_catch(round: u64) {
    let result = std::panic::catch_unwind(|| deep(round % 30, &mut || panic!("round {round}")));
    assert!(result.is_err());
}

fn allocate(round: u64) {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for step in 1..200u64 {
        blocks.push(Vec::with_capacity((step.wrapping_mul(round) % 5000 + 1) as usize));
        if step % 3 == 0 {
            blocks.swap_remove(step as usize % blocks.len());
        }
    }
    black_box(&blocks);
    if round.is_multiple_of(50) {
        black_box(vec![1u8; 3 << 20]);
    }
}

fn capture_backtraces(round: u64) {
    deep(round % 60, &mut || drop(black_box(std::backtrace::Backtrace::force_capture())));
}

fn recurse(_round: u64) {
    deep(2000, &mut || count(0));
}

fn churn_threads(_round: u64) {
    let work = || {
        count(0);
        unwind(5);
    };
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(work)).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

pub(super) fn count(_round: u64) {
    let mut number = 0u64;
    for step in 0..300_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

fn fork(_round: u64) {
    // SAFETY: the child only exits, which is sound after a fork; the parent waits for it.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(0);
        }
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
    }
    std::thread::sleep(std::time::Duration::from_millis(2));
}

type Called = extern "C-unwind" fn(u64);
type Plugin = extern "C-unwind" fn(Called, u64);

/// Runs code of a library that is unloaded right after, every third time unwinding through it.
fn load_and_unload(round: u64) {
    extern "C-unwind" fn called(round: u64) {
        allocate(round);
        if round.is_multiple_of(3) {
            std::panic::resume_unwind(Box::new(1));
        }
    }
    let path = CString::new(Plugins::path(round % 4).into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: the library is the one built below. It has no constructors, its `plugin` has this type, and is not
    // called after dlclose.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!library.is_null(), "{path:?}");
        let plugin =
            std::mem::transmute::<*mut libc::c_void, Plugin>(libc::dlsym(library, c"plugin".as_ptr()));
        let _ = std::panic::catch_unwind(|| plugin(called, round));
        libc::dlclose(library);
    }
}

/// Four libraries with the same code, built by rustc; removed when dropped. Only one test at a time has them.
pub(super) struct Plugins(#[expect(dead_code, reason = "held for its drop")] MutexGuard<'static, ()>);

impl Plugins {
    const SOURCE: &str = r#"
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn plugin(called: extern "C-unwind" fn(u64), round: u64) {
            let mut number = 0u64;
            for step in 0..200_000u64 {
                number = number.wrapping_mul(33).wrapping_add(std::hint::black_box(step));
            }
            std::hint::black_box(number);
            called(round);
        }
    "#;

    /// A place that the target also finds: it is a child of the process that builds them.
    fn directory() -> PathBuf {
        let owner =
            if itself::is_target() { std::os::unix::process::parent_id() } else { std::process::id() };
        std::env::temp_dir().join(format!("rgops-torture-{owner}"))
    }

    fn path(number: u64) -> PathBuf {
        Plugins::directory().join(format!("libplugin{number}.so"))
    }

    pub(super) fn build() -> Plugins {
        let alone = crate::alone();
        std::fs::create_dir_all(Plugins::directory()).unwrap();
        let source = Plugins::directory().join("plugin.rs");
        std::fs::write(&source, Plugins::SOURCE).unwrap();
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let compiled = Command::new(compiler)
            .args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=1", "-o"])
            .arg(Plugins::path(0))
            .arg(&source)
            .status();
        assert!(compiled.unwrap().success());
        for number in 1..4 {
            std::fs::copy(Plugins::path(0), Plugins::path(number)).unwrap();
        }
        Plugins(alone)
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Plugins::directory());
    }
}

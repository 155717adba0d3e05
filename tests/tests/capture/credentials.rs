//! Programs that change their credentials after `listen`: by setuid(2), or by prctl(PR_SET_DUMPABLE, 0), which makes
//! their `/proc` files accessible only to root, and not even to themselves. Captures still work, by signals. What
//! cannot be read is reported as unavailable, as `docs/SECURITY.md` states.

use std::fs::{self, Permissions};
use std::hint::black_box;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rgops_agent::Options;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::stack::Capture;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{Known, StackEnd};
use rgops_protocol::request::{MemstatsRequest, Request, StatsRequest, VersionRequest};
use rgops_tests::built;
use rgops_tests::itself::{self, Itself};
use rgops_tests::listing::Listing;
use rgops_tests::program::finished;
use rgops_tests::running::rgops;
use rgops_tests::waiting::{is_root, skip_unless};

const NOBODY: u32 = 65534;
const TASKS: usize = 20;

/// Set for a target in which process_vm_readv(2) is also denied.
const DENIED: &str = "RGOPS_TEST_DENY";

fn spin() {
    let mut number = 1u64;
    for step in 0..1_000_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

fn start_threads() {
    let begun = Arc::new(Barrier::new(3));
    let works: [(&str, fn()); 2] =
        [("spins", spin), ("sleeps", || std::thread::sleep(Duration::from_secs(1000)))];
    for (name, work) in works {
        let begun = begun.clone();
        let run = move || {
            begun.wait();
            loop {
                work();
            }
        };
        std::thread::Builder::new().name(name.into()).spawn(run).unwrap();
    }
    begun.wait();
}

/// Tasks that wait for ever, on a runtime that is not driven.
fn watched_tasks() -> Options {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..TASKS {
        runtime.spawn(std::future::pending::<()>());
    }
    let options = Options::default().watch(runtime.handle(), "tasks");
    std::mem::forget(runtime);
    options
}

/// Changes to the user nobody, in all threads.
fn become_nobody() {
    // SAFETY: these calls only take numbers.
    unsafe {
        assert_eq!(libc::setgid(NOBODY), 0);
        assert_eq!(libc::setuid(NOBODY), 0);
    }
}

fn set_dumpable(dumpable: libc::c_ulong) {
    // SAFETY: prctl(PR_SET_DUMPABLE) only takes numbers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, dumpable, 0, 0, 0) }, 0);
}

#[test]
#[ignore = "started by other tests"]
fn gives_up_root() {
    if !itself::is_target() {
        return;
    }
    start_threads();
    let agent = rgops_agent::listen(watched_tasks()).unwrap();
    become_nobody();
    itself::wait_for_input(&agent);
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

#[test]
#[ignore = "started by other tests"]
fn is_not_dumpable() {
    if !itself::is_target() {
        return;
    }
    if is_root() {
        // Root may read everything anyway, so do this as another user.
        let directory = std::env::var_os("RGOPS_DIR").unwrap();
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
        chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
        become_nobody();
        set_dumpable(1);
    }
    start_threads();
    let agent = rgops_agent::listen(watched_tasks()).unwrap();
    set_dumpable(0);
    if std::env::var_os(DENIED).is_some() {
        deny_process_vm_readv();
    }
    itself::wait_for_input(&agent);
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

#[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
fn deny_process_vm_readv() {
    use rgops_tests::seccomp::{Filter, Scope, Verdict};
    let filter = Filter::new().call(libc::SYS_process_vm_readv, Verdict::Fail(libc::EPERM));
    filter.enforce(Scope::AllThreads, Verdict::Allow);
}

#[cfg(not(all(target_env = "gnu", target_arch = "x86_64")))]
fn deny_process_vm_readv() {}

/// Captures and every other command work. What the program itself cannot read is reported.
fn everything_answers(target: &Itself) {
    for _ in 0..2 {
        let threads = target.dump();
        for name in ["spins", "sleeps"] {
            let thread = threads.iter().find(|thread| thread.name == name).unwrap();
            // Quiet capture needs the thread's registers, from `/proc/self/task/TID/syscall`.
            let Capture::Signal { because } = &thread.capture else { panic!("{thread:?}") };
            assert!(because.contains("Permission denied"), "{because}");
            assert_eq!(thread.stack.end, StackEnd::Root, "{thread:?}");
            let Known::Unavailable(missing) = &thread.system_call else { panic!("{thread:?}") };
            assert!(missing.reason.contains("Permission denied"), "{missing:?}");
            assert!(missing.fix.contains("dumpable"), "{missing:?}");
        }
        let profile = target.profile(300);
        assert!(profile.thread("spins").weight > 0);
        assert_eq!(profile.totals().timer_failures, 0);
    }
    // The program can still read its own memory.
    let listing = Listing::of(target.address(), 16);
    assert_eq!((listing.tasks.len(), listing.read()), (TASKS, TASKS));
    let screen = rgops(&["tasks", target.address()]);
    println!("{}{}", screen.output, screen.errors);
    assert!(screen.output.contains("\n20 tasks [scheduled]: "), "{screen:?}");
    target.ask::<StatsReply>(&Request::Stats(StatsRequest { window_ms: 20 })).unwrap().end.unwrap();
    target.ask::<MemstatsReply>(&Request::Memstats(MemstatsRequest {})).unwrap().end.unwrap();
    target.ask::<VersionReply>(&Request::Version(VersionRequest {})).unwrap().end.unwrap();
}

#[test]
fn a_program_that_gives_up_root_is_still_captured_and_answers_its_new_user() {
    if skip_unless(is_root(), "root, to give it up") {
        return;
    }
    let target = Itself::start("credentials::gives_up_root");
    everything_answers(&target);

    // The permission is checked at the connection: the current user of the program, and root. The socket is in a
    // directory of the former user, so an operator must open it.
    let socket = Path::new(target.address());
    let directory = socket.parent().unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
    let rgops = directory.join("rgops");
    built::copy(&built::release("rgops"), &rgops);
    let ask_as = |uid: u32, command: &str| {
        let output = finished(Command::new(&rgops).arg(command).arg(socket).uid(uid).gid(uid));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, errors) = ask_as(NOBODY - 1, "version");
    assert!(code == Some(4) && errors.contains("runs as uid 65534"), "{code:?} {errors}");
    let (code, _, errors) = ask_as(NOBODY, "version");
    assert_eq!(code, Some(0), "{errors}");
    // Its files in /proc belong to root: the new user gets the list, with notes about what is unavailable.
    let (code, screen, errors) = ask_as(NOBODY, "tasks");
    println!("{screen}{errors}");
    assert!(code == Some(0) || code == Some(6), "{code:?} {errors}");
    assert!(screen.contains(": 20 tasks (20 scheduled) in 1 runtime at "), "{screen}");
    target.end();
}

#[test]
fn a_program_that_is_not_dumpable_is_still_captured() {
    let target = Itself::start("credentials::is_not_dumpable");
    everything_answers(&target);
    target.end();
}

/// The kernel closes /proc/self/mem, and a filter denies process_vm_readv(2), so the program's memory cannot be read.
/// The reason and the fix are reported.
#[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
#[test]
fn a_program_that_may_not_read_its_own_memory_has_no_list_and_reports_why() {
    let target = Itself::start_with("credentials::is_not_dumpable", &[(DENIED, "1")]);
    let screen = rgops(&["tasks", target.address()]);
    println!("{}{}", screen.output, screen.errors);
    assert_eq!(screen.code, 6, "{screen:?}");
    for part in [
        "process_vm_readv: Operation not permitted",
        "/proc/thread-self/mem: Permission denied",
        "seccomp profile",
    ] {
        assert!(screen.output.contains(part), "no {part} in {screen:?}");
    }
    let stats = rgops(&["stats", target.address()]);
    assert_eq!(stats.code, 0, "{stats:?}");
    target.end();
}

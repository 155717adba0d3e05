//! Programs that change who they are after `listen`: by setuid(2), or by prctl(PR_SET_DUMPABLE, 0),
//! which closes their `/proc` files to everyone but root, themselves included. Captures go on, by
//! signals; what cannot be read is said to be unavailable, as `docs/SECURITY.md` states it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, Permissions};
use std::hint::black_box;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rgops_agent::Options;
use rgops_protocol::reply::memory::MemoryReply;
use rgops_protocol::reply::stack::Capture;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{Known, StackEnd};
use rgops_protocol::request::{MemoryRequest, Request, StatsRequest, VersionRequest};
use rgops_tests::built;
use rgops_tests::itself::{self, Itself};
use rgops_tests::waiting::{is_root, skip_unless};

const NOBODY: u32 = 65534;

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

/// Becomes nobody, in all threads.
fn become_nobody() {
    // SAFETY: these calls take numbers only.
    unsafe {
        assert_eq!(libc::setgid(NOBODY), 0);
        assert_eq!(libc::setuid(NOBODY), 0);
    }
}

fn set_dumpable(dumpable: libc::c_ulong) {
    // SAFETY: as above.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, dumpable, 0, 0, 0) }, 0);
}

#[test]
#[ignore = "started by other tests"]
fn gives_up_root() {
    if !itself::is_target() {
        return;
    }
    start_threads();
    let agent = rgops_agent::listen(Options::default()).unwrap();
    become_nobody();
    itself::wait_until_told(&agent);
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
        // Root may read everything anyway.
        let directory = std::env::var_os("RGOPS_DIR").unwrap();
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
        chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
        become_nobody();
        set_dumpable(1);
    }
    start_threads();
    let agent = rgops_agent::listen(Options::default()).unwrap();
    set_dumpable(0);
    itself::wait_until_told(&agent);
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

/// Captures and every other command work; what is closed to the program itself is said.
fn everything_answers(target: &Itself) {
    for _ in 0..2 {
        let threads = target.dump();
        for name in ["spins", "sleeps"] {
            let thread = threads.iter().find(|thread| thread.name == name).unwrap();
            // Without the thread's registers in `syscall` there is no quiet capture.
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
    target.ask::<StatsReply>(&Request::Stats(StatsRequest { window_ms: 20 })).unwrap().end.unwrap();
    target.ask::<MemoryReply>(&Request::Memory(MemoryRequest {})).unwrap().end.unwrap();
    target.ask::<VersionReply>(&Request::Version(VersionRequest {})).unwrap().end.unwrap();
}

#[test]
fn a_program_that_gives_up_root_is_still_captured_and_answers_its_new_user() {
    if skip_unless(is_root(), "root, to give it up") {
        return;
    }
    let target = Itself::start("gives_up_root");
    everything_answers(&target);

    // Who may ask is decided when they connect: the user it runs as now, and root. The socket's place
    // is still the former user's, so somebody has to open it.
    let socket = Path::new(target.address());
    let directory = socket.parent().unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
    let rgops = directory.join("rgops");
    built::copy(&built::release("rgops"), &rgops);
    let ask_as = |uid: u32| {
        let output = Command::new(&rgops).arg("version").arg(socket).uid(uid).gid(uid).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, errors) = ask_as(NOBODY - 1);
    assert!(code == Some(4) && errors.contains("runs as uid 65534"), "{code:?} {errors}");
    let (code, errors) = ask_as(NOBODY);
    assert_eq!(code, Some(0), "{errors}");
    target.end();
}

#[test]
fn a_program_that_is_not_dumpable_is_still_captured() {
    let target = Itself::start("is_not_dumpable");
    everything_answers(&target);
    target.end();
}

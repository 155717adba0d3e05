//! Tests that a capture restores everything it changed in the process.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::dump;

static FOREIGN: AtomicU32 = AtomicU32::new(0);

extern "C" fn foreign_handler(_: i32) {
    FOREIGN.fetch_add(1, Ordering::SeqCst);
}

/// The handler's address, taken in one place: a function may have one address per codegen unit.
#[inline(never)]
fn foreign() -> usize {
    foreign_handler as *const () as usize
}

fn raise() {
    // SAFETY: a handler or SIG_IGN is installed whenever the tests call this.
    unsafe { libc::raise(libc::SIGPROF) };
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/thread-self/fd").unwrap().count()
}

fn timers() -> String {
    // The file is absent without CONFIG_CHECKPOINT_RESTORE; then this compares nothing.
    procfs::read("/proc/self/timers", 1 << 20).unwrap_or_default()
}

fn resident_kib() -> u64 {
    procfs::kibibytes(&procfs::read("/proc/thread-self/status", 65536).unwrap(), "VmRSS").unwrap() / 1024
}

#[test]
fn a_hundred_captures_leave_the_process_unchanged() {
    let _alone = alone();
    let _spinning = Worker::spinning();
    let capture = || {
        profile(999, for_time(Duration::from_millis(5)));
        block_on(dump::dump(None)).unwrap();
    };
    // Warm up, so that what is created once and kept (thread-locals, allocator arenas) exists.
    for _ in 0..5 {
        capture();
    }
    let before = (disposition(), timers());
    let (descriptors, resident) = (open_descriptors(), resident_kib());
    for _ in 0..100 {
        capture();
    }
    assert_eq!((disposition(), timers()), before);
    // Waits, because other tests of this process open files at the same time.
    eventually("as many descriptors as before", || open_descriptors() <= descriptors);
    let grown = resident_kib().saturating_sub(resident);
    eprintln!("100 captures: RSS grew by {grown} KiB");
    assert!(grown < 4096, "{grown} KiB");
}

#[test]
fn a_default_disposition_is_restored_while_signals_arrive() {
    // With the default disposition, a late signal would terminate this process.
    let _alone = alone();
    set_disposition(libc::SIG_DFL, 0);
    let _spinning: Vec<_> = (0..8).map(|_| Worker::spinning()).collect();
    for _ in 0..30 {
        profile(10_000, for_time(Duration::from_millis(10)));
        assert_eq!(disposition().0, libc::SIG_DFL);
    }
}

#[test]
fn foreign_signals_reach_the_former_handler() {
    let _alone = alone();
    set_disposition(foreign(), libc::SA_RESTART);
    let before = disposition();
    let count = FOREIGN.load(Ordering::SeqCst);
    let worker = Worker::repeat(|| {
        raise();
        spin();
    });
    let profile = profile(999, for_cpu_time(worker.tid, Duration::from_millis(100)));
    drop(worker);
    assert!(profile.totals.foreign_signals > 0);
    assert!(u64::from(FOREIGN.load(Ordering::SeqCst) - count) >= profile.totals.foreign_signals);
    assert!(!profile.samples.is_empty());
    assert_eq!(disposition(), before);
    set_disposition(libc::SIG_DFL, 0);
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let _alone = alone();
    set_disposition(libc::SIG_IGN, 0);
    let worker = Worker::repeat(|| {
        raise();
        spin();
    });
    let profile = profile(999, for_cpu_time(worker.tid, Duration::from_millis(50)));
    drop(worker);
    assert!(profile.totals.foreign_signals > 0);
    assert_eq!(disposition().0, libc::SIG_IGN);
    set_disposition(libc::SIG_DFL, 0);
}

#[test]
fn a_handler_installed_over_ours_stays_and_ends_the_profile() {
    let _alone = alone();
    let worker = Worker::spinning();
    let (mut has_run, mut looks) = (for_cpu_time(worker.tid, Duration::from_millis(50)), 0);
    let profile = profile(999, |sampler| {
        // Waits until there are samples, however long that takes.
        if looks == 0 && !has_run(sampler) {
            return false;
        }
        looks += 1;
        if looks == 1 {
            set_disposition(foreign(), libc::SA_RESTART);
        }
        assert!(looks < 100, "not noticed");
        !sampler.is_undisturbed()
    });
    drop(worker);
    assert!(!profile.samples.is_empty());
    assert_eq!(disposition().0, foreign());
    set_disposition(libc::SIG_DFL, 0);
    // The next capture works as usual.
    block_on(dump::dump(None)).unwrap();
    assert_eq!(disposition().0, libc::SIG_DFL);
}

#[test]
fn the_handler_preserves_errno() {
    let _alone = alone();
    let worker = Worker::repeat(|| {
        // SAFETY: __errno_location returns a valid pointer in every thread.
        unsafe { *libc::__errno_location() = 4711 };
        spin();
        // SAFETY: as above.
        assert_eq!(unsafe { *libc::__errno_location() }, 4711);
    });
    let profile = profile(999, for_cpu_time(worker.tid, Duration::from_millis(100)));
    assert!(profile.weight_of(worker.tid) > 0);
    assert!(!worker.thread.as_ref().unwrap().is_finished(), "errno changed");
}

#[test]
fn a_child_forked_during_a_profile_is_not_disturbed() {
    let _alone = alone();
    let _spinning = Worker::spinning();
    let mut exits = Vec::new();
    profile(999, |_| {
        // SAFETY: the child only computes, signals itself and exits; all of this is async-signal-safe.
        let child = unsafe { libc::fork() };
        if child == 0 {
            for _ in 0..200 {
                spin();
            }
            raise();
            // SAFETY: _exit(2) ends the child without running code of the parent.
            unsafe { libc::_exit(7) };
        }
        let mut status = 0;
        // SAFETY: waits for the child created above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        exits.push(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7);
        exits.len() == 10
    });
    assert_eq!(exits, [true; 10]);
}

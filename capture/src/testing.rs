//! For tests, also those of the agent: threads with something to do, and the whole process to oneself.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::procfs;

/// Runs the ignored test `name`, given with its module path, and returns what it printed.
///
/// # Panics
/// When it fails; with what it printed.
pub fn run_alone(name: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("Linux knows it"))
        .args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"])
        .output()
        .expect("this executable starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.into_owned()
}

/// The engine serves one capture at a time, and dispositions belong to the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A thread of the test; it ends, and is joined, when this is dropped.
pub struct Worker {
    /// Its id.
    pub tid: u32,
    stop: Arc<AtomicBool>,
    pub(crate) thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Runs `work` again and again.
    pub fn repeat(mut work: impl FnMut() + Send + 'static) -> Worker {
        let (tell, told) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            tell.send(procfs::threads::own_id().unwrap()).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                work();
            }
        });
        Worker { tid: told.recv().unwrap(), stop, thread: Some(thread) }
    }

    /// It uses CPU time.
    pub fn spinning() -> Worker {
        Worker::repeat(spin)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// A few instructions, again and again.
#[inline(never)]
pub fn spin() {
    let mut number = 1u64;
    for step in 0..100_000u64 {
        number = number.wrapping_mul(31).wrapping_add(black_box(step));
    }
    black_box(number);
}

/// Calls `last` below `depth` frames of its own.
#[inline(never)]
pub fn deep(depth: u32, last: &mut dyn FnMut()) -> u32 {
    if depth == 0 {
        last();
        return 0;
    }
    black_box(deep(depth - 1, last)) + 1
}

/// Waits for `condition`, at most a minute.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until a thread sleeps in the kernel.
pub fn wait_asleep(tid: u32) {
    eventually("sleep", || procfs::threads::stat(tid).unwrap().state == 'S');
}

/// Handler and flags of SIGPROF.
pub fn disposition() -> (usize, i32) {
    // SAFETY: plain data, valid when zeroed.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks only; `old` is ours.
    assert_eq!(unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut old) }, 0);
    (old.sa_sigaction, old.sa_flags)
}

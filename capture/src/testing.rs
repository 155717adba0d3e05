//! Test support, shared with the agent's tests: threads with work, and tests that need the process for themselves.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::procfs;

/// Runs the ignored test `name`, given with its module path, in a process of its own and returns its output.
///
/// # Panics
/// When the test fails, with its output.
pub fn run_alone(name: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("Linux knows it"))
        .args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"])
        .output()
        .expect("this executable starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.into_owned()
}

/// Serialises tests: the engine serves one capture at a time, and dispositions belong to the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a future on a new runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A thread of a test. It is stopped and joined when this is dropped.
pub struct Worker {
    /// The thread's id.
    pub tid: u32,
    stop: Arc<AtomicBool>,
    pub(crate) thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Runs `work` repeatedly.
    pub fn repeat(mut work: impl FnMut() + Send + 'static) -> Worker {
        let (sender, receiver) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            sender.send(procfs::threads::own_id().unwrap()).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                work();
            }
        });
        Worker { tid: receiver.recv().unwrap(), stop, thread: Some(thread) }
    }

    /// A thread that uses CPU time.
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

/// Runs a short arithmetic loop.
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

/// Waits for `condition`, for at most a minute.
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

/// The handler and flags of SIGPROF.
pub fn disposition() -> (usize, i32) {
    // SAFETY: plain data, valid when zeroed.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null `new` sets nothing; `old` is a local.
    assert_eq!(unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut old) }, 0);
    (old.sa_sigaction, old.sa_flags)
}

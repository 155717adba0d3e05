//! Starts threads that share the program's descriptor table, for the agent, whose own threads do not share it.
//!
//! Code of the program must run with the program's descriptors: a task
//! spawned on the program's runtime wakes a worker by a write to *its* descriptor, and the program's hooks and
//! allocators may use its files. A new thread inherits the descriptor table of the thread that starts it.
//! So a thread of the program starts one starter thread when there is something to watch, and that starts the others.
//! When idle, it sleeps on a futex. None of these threads opens files, because the program could close them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::time::{Duration, Instant};

use crate::{agent_threads, own_helpers, system};

/// The starter's stack size: it only starts threads.
const STACK_BYTES: usize = 128 * 1024;

/// Work for a new thread; it receives an error when the thread could not be started.
type Work = Box<dyn FnOnce(io::Result<()>) + Send>;

#[derive(Debug)]
struct Starter {
    process: u32,
    jobs: mpsc::Sender<Job>,
}

struct Job {
    name: &'static str,
    stack_bytes: usize,
    work: Work,
}

/// Held only briefly, also by the agent's thread; no code of the program runs while it is held.
static STARTER: Mutex<Option<Starter>> = Mutex::new(None);

/// Ensures that a starter exists with the descriptors of the calling thread, which must be a thread of the program.
pub fn begin() -> io::Result<()> {
    let mut starter = try_lock()?;
    let process = std::process::id();
    if starter.as_ref().is_some_and(|starter| starter.process == process) {
        return Ok(());
    }
    let (jobs, queue) = mpsc::channel::<Job>();
    let thread = std::thread::Builder::new()
        .name(agent_threads::STARTER.to_owned())
        .stack_size(system::stack_bytes(STACK_BYTES));
    let mask = system::block_all_signals();
    let started = thread.spawn(move || {
        #[cfg(native_engine)]
        crate::heap::exclude_this_thread();
        while let Ok(job) = queue.recv() {
            start(job.name, job.stack_bytes, job.work);
        }
    });
    drop(mask);
    // Detached: it ends when the last sender is dropped.
    started?;
    // After a fork, the parent's starter exists only as a copy in memory: its destructor must not run.
    std::mem::forget(starter.replace(Starter { process, jobs }));
    Ok(())
}

/// Ends the starter: it is not needed any more.
pub fn end() {
    if let Ok(mut starter) = try_lock()
        && starter.as_ref().is_some_and(|starter| starter.process == std::process::id())
    {
        *starter = None;
    }
}

/// Runs `work` on a new thread that has the program's descriptors. `work` receives the reason when there is no
/// such thread. Without an agent, as in tests, the calling thread has the descriptors itself.
pub fn run(name: &'static str, stack_bytes: usize, work: impl FnOnce(io::Result<()>) + Send + 'static) {
    let jobs = lock().as_ref().map(|starter| starter.jobs.clone());
    let job = Job { name, stack_bytes, work: Box::new(work) };
    match jobs {
        Some(jobs) => {
            if let Err(mpsc::SendError(job)) = jobs.send(job) {
                (job.work)(Err(io::Error::other("the agent ends")));
            }
        }
        None if cfg!(test) => start(name, stack_bytes, job.work),
        None => (job.work)(Err(io::Error::other("the agent has no thread with the program's descriptors"))),
    }
}

/// Runs `work` on a new thread that has the calling thread's descriptors.
pub fn start(name: &str, stack_bytes: usize, work: Work) {
    // Shared until the thread takes it: if the thread cannot be started, this thread reports the error.
    let place = Arc::new(Mutex::new(Some(work)));
    let take = |place: &Mutex<Option<Work>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let theirs = place.clone();
    let thread =
        std::thread::Builder::new().name(name.to_owned()).stack_size(system::stack_bytes(stack_bytes));
    let started = thread.spawn(move || {
        #[cfg(native_engine)]
        crate::heap::exclude_this_thread();
        own_helpers::note_this_thread();
        if let Some(work) = take(&theirs) {
            work(Ok(()));
        }
    });
    if let Err(error) = started
        && let Some(work) = take(&place)
    {
        work(Err(error));
    }
}

/// With a deadline: in a fork child, a thread that does not exist there may hold the lock forever.
fn try_lock() -> io::Result<MutexGuard<'static, Option<Starter>>> {
    let until = Instant::now() + Duration::from_millis(200);
    loop {
        match STARTER.try_lock() {
            Ok(starter) => return Ok(starter),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// For the agent's own process, where every holder releases the lock quickly.
fn lock() -> MutexGuard<'static, Option<Starter>> {
    STARTER.lock().unwrap_or_else(PoisonError::into_inner)
}

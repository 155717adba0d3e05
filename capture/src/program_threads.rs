//! Threads that have the program's descriptors, for the agent, whose own threads do not have them.
//!
//! Whatever is the program's must run where the program's numbers mean what the program means by them: a task
//! that is spawned on a runtime of the program wakes a worker by a write to *its* descriptor, and a hook or an
//! allocator of the program's may use files of theirs. A thread has the table of descriptors of the thread that starts it,
//! so one is started by a thread of the program, when there is something to watch, and starts the others. Idle
//! it sleeps on a futex. It and what it starts open nothing: what they had open the program could close.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::time::{Duration, Instant};

use crate::agent_threads;
use crate::system;

/// Its stack: it only starts threads.
const STACK_BYTES: usize = 128 * 1024;

/// What a thread is to do; it is told when there is none.
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

/// Locked for moments, by the agent's thread as well; nothing of the program's runs under it.
static STARTER: Mutex<Option<Starter>> = Mutex::new(None);

/// Sees to it that there is a thread with the descriptors of the calling one, which is the program's.
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
    // Detached: it ends when nobody can give it work any more.
    started?;
    // The one of a parent process is in this one's memory only: nothing of it may run.
    std::mem::forget(starter.replace(Starter { process, jobs }));
    Ok(())
}

/// The thread is not needed any more.
pub fn end() {
    if let Ok(mut starter) = try_lock()
        && starter.as_ref().is_some_and(|starter| starter.process == std::process::id())
    {
        *starter = None;
    }
}

/// Does `work` on a thread of its own that has the program's descriptors; it is given the reason when there is no
/// such thread. Without an agent, as in tests, the caller has them itself.
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

/// Does it on a thread of its own that has the calling thread's descriptors.
pub fn start(name: &str, stack_bytes: usize, work: Work) {
    // Kept here until the thread runs: without one, this thread says why.
    let place = Arc::new(Mutex::new(Some(work)));
    let take = |place: &Mutex<Option<Work>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let theirs = place.clone();
    let thread =
        std::thread::Builder::new().name(name.to_owned()).stack_size(system::stack_bytes(stack_bytes));
    let started = thread.spawn(move || {
        #[cfg(native_engine)]
        crate::heap::exclude_this_thread();
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

/// In a fork child the lock may be held for ever by a thread that does not exist there.
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

/// In the agent's own process: whoever holds it gives it back at once.
fn lock() -> MutexGuard<'static, Option<Starter>> {
    STARTER.lock().unwrap_or_else(PoisonError::into_inner)
}

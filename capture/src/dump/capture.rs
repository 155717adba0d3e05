//! Captures all threads: first the sleeping ones without a signal, then the others with one.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rgops_protocol::reply::Module;
use rgops_protocol::reply::stack::{Capture, ThreadStack};

use super::{answers, describe};
use crate::current_task::CurrentTasks;
use crate::modules::Modules;
use crate::operation::{Claim, Operation};
use crate::quiet::{Captured, NotQuiet, Quiet};
use crate::try_lock::try_lock;
use crate::{EngineError, clock, own_helpers, procfs, ring};

/// When a dump last sent signals.
static LAST_SIGNALS: Mutex<Option<Instant>> = Mutex::new(None);

/// How many threads are processed before other connections get a turn.
const THREADS_PER_TURN: usize = 64;

/// A finished dump.
pub struct Dump {
    /// The modules that the stacks refer to.
    pub modules: Vec<Module>,
    /// Sorted by thread id.
    pub threads: Vec<ThreadStack>,
    /// The time from reading the first thread to the last answer.
    pub capture: Duration,
    /// The number of threads that ended during the dump.
    pub vanished: u32,
    /// The number of threads above the limit, which are not listed.
    pub unlisted: u32,
    /// The number of answers that found no room.
    pub dropped: u64,
    /// Another signal handler was installed over ours; it stays.
    pub handler_stays: bool,
    /// The number of stacks that are truncated because their bounds are unknown.
    pub unknown_stacks: u64,
}

/// Captures every thread. Must run on the agent's thread.
pub async fn dump(current: Option<&mut CurrentTasks>) -> Result<Dump, EngineError> {
    capture(true, current).await
}

/// How long to wait until the agent's other thread sleeps.
const COMPANION_DEADLINE: Duration = Duration::from_millis(500);

/// Like [`dump`], but signals every thread: the reference for the quiet capture in tests.
#[cfg(test)]
pub(crate) async fn dump_by_signals() -> Result<Dump, EngineError> {
    capture(false, None).await
}

async fn capture(quietly: bool, current: Option<&mut CurrentTasks>) -> Result<Dump, EngineError> {
    let proc = |error| EngineError::Proc { file: "task", error };
    let own = procfs::threads::own_id().map_err(proc)?;
    let (tids, found) = procfs::threads::ids().map_err(proc)?;
    let claim = Claim::take()?;
    let modules = Modules::read(None)?;
    let began = Instant::now();
    let mut current = Current(current);
    let (asleep, others) = match quietly {
        true => capture_asleep(&modules, &tids, own, &mut current).await,
        false => (
            Vec::new(),
            tids.iter().filter(|tid| **tid != own).map(|tid| (*tid, NotQuiet::Running)).collect(),
        ),
    };
    let mut last_answer = Instant::now();

    let mut signalled: Vec<ThreadStack> = Vec::with_capacity(others.len());
    for (at, (tid, why)) in others.iter().enumerate() {
        let thread = describe::unless_quiet(*tid, why);
        signalled.extend(thread.map(|thread| ThreadStack { current_task: current.of(*tid), ..thread }));
        yield_to_others(at).await;
    }
    wait_for_leaving_threads(&mut signalled).await;
    let mut dump = Dump {
        modules: modules.list.clone(),
        threads: Vec::new(),
        capture: Duration::ZERO,
        vanished: 0,
        unlisted: (found - tids.len()) as u32,
        dropped: 0,
        handler_stays: false,
        unknown_stacks: 0,
    };
    dump.threads.extend(describe::own_thread(own, &modules));
    let pending = signalled.iter().filter(|thread| matches!(thread.capture, Capture::Signal { .. })).count();
    if pending > 0 {
        // Room for every thread at the depth limit, and for some retries; untouched memory costs nothing.
        let mut operation = Operation::begin(claim, modules, (pending + 64) * ring::LONGEST_RECORD)?;
        last_answer = last_answer.max(answers::signal_all(&mut operation, &mut signalled).await);
        for thread in &mut signalled {
            // If a thread switched tasks meanwhile, it is not known which task the stack belongs to.
            thread.current_task =
                thread.current_task.filter(|before| current.of(thread.tid) == Some(*before));
        }
        if let Some(mut last) = try_lock(&LAST_SIGNALS) {
            *last = Some(Instant::now());
        }
        dump.handler_stays = !operation.restore_handler();
        dump.dropped = operation.lost_weight();
        dump.unknown_stacks = operation.losses().unknown_stacks.load(Ordering::Relaxed);
    }
    dump.capture = last_answer.saturating_duration_since(began);
    signalled.retain(|thread| {
        !matches!(thread.capture, Capture::Failed { .. }) || clock::thread_cpu_ns(thread.tid).is_ok()
    });
    dump.threads.append(&mut signalled);
    for (at, (tid, captured, current_task)) in asleep.into_iter().enumerate() {
        let thread = describe::quiet(tid, captured);
        dump.threads.extend(thread.map(|thread| ThreadStack { current_task, ..thread }));
        yield_to_others(at).await;
    }
    dump.threads.sort_unstable_by_key(|thread| thread.tid);
    let is_missing = |tid: &u32| dump.threads.binary_search_by_key(tid, |thread| thread.tid).is_err();
    let vanished = tids.iter().filter(|tid| is_missing(tid) && !own_helpers::is_one(**tid)).count();
    dump.vanished = vanished as u32;
    Ok(dump)
}

/// Reports which task a thread polls, if known.
struct Current<'c>(Option<&'c mut CurrentTasks>);

impl Current<'_> {
    fn of(&mut self, tid: u32) -> Option<u64> {
        Some(self.0.as_mut()?.of(tid)?.id)
    }
}

/// Captures all sleeping threads except the agent's, and returns the reasons for the others.
async fn capture_asleep(
    modules: &Modules,
    tids: &[u32],
    own: u32,
    current: &mut Current<'_>,
) -> (Vec<(u32, Captured, Option<u64>)>, Vec<(u32, NotQuiet)>) {
    let mut quiet = Quiet::new(modules);
    let (mut asleep, mut others) = (Vec::new(), Vec::new());
    for (at, tid) in tids.iter().filter(|tid| **tid != own).enumerate() {
        match quiet.capture(*tid) {
            Ok(captured) => asleep.push((*tid, captured, current.of(*tid))),
            Err(why) => others.push((*tid, why)),
        }
        yield_to_others(at).await;
    }
    // Some ran only for a moment. If such a thread sleeps again, a signal would interrupt it, so retry first.
    let mut again = |others: &mut Vec<(u32, NotQuiet)>, which: &dyn Fn(u32) -> bool| {
        others.retain_mut(|(tid, why)| match which(*tid).then(|| quiet.capture(*tid)) {
            Some(Ok(captured)) => {
                asleep.push((*tid, captured, current.of(*tid)));
                false
            }
            Some(Err(now)) => {
                *why = now;
                true
            }
            None => true,
        });
    };
    again(&mut others, &|_| true);
    // The thread that polls the agent's sockets blocks our signal, and has just reported this request: it
    // sleeps as soon as it gets a CPU.
    let began = Instant::now();
    let companion = clock::companion();
    while began.elapsed() < COMPANION_DEADLINE && others.iter().any(|(tid, _)| Some(*tid) == companion) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        again(&mut others, &|tid| Some(tid) == companion);
    }
    (asleep, others)
}

/// Waits a little for running threads that block our signal only for a moment: a thread may still be leaving our
/// handler after the previous dump, or be one of the agent's own that has answered and is ending. On a loaded machine
/// it waits there for a CPU.
async fn wait_for_leaving_threads(threads: &mut [ThreadStack]) {
    const RECENT: Duration = Duration::from_secs(2);
    const DEADLINE: Duration = Duration::from_millis(200);
    let last = try_lock(&LAST_SIGNALS).and_then(|last| *last);
    let signalled = last.is_some_and(|last| last.elapsed() < RECENT);
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        let mut waits = false;
        for thread in threads.iter_mut() {
            // A sleeping thread that blocks the signal is not in our handler.
            let is_refused = thread.state == 'R' && matches!(thread.capture, Capture::Failed { .. });
            if !is_refused || !(signalled || thread.is_agent) {
                continue;
            }
            match describe::unless_quiet(thread.tid, &NotQuiet::Running) {
                Some(again) => *thread = ThreadStack { current_task: thread.current_task, ..again },
                // It has ended, and is removed from the list later.
                None => thread.state = 'X',
            }
            waits |= thread.state == 'R';
        }
        if !waits {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Yields to other connections after every [`THREADS_PER_TURN`] threads.
async fn yield_to_others(at: usize) {
    if at % THREADS_PER_TURN == THREADS_PER_TURN - 1 {
        tokio::task::yield_now().await;
    }
}

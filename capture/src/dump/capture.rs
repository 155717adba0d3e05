//! The capture of all threads: those that sleep first, then the others by signal.

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
use crate::{EngineError, clock, procfs, ring};

/// When a dump last sent signals.
static LAST_SIGNALS: Mutex<Option<Instant>> = Mutex::new(None);

/// Threads that are looked at before other connections get their turn.
const THREADS_PER_TURN: usize = 64;

/// A finished dump.
pub struct Dump {
    /// The objects the stacks are in.
    pub modules: Vec<Module>,
    /// In the order of their ids.
    pub threads: Vec<ThreadStack>,
    /// From the first look at a thread to the last answer.
    pub capture: Duration,
    /// Threads that ended meanwhile.
    pub vanished: u32,
    /// Threads there were more than can be listed.
    pub unlisted: u32,
    /// Answers that found no room.
    pub dropped: u64,
    /// A signal handler was installed over ours; it stays.
    pub handler_stays: bool,
    /// Stacks that are cut because nothing was known of them.
    pub unknown_stacks: u64,
}

/// Captures every thread. Must run on the agent's thread.
pub async fn dump(current: Option<&mut CurrentTasks>) -> Result<Dump, EngineError> {
    capture(true, current).await
}

/// How long the agent's other thread is given to go to sleep.
const COMPANION_DEADLINE: Duration = Duration::from_millis(500);

/// The same, with a signal to every thread: what the quiet way is measured against.
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
        let_others_run(at).await;
    }
    let_ours_end(&mut signalled).await;
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
        // Room for every thread at the depth limit, and some to ask again; untouched it costs nothing.
        let mut operation = Operation::begin(claim, modules, (pending + 64) * ring::LONGEST_RECORD)?;
        last_answer = last_answer.max(answers::ask(&mut operation, &mut signalled).await);
        for thread in &mut signalled {
            // Of one that went on to another task meanwhile it is not known which the stack belongs to.
            thread.current_task =
                thread.current_task.filter(|before| current.of(thread.tid) == Some(*before));
        }
        if let Some(mut last) = try_lock(&LAST_SIGNALS) {
            *last = Some(Instant::now());
        }
        dump.handler_stays = !operation.give_back_handler();
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
        let_others_run(at).await;
    }
    dump.vanished = tids.len().saturating_sub(dump.threads.len()) as u32;
    dump.threads.sort_unstable_by_key(|thread| thread.tid);
    Ok(dump)
}

/// Tells which task a thread polls, where that is known.
struct Current<'c>(Option<&'c mut CurrentTasks>);

impl Current<'_> {
    fn of(&mut self, tid: u32) -> Option<u64> {
        Some(self.0.as_mut()?.of(tid)?.id)
    }
}

/// Captures the threads that sleep, all but the agent's; and why the others were not.
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
        let_others_run(at).await;
    }
    // Some ran for a moment only. A signal to one that sleeps again by now would interrupt it.
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
    // The thread that waits for the agent's sockets takes no signal, and has just told of this request: it
    // goes to sleep as soon as it has a CPU.
    let began = Instant::now();
    let companion = clock::companion();
    while began.elapsed() < COMPANION_DEADLINE && others.iter().any(|(tid, _)| Some(*tid) == companion) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        again(&mut others, &|tid| Some(tid) == companion);
    }
    (asleep, others)
}

/// A running thread that blocks our signal may only be on its way out of our handler, where the dump before
/// sent it, or be one of the agent's own that has answered and ends: on a loaded machine it waits there for
/// a CPU. It is waited for, a little.
async fn let_ours_end(threads: &mut [ThreadStack]) {
    const RECENT: Duration = Duration::from_secs(2);
    const DEADLINE: Duration = Duration::from_millis(200);
    let last = try_lock(&LAST_SIGNALS).and_then(|last| *last);
    let signalled = last.is_some_and(|last| last.elapsed() < RECENT);
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        let mut waits = false;
        for thread in threads.iter_mut() {
            // A thread that sleeps with the signal blocked is in no handler of ours.
            let is_refused = thread.state == 'R' && matches!(thread.capture, Capture::Failed { .. });
            if !is_refused || !(signalled || thread.is_agent) {
                continue;
            }
            match describe::unless_quiet(thread.tid, &NotQuiet::Running) {
                Some(again) => *thread = ThreadStack { current_task: thread.current_task, ..again },
                // It is left out in the end.
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

/// Gives other connections their turn, after every so many threads.
async fn let_others_run(at: usize) {
    if at % THREADS_PER_TURN == THREADS_PER_TURN - 1 {
        tokio::task::yield_now().await;
    }
}

//! The signals of a dump: sent in one batch, answers taken as they come. A thread that cannot answer is
//! not waited for.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rgops_protocol::reply::Stack;
use rgops_protocol::reply::stack::{Capture, ThreadStack};

use super::describe::{ENDING, parse_stat, refusal};
use crate::operation::Operation;
use crate::procfs;
use crate::{exempt_threads, signal_info, signal_number};

/// How long a thread may be silent while nobody else answers either. A runnable thread answers
/// when it gets a CPU: on a loaded machine that takes a while.
const SILENCE: Duration = Duration::from_millis(500);
/// An answer that found no unwinding place is asked for again after this long without news.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// A silent thread in uninterruptible sleep is waited for this long only.
const UNINTERRUPTIBLE: Duration = Duration::from_millis(100);
/// Silent threads are looked at again this often: a few of them, and many.
const LOOK_AT_FEW: Duration = Duration::from_millis(10);
const LOOK_AT_ALL: Duration = Duration::from_millis(100);
const FEW: usize = 64;

/// Signals every thread that was not refused, and takes the answers. Says when the last one came.
pub(super) async fn ask(operation: &mut Operation, threads: &mut [ThreadStack]) -> Instant {
    let mut waiting = HashMap::with_capacity(threads.len());
    for (at, thread) in threads.iter_mut().enumerate() {
        if !matches!(thread.capture, Capture::Signal { .. }) {
            continue;
        }
        match signal_info::send(thread.tid, operation.signal_value(thread.tid)) {
            Ok(()) => drop(waiting.insert(thread.tid, at)),
            // Too many are pending: asked again, when some are answered.
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(waiting.insert(thread.tid, at)),
            Err(error) => {
                thread.capture = Capture::Failed { reason: format!("cannot be signalled: {error}") };
            }
        }
    }
    take_answers(operation, threads, waiting).await
}

/// Takes answers until all came or none did for [`SILENCE`]; says when the last one came. Many
/// threads waking at once may find all places to unwind in taken: those are asked again.
async fn take_answers(
    operation: &mut Operation,
    threads: &mut [ThreadStack],
    mut waiting: HashMap<u32, usize>,
) -> Instant {
    let mut last_answer = Instant::now();
    let (mut looked, mut asked) = (last_answer, last_answer);
    let mut asked_at_losses = 0;
    loop {
        operation.drain(|record, frames| {
            if record.is_at_risk {
                exempt_threads::add(record.tid);
            }
            if let Some(at) = waiting.remove(&record.tid) {
                threads[at].stack = Stack { frames, end: record.end };
                last_answer = Instant::now();
            }
        });
        for tid in operation.take_unrecorded().0 {
            exempt_threads::add(tid);
            if let Some(at) = waiting.remove(&tid) {
                threads[at].capture = Capture::Failed { reason: exempt_threads::REASON.to_owned() };
                last_answer = Instant::now();
            }
        }
        if waiting.is_empty() {
            return last_answer;
        }
        if last_answer.elapsed() > SILENCE {
            break;
        }
        let pause = if waiting.len() > FEW { LOOK_AT_ALL } else { LOOK_AT_FEW };
        if last_answer.max(looked).elapsed() > pause {
            looked = Instant::now();
            waiting.retain(|tid, at| {
                let silent = last_answer.elapsed();
                let refusal = look_again(*tid, silent);
                let is_waiting = refusal.is_none();
                if let Some(reason) = refusal {
                    threads[*at].capture = Capture::Failed { reason };
                }
                is_waiting
            });
            continue;
        }
        // Beyond the user's limit of pending signals (RLIMIT_SIGPENDING) the kernel sends ours without
        // its value (kernel/signal.c, __send_signal_locked): it looks foreign. A real-time signal it
        // does not send at all.
        let foreign = operation.losses().foreign.load(std::sync::atomic::Ordering::Relaxed);
        let losses = operation.lost_weight() + foreign;
        let is_lost = losses > asked_at_losses || signal_number::chosen().is_real_time();
        if is_lost && last_answer.max(asked).elapsed() > ASK_AGAIN {
            (asked, asked_at_losses) = (Instant::now(), losses);
            for tid in waiting.keys() {
                // One that has ended is found out below.
                let _ = signal_info::send(*tid, operation.signal_value(*tid));
            }
        }
        // The shortest sleep the runtime knows is a millisecond.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for at in waiting.into_values() {
        let thread = &mut threads[at];
        let state = procfs::threads::stat(thread.tid).map_or('X', |stat| stat.state);
        let reason = format!("no answer in {} ms (state {state})", SILENCE.as_millis());
        thread.capture = Capture::Failed { reason };
    }
    last_answer
}

/// Why a thread that does not answer never will: it has ended, or what it did has changed since it
/// was described.
fn look_again(tid: u32, silent: Duration) -> Option<String> {
    let Ok(stat) = procfs::read(&format!("/proc/self/task/{tid}/stat"), procfs::SMALL_FILE_BYTES) else {
        return Some(ENDING.to_owned());
    };
    let (_, state, blocked) = parse_stat(&stat)?;
    // One that runs and blocks it now did not when it was signalled: it is in our handler, and on a loaded
    // machine may wait there for a CPU.
    let is_blocked = state != 'R' && signal_number::is_blocked(tid, blocked);
    refusal(state, is_blocked).filter(|_| state != 'D' || silent > UNINTERRUPTIBLE)
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::Ordering;

    use super::super::describe::unless_quiet;
    use super::*;
    use crate::live_tests::Coroutine;
    use crate::modules::Modules;
    use crate::operation::Claim;
    use crate::quiet::NotQuiet;
    use crate::testing::{alone, block_on, eventually};

    #[test]
    fn a_thread_to_be_left_alone_is_not_asked_again_when_the_ring_was_full() {
        let _alone = alone();
        let coroutine = Coroutine::spinning();
        let modules = Modules::read(None).unwrap();
        let mut operation = Operation::begin(Claim::take().unwrap(), modules, 4 * 1024).unwrap();
        let mut threads = [unless_quiet(coroutine.tid, &NotQuiet::Running).unwrap()];
        operation.fill_ring();
        signal_info::send(coroutine.tid, operation.signal_value(coroutine.tid)).unwrap();
        eventually("its answer was lost", || operation.losses().ring.load(Ordering::Relaxed) > 0);
        block_on(take_answers(&mut operation, &mut threads, HashMap::from([(coroutine.tid, 0)])));
        assert_eq!(threads[0].capture, Capture::Failed { reason: exempt_threads::REASON.to_owned() });
        assert!(exempt_threads::contains(coroutine.tid));
        let asked = operation.losses().unknown_stacks.load(Ordering::Relaxed);
        assert_eq!(asked, 1);
    }
}

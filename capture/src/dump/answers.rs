//! Sends the signals of a dump in one batch, and collects the answers as they arrive. It does not wait for threads
//! that cannot answer.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rgops_protocol::reply::Stack;
use rgops_protocol::reply::stack::{Capture, ThreadStack};

use super::describe::{ENDING, parse_stat, refusal};
use crate::operation::Operation;
use crate::procfs;
use crate::{exempt_threads, signal_info, signal_number};

/// How long to wait when no thread answers. A runnable thread answers
/// when it gets a CPU, which takes a while on a loaded machine.
const SILENCE: Duration = Duration::from_millis(500);
/// A thread whose answer found no unwinding place is signalled again after this long without answers.
const RESEND_AFTER: Duration = Duration::from_millis(20);
/// How long to wait for a silent thread in uninterruptible sleep.
const UNINTERRUPTIBLE: Duration = Duration::from_millis(100);
/// How often silent threads are checked again: a few of them, and many.
const RECHECK_FEW: Duration = Duration::from_millis(10);
const RECHECK_ALL: Duration = Duration::from_millis(100);
const FEW: usize = 64;

/// Signals every thread that was not refused, and collects the answers. Returns the time of the last one.
pub(super) async fn signal_all(operation: &mut Operation, threads: &mut [ThreadStack]) -> Instant {
    let mut waiting = HashMap::with_capacity(threads.len());
    for (at, thread) in threads.iter_mut().enumerate() {
        if !matches!(thread.capture, Capture::Signal { .. }) {
            continue;
        }
        match signal_info::send(thread.tid, operation.signal_value(thread.tid)) {
            Ok(()) => drop(waiting.insert(thread.tid, at)),
            // Too many signals are pending: sent again when some are answered.
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(waiting.insert(thread.tid, at)),
            Err(error) => {
                thread.capture = Capture::Failed { reason: format!("cannot be signalled: {error}") };
            }
        }
    }
    take_answers(operation, threads, waiting).await
}

/// Collects answers until all have arrived or none arrived for [`SILENCE`]. Returns the time of the last one. When
/// many threads wake at once, all unwinding places may be taken; the threads without one are signalled again.
async fn take_answers(
    operation: &mut Operation,
    threads: &mut [ThreadStack],
    mut waiting: HashMap<u32, usize>,
) -> Instant {
    let mut last_answer = Instant::now();
    let (mut checked, mut sent) = (last_answer, last_answer);
    let mut losses_when_sent = 0;
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
        let pause = if waiting.len() > FEW { RECHECK_ALL } else { RECHECK_FEW };
        if last_answer.max(checked).elapsed() > pause {
            checked = Instant::now();
            waiting.retain(|tid, at| {
                let silent = last_answer.elapsed();
                let refusal = recheck(*tid, silent);
                let is_waiting = refusal.is_none();
                if let Some(reason) = refusal {
                    threads[*at].capture = Capture::Failed { reason };
                }
                is_waiting
            });
            continue;
        }
        // Beyond the user's limit of pending signals (RLIMIT_SIGPENDING) the kernel sends our signal without
        // its value (kernel/signal.c, __send_signal_locked), so it looks foreign. A real-time signal is
        // not sent at all.
        let foreign = operation.losses().foreign.load(std::sync::atomic::Ordering::Relaxed);
        let losses = operation.lost_weight() + foreign;
        let is_lost = losses > losses_when_sent || signal_number::chosen().is_real_time();
        if is_lost && last_answer.max(sent).elapsed() > RESEND_AFTER {
            (sent, losses_when_sent) = (Instant::now(), losses);
            for tid in waiting.keys() {
                // A thread that has ended is detected below.
                let _ = signal_info::send(*tid, operation.signal_value(*tid));
            }
        }
        // A millisecond is the shortest sleep of the runtime.
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

/// Why a silent thread will never answer: it has ended, or its state has changed since it
/// was described.
fn recheck(tid: u32, silent: Duration) -> Option<String> {
    let Ok(stat) = procfs::read(&format!("/proc/self/task/{tid}/stat"), procfs::SMALL_FILE_BYTES) else {
        return Some(ENDING.to_owned());
    };
    let (_, state, blocked) = parse_stat(&stat)?;
    // A running thread that blocks the signal now did not block it when it was signalled: it is in our handler, and on
    // a loaded machine it may wait there for a CPU.
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
    fn an_exempt_thread_is_not_signalled_again_when_the_ring_was_full() {
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
        let sent = operation.losses().unknown_stacks.load(Ordering::Relaxed);
        assert_eq!(sent, 1);
    }
}

//! The thread dump: where every thread is, now.
//!
//! All signals are sent in one batch, then answers are taken as they come. A thread that cannot
//! answer is not waited for: one that blocks the signal, is stopped, or sleeps uninterruptibly is
//! listed with what `/proc` knows of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rgops_protocol::reply::stack::{Capture, SystemCall, ThreadStack};
use rgops_protocol::reply::{Known, Module, Stack, StackEnd};

use super::ring;
use super::session::Operation;
use super::signal;
use super::{EngineError, clock, number};
use crate::procfs;

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
/// Threads whose `/proc` files are read before other connections get their turn.
const THREADS_PER_TURN: usize = 64;

/// A finished dump.
pub(crate) struct Dump {
    pub(crate) modules: Vec<Module>,
    pub(crate) threads: Vec<ThreadStack>,
    /// From the first signal to the last answer.
    pub(crate) capture: Duration,
    /// Threads that ended meanwhile.
    pub(crate) vanished: u32,
    /// Threads there were more than can be listed.
    pub(crate) unlisted: u32,
    /// Answers that found no room.
    pub(crate) dropped: u64,
    /// A signal handler was installed over ours; it stays.
    pub(crate) handler_stays: bool,
}

/// Captures every thread. Must run on the agent's thread.
pub(crate) async fn dump() -> Result<Dump, EngineError> {
    let proc = |error| EngineError::Proc { file: "task", error };
    let own = procfs::threads::own_id().map_err(proc)?;
    let (tids, found) = procfs::threads::ids().map_err(proc)?;
    // Room for every thread at the depth limit, and some to ask again; untouched it costs nothing.
    let mut operation = Operation::begin((tids.len() + 64) * ring::LONGEST_RECORD)?;

    let mut vanished = 0;
    let mut threads = Vec::with_capacity(tids.len());
    for (count, tid) in tids.iter().enumerate() {
        match describe(*tid, own) {
            Some(thread) => threads.push(thread),
            None => vanished += 1,
        }
        if count % THREADS_PER_TURN == THREADS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    let began = Instant::now();
    let mut waiting = HashMap::with_capacity(threads.len());
    for (at, thread) in threads.iter_mut().enumerate() {
        if thread.is_agent {
            let (frames, end) = operation.walk_here();
            thread.capture = Capture::OwnThread;
            thread.stack = Stack { frames, end };
        } else if thread.capture == Capture::Signal {
            match signal::send(thread.tid, operation.signal_value(thread.tid)) {
                Ok(()) => drop(waiting.insert(thread.tid, at)),
                Err(error) => {
                    thread.capture = Capture::Failed { reason: format!("cannot be signalled: {error}") };
                }
            }
        }
    }
    let last_answer = take_answers(&mut operation, &mut threads, waiting).await;
    let handler_stays = !operation.give_back_handler();
    let dropped = operation.lost_weight();
    threads.retain(|thread| {
        let is_gone =
            matches!(thread.capture, Capture::Failed { .. }) && clock::thread_cpu_ns(thread.tid).is_err();
        vanished += u32::from(is_gone);
        !is_gone
    });
    Ok(Dump {
        modules: operation.module_list(),
        capture: last_answer.saturating_duration_since(began),
        vanished,
        unlisted: (found - tids.len()) as u32,
        dropped,
        handler_stays,
        threads,
    })
}

/// Takes answers until all came or none did for [`SILENCE`]; says when the last one came. Many
/// threads waking at once may find all places to unwind in taken: those are asked again.
async fn take_answers(
    operation: &mut Operation,
    threads: &mut [ThreadStack],
    mut waiting: HashMap<u32, usize>,
) -> Instant {
    let mut last_answer = Instant::now();
    let mut looked = last_answer;
    let mut asked_at_losses = 0;
    loop {
        operation.drain(|record, frames| {
            if let Some(at) = waiting.remove(&record.tid) {
                threads[at].stack = Stack { frames, end: record.end };
                last_answer = Instant::now();
            }
        });
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
        // its value (kernel/signal.c, __send_signal_locked): it looks foreign.
        let foreign = operation.losses().foreign.load(std::sync::atomic::Ordering::Relaxed);
        let losses = operation.lost_weight() + foreign;
        if losses > asked_at_losses && last_answer.elapsed() > ASK_AGAIN {
            asked_at_losses = losses;
            for tid in waiting.keys() {
                // One that has ended is found out below.
                let _ = signal::send(*tid, operation.signal_value(*tid));
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
    refusal(state, number::is_blocked(tid, blocked)).filter(|_| state != 'D' || silent > UNINTERRUPTIBLE)
}

/// Whether a thread with this `syscall` line is in sigtimedwait(2). Meanwhile the kernel shows the
/// signals it waits for as not blocked (kernel/signal.c, do_sigtimedwait): ours could be taken for its
/// own.
pub(super) fn waits_for_signals(system_call: &str) -> bool {
    let number = system_call.split_ascii_whitespace().next().and_then(|number| number.parse().ok());
    number == Some(libc::SYS_rt_sigtimedwait)
}

const ENDING: &str = "ending";

/// Why a thread takes no signal.
fn refusal(state: char, is_blocked: bool) -> Option<String> {
    let reason = match state {
        'Z' | 'X' | 'x' => ENDING,
        _ if is_blocked => return Some(format!("the thread blocks {}", number::chosen())),
        'D' => "in uninterruptible sleep (state D): it takes no signal until the kernel is done",
        'T' | 't' => "stopped (state T), by a signal or a debugger",
        _ => return None,
    };
    Some(reason.to_owned())
}

/// What `/proc` says of a thread, and whether it can be signalled (`Capture::Signal`, not captured
/// yet). `None` when it has ended.
fn describe(tid: u32, own: u32) -> Option<ThreadStack> {
    let read = |file: &str| procfs::read(&format!("/proc/self/task/{tid}/{file}"), procfs::SMALL_FILE_BYTES);
    let (name, state, blocked) = parse_stat(&read("stat").ok()?)?;
    let line = read("syscall");
    let is_waiting = line.as_deref().is_ok_and(waits_for_signals);
    let system_call = match line {
        Ok(text) => parse_system_call(&text)
            .map_or_else(|| Known::unavailable("the kernel's line is not understood", ""), Known::Value),
        Err(error) => Known::unavailable(
            format!("/proc/self/task/{tid}/syscall: {error}"),
            "the program must not have changed its uid without exec (dumpable 0)",
        ),
    };
    // "0" means that it waits nowhere, or that the kernel hides it.
    let wchan = read("wchan").ok().filter(|wchan| wchan != "0").unwrap_or_default();
    // A disk may keep a thread in D for a moment only: it is asked.
    let capture = match refusal(state, number::is_blocked(tid, blocked)).filter(|_| state != 'D') {
        Some(reason) => Capture::Failed { reason },
        None if is_waiting => Capture::Failed {
            reason: "it waits for signals (sigwait) and may take ours for its own".to_owned(),
        },
        None => Capture::Signal,
    };
    Some(ThreadStack {
        tid,
        name,
        state,
        cpu_ns: Known::from(clock::thread_cpu_ns(tid)),
        wchan,
        system_call,
        is_agent: tid == own,
        capture,
        stack: Stack { frames: Vec::new(), end: StackEnd::NotCaptured },
    })
}

/// Name, state and blocked signals (field 32 of proc(5), the first 31 signals) of a `stat` line.
pub(super) fn parse_stat(text: &str) -> Option<(String, char, u64)> {
    let (head, rest) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let blocked = fields.nth(28)?.parse().ok()?;
    Some((name.to_owned(), state, blocked))
}

/// The line of `/proc/PID/task/TID/syscall`: `running`, `-1 SP PC`, or `NUMBER ARGUMENT …`.
pub(crate) fn parse_system_call(text: &str) -> Option<SystemCall> {
    let mut words = text.split_ascii_whitespace();
    match words.next()? {
        "running" => Some(SystemCall::Running),
        "-1" => Some(SystemCall::NotInOne),
        number => Some(SystemCall::Number {
            number: number.parse().ok()?,
            first_argument: u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        assert_eq!(parse_system_call("running\n"), Some(SystemCall::Running));
        assert_eq!(parse_system_call("-1 0x7ffd 0x55\n"), Some(SystemCall::NotInOne));
        assert_eq!(
            parse_system_call("202 0x7f10 0x80 0x0 0x0 0x0 0x0 0x7ffd 0x7f\n"),
            Some(SystemCall::Number { number: 202, first_argument: 0x7f10 })
        );
        assert_eq!(parse_system_call(""), None);
        let (name, state, blocked) =
            parse_stat("7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9 1 1 18446744073709551615 1 1 0 0 0 0 67108864 0 0")
                .unwrap();
        assert_eq!((&*name, state), ("a) b", 'S'));
        assert_eq!(blocked, 1 << (libc::SIGPROF - 1));
    }
}

//! Describes a thread from its files in `/proc`, and decides whether it can be signalled.

use std::io;

use rgops_protocol::reply::stack::{Capture, SystemCall, ThreadStack};
use rgops_protocol::reply::{Known, Stack, StackEnd};

use crate::agent_threads::is_agent_thread;
use crate::modules::Modules;
use crate::procfs;
use crate::quiet::{Captured, NotQuiet};
use crate::{clock, exempt_threads, signal_number, unwind};

/// Whether a thread with this `syscall` line is in sigtimedwait(2). During that call the kernel shows the
/// signals it waits for as not blocked (kernel/signal.c, do_sigtimedwait), so the thread could take ours for its
/// own.
pub(crate) fn waits_for_signals(system_call: &str) -> bool {
    let number = system_call.split_ascii_whitespace().next().and_then(|number| number.parse().ok());
    number == Some(libc::SYS_rt_sigtimedwait)
}

pub(super) const ENDING: &str = "ending";

/// Why the main thread of a program that left `main` without ending has no stack.
const LEADER_ENDED: &str = "it has ended, and the other threads run on";

/// Why a thread cannot be signalled.
pub(super) fn refusal(state: char, is_blocked: bool) -> Option<String> {
    let reason = match state {
        'Z' | 'X' | 'x' => ENDING,
        _ if is_blocked => return Some(format!("the thread blocks {}", signal_number::chosen())),
        'D' => "in uninterruptible sleep (state D): it takes no signal until the kernel is done",
        'T' | 't' => "stopped (state T), by a signal or a debugger",
        _ => return None,
    };
    Some(reason.to_owned())
}

/// Describes a thread that was captured without a signal. `None` when it has ended since.
pub(super) fn quiet(tid: u32, captured: Captured) -> Option<ThreadStack> {
    let line = Ok(captured.system_call);
    Some(ThreadStack { capture: Capture::Quiet, stack: captured.stack, ..describe(tid, line)?.0 })
}

/// Describes a thread that was not, and whether to signal it (`Capture::Signal`). `None` when it has ended.
pub(super) fn unless_quiet(tid: u32, why: &NotQuiet) -> Option<ThreadStack> {
    let line = read(tid, "syscall");
    let is_waiting = line.as_deref().is_ok_and(waits_for_signals);
    let (mut thread, blocked) = describe(tid, line)?;
    // A disk access may keep a thread in state D only for a moment, so it is signalled.
    let refusal =
        refusal(thread.state, signal_number::is_blocked(tid, blocked)).filter(|_| thread.state != 'D');
    let refusal = refusal.or_else(|| {
        is_waiting.then(|| "it waits for signals (sigwait) and may take the agent's for its own".to_owned())
    });
    let refusal =
        refusal.or_else(|| exempt_threads::contains(tid).then(|| exempt_threads::REASON.to_owned()));
    thread.capture = match (refusal, why) {
        // The kernel keeps it until the last thread has ended.
        (Some(_), _) if thread.state == 'Z' && tid == std::process::id() => {
            Capture::Failed { reason: LEADER_ENDED.to_owned() }
        }
        (Some(reason), NotQuiet::Running) => Capture::Failed { reason },
        (Some(reason), why) => Capture::Failed { reason: format!("{reason}; without a signal: {why}") },
        (None, NotQuiet::Running) => Capture::Signal { because: String::new() },
        (None, why) => Capture::Signal { because: why.to_string() },
    };
    Some(thread)
}

/// Describes and captures the calling thread, which is the agent's.
pub(super) fn own_thread(tid: u32, modules: &Modules) -> Option<ThreadStack> {
    let (frames, end) = unwind::walk_here(modules);
    let (thread, _) = describe(tid, read(tid, "syscall"))?;
    let stack = Stack { frames, end };
    Some(ThreadStack { is_agent: true, capture: Capture::OwnThread, stack, ..thread })
}

fn read(tid: u32, file: &str) -> io::Result<String> {
    procfs::read(&format!("/proc/self/task/{tid}/{file}"), procfs::SMALL_FILE_BYTES)
}

/// A thread's data from `/proc`, without a stack, and its blocked signals. `None` when it has ended.
fn describe(tid: u32, system_call: io::Result<String>) -> Option<(ThreadStack, u64)> {
    let (name, state, blocked) = parse_stat(&read(tid, "stat").ok()?)?;
    let system_call = match system_call {
        Ok(text) => parse_system_call(&text)
            .map_or_else(|| Known::unavailable("cannot parse the kernel's line", ""), Known::Value),
        Err(error) => {
            Known::unavailable(format!("/proc/self/task/{tid}/syscall: {error}"), procfs::fix(&error))
        }
    };
    // "0" means that it does not wait, or that the kernel hides the function.
    let wchan = read(tid, "wchan").ok().filter(|wchan| wchan != "0").unwrap_or_default();
    let thread = ThreadStack {
        tid,
        state,
        cpu_ns: Known::from(clock::thread_cpu_ns(tid)),
        wchan,
        system_call,
        is_agent: is_agent_thread(&name),
        name,
        current_task: None,
        capture: Capture::Signal { because: String::new() },
        stack: Stack { frames: Vec::new(), end: StackEnd::NotCaptured },
    };
    Some((thread, blocked))
}

/// The name, state and blocked signals (field 32 of proc(5), the first 31 signals) of a `stat` line.
pub(crate) fn parse_stat(text: &str) -> Option<(String, char, u64)> {
    let (head, rest) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let blocked = fields.nth(28)?.parse().ok()?;
    Some((name.to_owned(), state, blocked))
}

/// Parses the line of `/proc/PID/task/TID/syscall`: `running`, `-1 SP PC`, or `NUMBER ARGUMENT …`.
pub fn parse_system_call(text: &str) -> Option<SystemCall> {
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
    fn files_of_proc_are_parsed() {
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

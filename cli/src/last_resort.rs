//! The last line of defence: a limit on the memory and CPU time of the whole `rgops` process.
//!
//! Everything that grows or takes time with the data of another process is charged to a budget
//! (`rgops_inspect::budget`). If the budget is used up, the results so far are shown. Where charging was forgotten, or
//! was too low, a watching thread ends the process here: an answer is lost, but the user's machine keeps working.
//!
//! Time is CPU time after the deadline, not wall-clock time: output that waits for its reader (`rgops … | less`) may
//! wait for hours.

use std::io::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rgops_inspect::budget::Budget;
use rgops_inspect::{debuginfod, output, own_use};

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Time between two checks. In this time a process gets at most about 10 MiB of new pages.
const INTERVAL: Duration = Duration::from_millis(5);

/// CPU time a command may use after its deadline to print its results: 100,000 tasks take less than a second.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait until the failure is written to standard error.
const MESSAGE_DEADLINE: Duration = Duration::from_millis(200);

/// Starts to watch this process until it ends. Only the first call has an effect.
pub(crate) fn watch(budget: &Budget) {
    watch_with(budget, FIX);
}

/// The same for a command whose memory depends on files that the user names: more than the limit is no bug.
pub(crate) fn watch_input(budget: &Budget) {
    watch_with(budget, FIX_OF_INPUT);
}

fn watch_with(budget: &Budget, memory_fix: &'static str) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let mut watch = Watch { memory_fix, ..Watch::new(budget.clone()) };
        // If the thread cannot start, only the budget protects the machine.
        let _ = std::thread::Builder::new().name("rgops-watch".to_owned()).stack_size(128 * 1024).spawn(
            move || {
                loop {
                    std::thread::sleep(INTERVAL);
                    if let Some(failure) =
                        watch.check(Instant::now(), own_use::memory_bytes(), own_use::cpu_time())
                    {
                        end(failure);
                    }
                }
            },
        );
    });
}

/// Whether the deadline of the command still holds.
static HAS_DEADLINE: AtomicBool = AtomicBool::new(true);

/// From now on a person asks for more, so the deadline of the command does not hold any more; the limit on memory does.
pub(crate) fn without_deadline() {
    HAS_DEADLINE.store(false, Ordering::SeqCst);
}

/// The limits, and the CPU time at the deadline.
struct Watch {
    budget: Budget,
    /// CPU time used before the deadline.
    late_since: Option<Duration>,
    /// What to do about too little memory.
    memory_fix: &'static str,
}

impl Watch {
    fn new(budget: Budget) -> Watch {
        Watch { budget, late_since: None, memory_fix: FIX }
    }

    /// The failure to print if the process must end.
    fn check(
        &mut self,
        now: Instant,
        memory_bytes: Option<u64>,
        cpu_time: Option<Duration>,
    ) -> Option<Failure> {
        let limit = self.budget.limit_bytes();
        if memory_bytes.is_some_and(|bytes| bytes > most(limit)) {
            let why = format!("it was about to use more than {} MiB of memory", limit / (1024 * 1024));
            return Some(Failure::new(Exit::Partial, WHAT, why, self.memory_fix));
        }
        let deadline = self.budget.deadline().filter(|_| HAS_DEADLINE.load(Ordering::SeqCst))?;
        let used = cpu_time.filter(|_| now >= deadline)?;
        let late = used.saturating_sub(*self.late_since.get_or_insert(used));
        (late > GRACE).then(|| {
            let why = format!("it used {} s of CPU time after its deadline", GRACE.as_secs());
            Failure::new(Exit::TimedOut, WHAT, why, FIX)
        })
    }
}

const WHAT: &str = "the command ended itself before its output was complete";
const FIX: &str = "this is a bug in rgops: please report it with the command and `rgops version TARGET`; until then use a shorter time or a lower rate, and pass a larger --max-memory only for a program that you trust";

const FIX_OF_INPUT: &str = "the input is too large: pass fewer or smaller profiles, or a larger --max-memory, such as --max-memory 8G, if this host has it";

/// The memory a process may have at a check. The rest of the limit is for the time until the next check.
fn most(limit_bytes: u64) -> u64 {
    limit_bytes - limit_bytes / 16
}

/// Prints the failure and ends the process. Removes incomplete files, and never blocks for long.
fn end(failure: Failure) -> ! {
    let code = failure.exit as i32;
    let (sender, printed) = mpsc::sync_channel(1);
    // On a thread, because standard error may be a full pipe without a reader.
    let _ = std::thread::Builder::new().spawn(move || {
        terminal::leave_full_screen();
        terminal::print_failure(&failure);
        let _ = std::io::stderr().flush();
        let _ = sender.send(());
    });
    let _ = printed.recv_timeout(MESSAGE_DEADLINE);
    debuginfod::stop();
    output::remove_unfinished();
    std::process::exit(code);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::process::Command;

    use rgops_tests::program::finished;

    use rgops_inspect::budget;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn memory_below_the_limit_and_time_before_the_deadline_are_allowed() {
        let budget = budget::for_process(1024 * MIB);
        let mut watch = Watch::new(budget.clone());
        let now = Instant::now();
        let hour = Duration::from_secs(3600);
        assert!(watch.check(now, Some(950 * MIB), Some(hour)).is_none(), "it has no deadline");
        assert!(watch.check(now, None, None).is_none(), "unknown values are not over the limit");
        assert_eq!(watch.check(now, Some(970 * MIB), None).unwrap().exit, Exit::Partial);

        budget.end_by(now + hour);
        assert!(watch.check(now, None, Some(hour)).is_none());
        // CPU time used before the deadline does not count.
        assert!(watch.check(now + hour, None, Some(hour)).is_none());
        assert!(watch.check(now + 2 * hour, None, Some(hour + GRACE)).is_none(), "it waits for its reader");
        let over = hour + GRACE + Duration::from_millis(1);
        assert_eq!(watch.check(now + hour, None, Some(over)).unwrap().exit, Exit::TimedOut);
    }

    /// Set in the process in which [`grows`] takes memory.
    const VARIABLE: &str = "RGOPS_TEST_GROWS";

    /// Started by the test below in another process: takes memory that is not charged to a budget.
    #[test]
    fn grows() {
        if std::env::var_os(VARIABLE).is_none() {
            return;
        }
        watch(&budget::for_process(128 * MIB));
        let mut kept = Vec::new();
        for _ in 0..1024 {
            kept.push(vec![1_u8; MIB as usize]);
        }
        std::process::exit(i32::from(kept.len() == 1024));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_takes_uncharged_memory_ends_and_prints_the_reason() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let ended = finished(command.arg("last_resort::tests::grows").env(VARIABLE, "1"));
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(6), "{stderr}");
        assert!(stderr.contains("it was about to use more than 128 MiB of memory\nfix: "), "{stderr}");
    }
}

//! The last line of defence: memory and CPU time of `rgops` itself that nobody counted.
//!
//! All that grows, or takes time, with what another process shows is counted where it is made
//! (`rgops_inspect::budget`), and then the answer is shown as far as it got. Where that was forgotten, or counted
//! for less than it takes, a thread that looks at the whole process ends it here: an answer is lost, the machine of
//! the one who asked is not.
//!
//! Time is CPU time behind the deadline, not the clock's: output that waits for its reader (`rgops … | less`) may
//! wait for hours.

use std::io::Write as _;
use std::sync::Once;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rgops_inspect::budget::Budget;
use rgops_inspect::{output, own_use};

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Time from one look to the next. In it a process gets no more than some 10 MiB of new pages.
const INTERVAL: Duration = Duration::from_millis(5);

/// CPU time a command has behind its deadline, to print what it has: 100,000 tasks take less than a second.
const GRACE: Duration = Duration::from_secs(10);

/// How long standard error may take for the last words.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Begins to look at this process, for the rest of its life; the first budget is the one that holds.
pub(crate) fn watch(budget: &Budget) {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let mut watch = Watch::new(budget.clone());
        // Without it the command is as safe as its counting is.
        let _ = std::thread::Builder::new().name("rgops-watch".to_owned()).stack_size(128 * 1024).spawn(
            move || {
                loop {
                    std::thread::sleep(INTERVAL);
                    if let Some(failure) =
                        watch.look(Instant::now(), own_use::memory_bytes(), own_use::cpu_time())
                    {
                        end(failure);
                    }
                }
            },
        );
    });
}

/// What is looked at, and since when.
struct Watch {
    budget: Budget,
    /// CPU time that was used when the deadline passed.
    late_since: Option<Duration>,
}

impl Watch {
    fn new(budget: Budget) -> Watch {
        Watch { budget, late_since: None }
    }

    /// What to say when the process has to end.
    fn look(
        &mut self,
        now: Instant,
        memory_bytes: Option<u64>,
        cpu_time: Option<Duration>,
    ) -> Option<Failure> {
        let limit = self.budget.limit_bytes();
        if memory_bytes.is_some_and(|bytes| bytes > most(limit)) {
            let why = format!("it was about to use more than {} MiB of memory", limit / (1024 * 1024));
            return Some(Failure::new(Exit::Partial, WHAT, why, FIX));
        }
        let deadline = self.budget.deadline()?;
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

/// What the process may have at a look, of so many bytes: what it gets until the next one is kept free.
fn most(limit_bytes: u64) -> u64 {
    limit_bytes - limit_bytes / 16
}

/// Ends the process; nothing that is not whole is left behind, and nobody is waited for.
fn end(failure: Failure) -> ! {
    let code = failure.exit as i32;
    let (sender, said) = mpsc::sync_channel(1);
    // Standard error may be a pipe that nobody reads.
    let _ = std::thread::Builder::new().spawn(move || {
        terminal::print_failure(&failure);
        let _ = std::io::stderr().flush();
        let _ = sender.send(());
    });
    let _ = said.recv_timeout(LAST_WORDS);
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
    fn memory_below_the_limit_and_time_before_the_deadline_are_the_commands_own() {
        let budget = budget::for_process(1024 * MIB);
        let mut watch = Watch::new(budget.clone());
        let now = Instant::now();
        let hour = Duration::from_secs(3600);
        assert!(watch.look(now, Some(950 * MIB), Some(hour)).is_none(), "it has no deadline");
        assert!(watch.look(now, None, None).is_none(), "not known is not too much");
        assert_eq!(watch.look(now, Some(970 * MIB), None).unwrap().exit, Exit::Partial);

        budget.end_by(now + hour);
        assert!(watch.look(now, None, Some(hour)).is_none());
        // What was used before the deadline is not held against it.
        assert!(watch.look(now + hour, None, Some(hour)).is_none());
        assert!(watch.look(now + 2 * hour, None, Some(hour + GRACE)).is_none(), "it waits for its reader");
        let over = hour + GRACE + Duration::from_millis(1);
        assert_eq!(watch.look(now + hour, None, Some(over)).unwrap().exit, Exit::TimedOut);
    }

    /// Set where [`grows`] does so.
    const VARIABLE: &str = "RGOPS_TEST_GROWS";

    /// Started again by the test below: takes memory that nobody counts.
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
    fn a_process_that_takes_uncounted_memory_ends_and_says_why() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let ended = finished(command.arg("last_resort::tests::grows").env(VARIABLE, "1"));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(6), "{said}");
        assert!(said.contains("it was about to use more than 128 MiB of memory\nfix: "), "{said}");
    }
}

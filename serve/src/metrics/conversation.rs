//! The questions to the agent of one program: `stats` with the shortest window, and `memstats`.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rgops_inspect::session::{ErrorKind, Memstats, Session, SessionError, SessionOptions, StatsOptions};

use super::labels::Labels;
use super::memory;
use super::numbers::{self, Switches};
use super::samples::{Reason, Sample, Samples, Value};
use super::table::Metric;
use crate::fleet::Program;

/// An agent that sends nothing for this long does not answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The shortest window that agents measure.
const WINDOW: Duration = Duration::from_millis(20);

/// Reading the memory of a program walks its page tables, 10 ms for each GiB. Meanwhile the program waits where it maps
/// memory. So it is read for at most a twentieth of the time.
const MEMORY_PAUSE: u32 = 20;

/// What is kept from one question to the next.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// It has no open connection.
    session: Option<Session>,
    memory: Option<Memory>,
    switches: Switches,
}

#[derive(Debug)]
struct Memory {
    answer: Memstats,
    /// Not asked again before.
    until: Instant,
}

impl Conversation {
    /// Asks the agent. Blocks for the window, and longer if it does not answer: see [`SessionOptions::timeout`].
    pub(super) fn ask(&mut self, program: &Program, labels: &Labels) -> Result<Vec<Sample>, Reason> {
        let began = Instant::now();
        let mut samples = Samples::new(labels.clone());
        let options = StatsOptions::default().window(WINDOW);
        let stats =
            self.with_session(program, |session| session.stats(&options)).map_err(|error| reason(&error))?;
        numbers::put(&mut samples, stats.reply(), started_ns(program), &mut self.switches);
        match self.memory(program) {
            Ok(answer) => memory::put(&mut samples, answer.reply()),
            Err(error) => memory::missing(&mut samples, reason(&error)),
        }
        samples.put(Metric::Up, Value::Integer(1));
        let took_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        samples.put(Metric::AnswerTime, Value::Nanoseconds(took_ns));
        Ok(samples.finished())
    }

    fn memory(&mut self, program: &Program) -> Result<&Memstats, SessionError> {
        let began = Instant::now();
        let is_needed = self.memory.as_ref().is_none_or(|memory| memory.until <= began);
        if is_needed {
            // An old answer is not shown if there is no new one.
            self.memory = None;
        }
        match self.memory.take() {
            Some(memory) => Ok(&self.memory.insert(memory).answer),
            None => {
                let answer = self.with_session(program, Session::memstats)?;
                let until = Instant::now() + began.elapsed().saturating_mul(MEMORY_PAUSE);
                Ok(&self.memory.insert(Memory { answer, until }).answer)
            }
        }
    }

    /// Asks in the session of the last question. If that is over, because the agent closed and listens again, in a new
    /// one.
    fn with_session<T>(
        &mut self,
        program: &Program,
        ask: impl Fn(&mut Session) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        if let Some(mut session) = self.session.take() {
            match ask(&mut session) {
                Ok(answer) => {
                    self.session = Some(session);
                    return Ok(answer);
                }
                Err(error) => match error.kind() {
                    ErrorKind::TimedOut => return Err(error),
                    ErrorKind::Refused => {
                        self.session = Some(session);
                        return Err(error);
                    }
                    _ => {}
                },
            }
        }
        let mut session = program.session(SessionOptions::default().timeout(DEADLINE))?;
        let answer = ask(&mut session);
        self.session = Some(session);
        answer
    }
}

/// A program without numbers.
pub(super) fn down(labels: &Labels, reason: Reason) -> Vec<Sample> {
    let mut samples = Samples::new(labels.clone());
    samples.put(Metric::Up, Value::Integer(0));
    samples.missing(Metric::Up, reason);
    samples.finished()
}

fn reason(error: &SessionError) -> Reason {
    match error.kind() {
        ErrorKind::TimedOut => Reason::TimedOut,
        ErrorKind::Refused => Reason::Refused,
        ErrorKind::NotFound => Reason::Gone,
        _ => Reason::Failed,
    }
}

/// When the process started, since the Unix epoch. The start of this machine is read once: a clock that is set would
/// move the start of every program.
fn started_ns(program: &Program) -> Option<u64> {
    static BOOT_S: OnceLock<Option<u64>> = OnceLock::new();
    let boot_s = (*BOOT_S.get_or_init(|| boot_time_s(&std::fs::read_to_string("/proc/stat").ok()?)))?;
    // 0 on a system without such a number.
    if program.start_time == 0 {
        return None;
    }
    let ticks_per_second = ticks_per_second();
    let since_boot_ns = u128::from(program.start_time) * 1_000_000_000 / u128::from(ticks_per_second);
    boot_s.checked_mul(1_000_000_000)?.checked_add(u64::try_from(since_boot_ns).ok()?)
}

/// `CLK_TCK`, the unit of proc(5). Elsewhere no program has a start time in it.
fn ticks_per_second() -> u64 {
    #[cfg(unix)]
    return rustix::param::clock_ticks_per_second().max(1);
    #[cfg(not(unix))]
    1
}

fn boot_time_s(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

//! `rgops schedtrace`: the activity of the Tokio schedulers, printed live, one line per runtime and interval.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::session::{Answer as _, SchedtraceLine, SchedtraceOptions, SchedtraceStream};

use super::print;
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Print the state of the Tokio schedulers, one line per runtime and interval";
pub(crate) const PLACE: usize = 150;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
One line per runtime and interval, until Ctrl-C. `-` is an unavailable number; the reason is printed once.

  SCHED 1004ms: runtime=main workers=4 idleworkers=2 searching=0 threads=9 blocking=3 idleblocking=1
                blockingqueue=0 runqueue=0 [ 0 0 1 1 ] busy=[ 12% 0% 100% 3% ] alive=1041

  workers, idleworkers    worker threads, and parked ones among them
  searching               workers searching for work to steal
  threads                 threads of the whole process
  blocking, idleblocking  threads of the blocking pool, and idle ones among them
  blockingqueue           closures that wait for a blocking thread
  runqueue [ … ]          tasks in the global queue, and in each worker's own (without the LIFO slot)
  busy=[ … ]              each worker's share of the interval, including a poll that never ends
  alive                   tasks that have not ended

--detail adds one line per worker and per task that is not idle; it lists all tasks each time.

  W0: tid=4711 state=polling task=1041 queue=2 lifo=1 polls=- parks=77
  T1041: state=running worker=0 name=shop::checkout

Stable Tokio does not report searching, the blocking pool and the workers' queues: they are read from the
program's memory if its debug information describes them.
With RGOPS_DEBUG=schedtrace=1000 in its environment, the program prints the same lines itself.

Examples:
  rgops schedtrace 4711
  rgops schedtrace shop --interval 100ms --count 10
  rgops schedtrace shop -d 60s --json | jq '.global_queue'")]
pub struct Schedtrace {
    #[command(flatten)]
    agent: AgentArguments,
    /// Interval between lines, 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Print a line for each worker and each task that is not idle
    #[arg(long)]
    detail: bool,
    /// End after N intervals
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// End after this long: 60s, 5m, or a number of seconds
    #[arg(long, short, visible_alias = "seconds", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Additional directory with debug files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Schedtrace {
    /// Runs the command.
    ///
    /// # Errors
    /// If the agent cannot be reached, or the connection breaks.
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        let stopper = session.stopper();
        let options =
            SchedtraceOptions::default().interval(self.interval).count(self.count()).detail(self.detail);
        let mut trace = session.schedtrace(&options)?;
        terminal::on_interrupt(move || stopper.stop())?;
        while let Some(moment) = trace.next_moment()? {
            moment.notes.iter().for_each(|missing| terminal::note(missing));
            for line in &moment.lines {
                if !self.print(&mut trace, line)? {
                    return Ok(Exit::Success);
                }
            }
        }
        print::end(&trace.completeness(), false, self.agent.json)
    }

    /// Prints the new notes of a line, then the line; returns false if standard output was closed.
    fn print(&self, trace: &mut SchedtraceStream<'_>, line: &SchedtraceLine) -> Result<bool, Failure> {
        if self.agent.json {
            return terminal::print_on(&terminal::json_line(&line.json(&()))?);
        }
        trace.notes(line).iter().for_each(|missing| terminal::note(missing));
        terminal::print_on(line.text(&()).as_str())
    }

    fn count(&self) -> u32 {
        match (self.count, self.duration) {
            (Some(count), _) => count,
            (None, Some(duration)) => {
                let count = duration.as_nanos().div_ceil(self.interval.as_nanos().max(1));
                u32::try_from(count).unwrap_or(u32::MAX)
            }
            (None, None) => 0,
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    match (Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&interval) {
        true => Ok(interval),
        false => Err("must be from 10ms to 1h".to_owned()),
    }
}

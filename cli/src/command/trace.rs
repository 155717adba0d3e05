//! `rgops trace`: every thread's states over time as a Perfetto file, and a summary.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::session::{TraceOptions, TraceView};
use rgops_inspect::trace::file_names;

use super::gathering::Gathering;
use super::output::Output;
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Trace every thread's states over time into a Perfetto file";
pub(crate) const PLACE: usize = 140;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Ctrl-C ends the trace early and keeps what was gathered; a second Ctrl-C aborts.
Only you can read the file. Exit code 6: data was lost, or the program ended.

The table has shares of each thread's time: running on a CPU, runnable (waiting for one), and blocked
in a futex (locks, condition variables, channels), the network (a call on a socket), poll (epoll and
similar: several descriptors or a timer; an idle runtime waits there), a file, sleep, or another call.
Running and runnable are measured by the kernel. The blocking call is sampled every --interval, so
shorter waits are attributed to the call sampled next.

Examples:
  rgops trace 4711                          5 seconds
  rgops trace shop -d 1s --interval 1ms --hz 999
  rgops trace shop --hz 0 --json            states only, for a script")]
pub struct Trace {
    #[command(flatten)]
    agent: AgentArguments,
    /// Trace for this long: 5s, 500ms, 1m, or a number of seconds
    #[arg(long, short, visible_alias = "seconds", value_name = "TIME", default_value = "5s", value_parser = duration)]
    duration: Duration,
    /// Sampling interval of thread states, 1ms to 1s; the agent uses a longer one if the cost is too high
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = interval)]
    interval: Duration,
    /// CPU sampling rate in Hz of CPU time; 0 for none
    #[arg(long, default_value_t = 99, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    hz: u32,
    /// List every thread, not only the 20 busiest
    #[arg(long)]
    all: bool,
    /// Write the trace to this file, or `-`: standard output [default: rgops.NAME.PID.NNN.perfetto-trace]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists and is a regular file
    #[arg(long)]
    force: bool,
    /// Additional directory with symbol files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Trace {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no answer, the file cannot be written, or the answer ended early (the received part is
    /// printed first).
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        let names = file_names(session.name(), session.pid());
        // Opened first, so that no time is spent on a trace that cannot be saved.
        let output = Output::open(self.output.as_deref(), self.force, self.agent.json, names)?;
        let stopper = session.stopper();
        terminal::on_interrupt(move || stopper.stop())?;
        let options = TraceOptions::default().duration(self.duration).interval(self.interval).hz(self.hz);
        let mut gathering = Gathering::new("Tracing", "changes", self.duration);
        // Writing never fails: `keep` reports errors.
        let mut trace = session.trace(&options, output, &mut |progress| gathering.show(progress))?;
        let saved = trace.output_mut().keep("Trace");
        let view = TraceView::default().all(self.all).file(saved.file.clone());
        saved.print(&trace, &view, self.agent.json, |_| {
            "next: open https://ui.perfetto.dev and drop the file there (it stays on your machine)".to_owned()
        })
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    match (Duration::from_millis(1)..=Duration::from_secs(1)).contains(&interval) {
        true => Ok(interval),
        false => Err("must be from 1ms to 1s".to_owned()),
    }
}

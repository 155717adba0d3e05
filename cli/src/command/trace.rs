//! `rgops trace`: every thread's states over time as a Perfetto file, and a summary.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::client::{Answer, ClientError, Event, part};
use rgops_inspect::report::pprof_cpu::missing_names;
use rgops_inspect::report::trace::{JsonTrace, screen};
use rgops_inspect::trace::{Process, Recorder, file_names};
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::request::{Request, TraceRequest};

use super::output::Output;
use crate::arguments::{duration, seconds};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Trace every thread's states over time into a Perfetto file";
pub(super) const PLACE: usize = 140;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Ctrl-C ends the trace early and keeps what was gathered; a second Ctrl-C gives up.
The file is only readable by you. Exit code 6: something was lost, or the program went away.

The table has shares of each thread's time: running on a CPU, runnable (waiting for one), and blocked
in a futex (locks, conditions, channels), the network (a call on a socket), poll (epoll and the like:
any of several descriptors or a timer; an idle runtime rests there), a file, sleeping, something else.
Running and runnable are the kernel's own clocks; what a thread was blocked in is looked at every
--interval, so shorter waits are counted as what comes next.

Examples:
  rgops trace 4711                          5 seconds
  rgops trace shop --seconds 1 --interval 1ms --hz 999
  rgops trace shop --hz 0 --json            states only, for a script")]
pub struct Trace {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// Trace for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// Look at the threads this often, 1ms to 1s; the agent looks less often if that costs too much
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = interval)]
    interval: Duration,
    /// Take so many CPU samples per second of CPU time; 0 takes none
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
    /// Look for symbol files in this directory, too
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Trace {
    /// Runs the command.
    ///
    /// # Errors
    /// When nothing was answered, the file cannot be written, or the answer broke off (what came is
    /// printed before).
    pub fn run(&self) -> Result<Exit, Failure> {
        let (client, target) = self.agent.connect_for(self.seconds)?;
        let hello = client.hello().clone();
        let names = file_names(&hello.name, hello.pid);
        // Before time is spent on a trace that has no place to go.
        let output = Output::open(self.output.as_deref(), self.force, self.agent.json, names)?;
        let duration_ms = u64::try_from(self.seconds.as_millis()).unwrap_or(u64::MAX).max(1);
        let interval_us = u32::try_from(self.interval.as_micros()).unwrap_or(u32::MAX);
        let request = TraceRequest { duration_ms, hz: self.hz, interval_us };
        let mut answer = client.ask(&Request::Trace(request))?;
        let finisher = answer.finisher();
        terminal::on_interrupt(move || finisher.finish())?;

        let process = Process {
            name: hello.name.clone(),
            local_pid: target.local_pid,
            symbol_directories: self.symbols.clone(),
            budget: answer.budget().clone(),
        };
        let mut trace = Recorder::new(output, process);
        let end = self.gather(&mut answer, &mut trace);
        if trace.start().is_none()
            && let Err(error) = end
        {
            return Err(error.into());
        }
        // Writing never fails: what goes wrong is told at the end.
        let _ = trace.finish();
        self.report(&hello, trace, end)
    }

    /// Takes parts until the end, or until the connection breaks; `trace` keeps what came.
    fn gather(&self, answer: &mut Answer, trace: &mut Recorder<Output>) -> Result<End, ClientError> {
        if !io::stderr().is_terminal() {
            let seconds = self.seconds.as_secs_f64();
            terminal::say(&format!("Tracing now, will take {seconds} secs..."));
        }
        let bar = terminal::bar("Tracing", self.seconds);
        loop {
            match answer.next_event()? {
                Event::Progress(progress) => bar.update(&progress, "changes"),
                Event::Data(payload) => {
                    // Writing never fails: what goes wrong is told at the end.
                    let _ = trace.add(part(&payload)?);
                    if let Some(exhausted) = trace.exhausted() {
                        return Err(exhausted.into());
                    }
                }
                Event::End(end) => return Ok(end),
            }
        }
    }

    fn report(
        &self,
        hello: &AgentHello,
        mut trace: Recorder<Output>,
        end: Result<End, ClientError>,
    ) -> Result<Exit, Failure> {
        let saved = trace.output_mut().keep("Trace");
        let is_cut;
        if self.agent.json {
            let end = end.as_ref().map_err(ToString::to_string);
            let json = JsonTrace::new(hello, saved.file.as_deref(), &trace, end);
            is_cut = json.cut().is_some();
            terminal::print_json(&json)?;
        } else {
            let screen = screen(&trace, self.all);
            is_cut = screen.is_cut();
            saved.print(screen.as_str())?;
            saved.print(&missing_names(trace.module_symbols()))?;
            if saved.file.is_some() {
                terminal::say(
                    "next: open https://ui.perfetto.dev and drop the file there (it stays on your machine)",
                );
            }
        }
        let whole = if is_cut { Exit::Partial } else { Exit::Fine };
        saved.end(match end {
            Ok(end) if self.agent.json => Ok(terminal::exit_of(&end).or(whole)),
            Ok(end) => Ok(terminal::print_notes(&end).or(whole)),
            Err(error) => Err(Failure::from(error).with_exit(Exit::Partial)),
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

//! `rgops pprof-cpu`: a CPU profile as a pprof file, and its top functions.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_inspect::budget::Budget;
use rgops_inspect::client::{Answer, ClientError, Event, part};
use rgops_inspect::processes::Target;
use rgops_inspect::profile::{self, CpuProfile, Incomplete, Process, top};
use rgops_inspect::report::pprof_cpu::{JsonPprofCpu, Reconciliation, missing_names};
use rgops_inspect::text::escape;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::request::{PprofCpuRequest, Request};

use super::output::Output;
use crate::arguments::seconds;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Rows printed, as `top` of `go tool pprof` does.
const ROWS: usize = 10;

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Profile the CPU, save a pprof file and show the top functions";
pub(super) const PLACE: usize = 90;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Ctrl-C ends the profile early and keeps what was gathered; a second Ctrl-C gives up.
The file is only readable by you. Exit code 6: samples were lost, or the program went away.

Examples:
  rgops pprof-cpu 4711                      30 seconds at 99 Hz
  rgops pprof-cpu shop --seconds 5 --hz 999 --output shop.pb.gz
  go tool pprof -http=: shop.pb.gz          the same file in pprof's browser view")]
pub struct PprofCpu {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// Sample for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    seconds: Duration,
    /// Take so many samples per second of CPU time
    #[arg(long, default_value_t = 99, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    hz: u32,
    /// Write the profile to this file, or `-`: standard output [default: rgops.NAME.PID.samples.cpu.NNN.pb.gz]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists and is a regular file
    #[arg(long)]
    force: bool,
    /// Look for symbol files in this directory, too
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl PprofCpu {
    /// Runs the command.
    ///
    /// # Errors
    /// When nothing was answered, the file cannot be written, or the answer broke off (what came is
    /// printed before).
    pub fn run(&self) -> Result<Exit, Failure> {
        let (client, target) = self.agent.connect_for(self.seconds)?;
        let hello = client.hello().clone();
        // Before half a minute is spent on a profile that has no place to go.
        let names = profile::cpu_file_names(&hello.name, hello.pid);
        let output = Output::open(self.output.as_deref(), self.force, self.agent.json, names)?;
        let duration_ms = u64::try_from(self.seconds.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut answer = client.ask(&Request::PprofCpu(PprofCpuRequest { duration_ms, hz: self.hz }))?;
        let finisher = answer.finisher();
        terminal::on_interrupt(move || finisher.finish())?;

        let began = Instant::now();
        let mut profile = CpuProfile::new(self.process(&hello, &target, answer.budget()));
        let end = self.gather(&mut answer, &mut profile);
        if profile.start().is_none()
            && let Err(error) = end
        {
            return Err(error.into());
        }
        self.finish(&hello, profile, end, began.elapsed(), output)
    }

    fn process(&self, hello: &AgentHello, target: &Target, budget: &Budget) -> Process {
        Process {
            name: hello.name.clone(),
            pid: hello.pid,
            build_id: hello.build_id.clone(),
            local_pid: target.local_pid,
            symbol_directories: self.symbols.clone(),
            budget: budget.clone(),
        }
    }

    /// Takes parts until the end, or until the connection breaks; `profile` keeps what came.
    fn gather(&self, answer: &mut Answer, profile: &mut CpuProfile) -> Result<End, ClientError> {
        if !std::io::stderr().is_terminal() {
            let seconds = self.seconds.as_secs_f64();
            terminal::say(&format!("Profiling CPU now, will take {seconds} secs..."));
        }
        let bar = terminal::bar("Profiling CPU", self.seconds);
        loop {
            match answer.next_event()? {
                Event::Progress(progress) => bar.update(&progress, "samples"),
                Event::Data(payload) => profile.add(part(&payload)?),
                Event::End(end) => return Ok(end),
            }
            if let Some(exhausted) = profile.exhausted() {
                return Err(exhausted.into());
            }
        }
    }

    fn finish(
        &self,
        hello: &AgentHello,
        mut gathered: CpuProfile,
        end: Result<End, ClientError>,
        elapsed: Duration,
        mut output: Output,
    ) -> Result<Exit, Failure> {
        let incomplete = end.as_ref().err().map(|error| Incomplete {
            reason: error.to_string(),
            duration_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
        });
        if let Ok(end) = &end {
            gathered.end(end);
        }
        let reconciliation = Reconciliation::new(&gathered);
        let nameless = missing_names(gathered.module_symbols());
        let budget = gathered.budget().clone();
        let profile = gathered.build(incomplete.as_ref());
        // It never fails: what goes wrong is told at the end.
        let _ = output.write_all(&profile::encode(&profile));
        let saved = output.keep("Profile");
        let top = top::within(&budget, &profile, top::Options { sample_type: "cpu", rows: ROWS });
        let whole = if top.left_out.is_some() { Exit::Partial } else { Exit::Fine };
        if self.agent.json {
            let end = end.as_ref().map_err(ToString::to_string);
            let file = saved.file.as_deref();
            terminal::print_json(&JsonPprofCpu::new(hello, file, &profile, &top, reconciliation, end))?;
        } else {
            let table: Vec<_> = top.text().lines().map(|line| escape(line).into_owned() + "\n").collect();
            saved.print(&table.concat())?;
            saved.print(&format!("\n{}\n{nameless}", reconciliation.line()))?;
            if let Some(file) = &saved.file {
                terminal::say(&format!("next: go tool pprof -http=: {file}"));
            }
        }
        saved.end(match end {
            Ok(end) if self.agent.json => Ok(terminal::exit_of(&end).or(whole)),
            Ok(end) => Ok(terminal::print_notes(&end).or(whole)),
            Err(error) => Err(Failure::from(error).with_exit(Exit::Partial)),
        })
    }
}

//! `rgops pprof-cpu`: a CPU profile as a pprof file, and its top functions.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::profile;
use rgops_inspect::session::{CpuProfile, CpuProfileOptions};
use rgops_pprof::Settings;
use rgops_pprof::settings::Sort;

use super::gathering::Gathering;
use super::output::Output;
use super::pprof;
use super::profiled::{self, Prompt};
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Profile the CPU, save a pprof file and show the top functions";
pub(crate) const PLACE: usize = 90;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Ctrl-C ends the profile early and keeps what was gathered; a second Ctrl-C aborts.
On a terminal it ends in the (pprof) prompt: see rgops pprof --help.
Only you can read the file. Exit code 6: samples were lost, or the program ended.

Examples:
  rgops pprof-cpu 4711                      30 seconds at 99 Hz
  rgops pprof-cpu shop -d 5s --hz 999 --output shop.pb.gz
  rgops pprof --http shop.pb.gz             open the file in the browser")]
pub struct PprofCpu {
    #[command(flatten)]
    agent: AgentArguments,
    /// Sample for this long: 5s, 500ms, 1m30s, or a number of seconds
    #[arg(long, short, visible_alias = "seconds", value_name = "TIME", default_value = "30s", value_parser = duration)]
    duration: Duration,
    /// Sampling rate in Hz of CPU time
    #[arg(long, default_value_t = 99, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    hz: u32,
    /// Write the profile to this file, or `-`: standard output [default: rgops.NAME.PID.samples.cpu.NNN.pb.gz]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists and is a regular file
    #[arg(long)]
    force: bool,
    /// Sort the table of functions by what they use and call, as `-cum` of pprof
    #[arg(long)]
    cum: bool,
    /// Keep the time of each sample, for the timeline of `rgops pprof --http`; the file is larger
    #[arg(long)]
    times: bool,
    /// Additional directory with symbol files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
    #[command(flatten)]
    asked: pprof::Asked,
}

impl PprofCpu {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no answer, the file cannot be written, or the answer ended early (the received part is
    /// printed first).
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        // Opened first, so that half a minute is not spent on a profile that cannot be saved.
        let names = profile::cpu_file_names(session.name(), session.pid());
        let mut output = Output::open(self.output.as_deref(), self.force, self.agent.json, names)?;
        let stopper = session.stopper();
        terminal::on_interrupt(move || stopper.stop())?;
        let options = CpuProfileOptions::default()
            .duration(self.duration)
            .hz(self.hz)
            .by_cum(self.cum)
            .times(self.times);
        let mut gathering = Gathering::new("Profiling CPU", "samples", self.duration);
        let answer = session.cpu_profile(&options, &mut |progress| gathering.show(progress))?;
        // Writing never fails: `keep` reports errors.
        let _ = answer.write_to(&mut output);
        let saved = output.keep("Profile");
        let mut settings = Settings::default();
        if self.cum {
            settings.sort = Sort::Cum;
        }
        let prompt = Prompt { asked: self.asked, name: session.name(), settings };
        profiled::end(&answer, CpuProfile::write_to, saved, self.agent.json, prompt)
    }
}

//! `rgops symbolize`: names for a profile that was saved without them.

use std::io::Write as _;
use std::path::PathBuf;

use rgops_inspect::budget;
use rgops_inspect::output::Numbered;
use rgops_inspect::profile::{self, SymbolizeError};
use rgops_inspect::report::symbolize;

use super::output::Output;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `rgops symbolize`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Files are used only if their build-id is the one in the profile. Nothing is fetched from a network,
unless DEBUGINFOD_URLS is set: then debuginfod-find asks its servers.
Exit code 6: no address got a name.

Examples:
  rgops symbolize shop.pb.gz --symbols kept -o named.pb.gz   files of the running build, under any name
  rgops pprof --http named.pb.gz                             open the result in the browser")]
pub struct Symbolize {
    /// The profile: a pprof file, compressed or not
    file: PathBuf,
    /// Directory with symbol files; may be given several times
    #[arg(long, value_name = "DIR", required = true)]
    symbols: Vec<PathBuf>,
    /// Write the profile to this file, or `-`: standard output [default: rgops.NAME.symbolized.NNN.pb.gz]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists and is a regular file
    #[arg(long)]
    force: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl Symbolize {
    /// Writes the profile with names, and says for each module what was found.
    ///
    /// # Errors
    /// If the profile cannot be read, or the result cannot be written.
    pub fn run(&self) -> Result<Exit, Failure> {
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.trim_end_matches(".gz").trim_end_matches(".pb").to_owned();
        let names = Numbered::new(&stem, std::process::id(), ".symbolized", ".pb.gz");
        terminal::allow_debuginfod()?;
        let symbolized = profile::symbolize(&self.file, &self.symbols, &budget::standard())
            .map_err(|error| self.failure(&error))?;
        let mut output = Output::open(self.output.as_deref(), self.force, self.json, names)?;
        let _ = output.write_all(&profile::encode(&symbolized.profile));
        let saved = output.keep("Profile");
        let exit = if symbolize::is_in_vain(&symbolized) { Exit::Partial } else { Exit::Success };
        let printed = match self.json {
            true => terminal::print_json(&symbolize::json(&symbolized, saved.file.as_deref())),
            false => saved.print_text(&symbolize::text(&symbolized)),
        };
        saved.end(printed.map(|()| exit))
    }

    fn failure(&self, error: &SymbolizeError) -> Failure {
        let what = format!("cannot symbolize {}", self.file.display());
        let (exit, fix) = match error {
            SymbolizeError::Exhausted(limit) => (Exit::TimedOut, limit.fix()),
            _ => (Exit::Usage, "pass a file that rgops pprof-cpu or pprof-heap wrote, or another pprof file"),
        };
        Failure::new(exit, what, error.to_string(), fix)
    }
}

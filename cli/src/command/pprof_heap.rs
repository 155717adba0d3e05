//! `rgops pprof-heap`: a heap profile as a pprof file, and its top functions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::profile;
use rgops_inspect::session::{HeapKind, HeapProfile, HeapProfileOptions};
use rgops_pprof::Settings;

use super::gathering::Gathering;
use super::output::Output;
use super::pprof;
use super::profiled::{self, Prompt};
use crate::arguments::{AgentArguments, duration};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Profile the heap, save a pprof file and show the top functions";
pub(crate) const PLACE: usize = 100;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The file has the sample types of Go's heap profile: alloc_objects, alloc_space, inuse_objects and
inuse_space. Numbers are estimates from samples; the lines below the table show their accuracy.
As in Go, leaf frames of the allocator and of constructors (vec![], Box::new) are omitted. The program
needs the wrapper rgops_agent::alloc::Sampling around its allocator, or jemalloc with prof:true.
On a terminal it ends in the (pprof) prompt: see rgops pprof --help.
Only you can read the file. Exit code 6: samples were lost, or the program ended.

Examples:
  rgops pprof-heap 4711                     memory in use, by function
  rgops pprof-heap 4711 -alloc_space        memory allocated since the program started
  rgops pprof-heap shop -d 30s              changes in 30 seconds; a decrease is negative
  rgops pprof --http FILE                   open the file in the browser")]
pub struct PprofHeap {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show the changes in this time: 30s, 5m, or a number of seconds; Ctrl-C ends it early
    #[arg(long, short, visible_alias = "seconds", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    kind: KindArguments,
    /// Write the profile to this file, or `-`: standard output [default: rgops.NAME.PID.alloc_objects.….NNN.pb.gz]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists and is a regular file
    #[arg(long)]
    force: bool,
    /// Additional directory with symbol files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
    #[command(flatten)]
    asked: pprof::Asked,
}

/// The value that the table shows, chosen by options of `go tool pprof`.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "they are go tool pprof's options, one each")]
struct KindArguments {
    /// Show bytes in use (default); also -inuse_space
    #[arg(long, alias = "inuse_space")]
    inuse_space: bool,
    /// Show blocks in use; also -inuse_objects
    #[arg(long, alias = "inuse_objects")]
    inuse_objects: bool,
    /// Show bytes allocated, including freed ones; also -alloc_space
    #[arg(long, alias = "alloc_space")]
    alloc_space: bool,
    /// Show blocks allocated, including freed ones; also -alloc_objects
    #[arg(long, alias = "alloc_objects")]
    alloc_objects: bool,
}

impl KindArguments {
    fn kind(self) -> HeapKind {
        match self {
            KindArguments { inuse_objects: true, .. } => HeapKind::InuseObjects,
            KindArguments { alloc_space: true, .. } => HeapKind::AllocSpace,
            KindArguments { alloc_objects: true, .. } => HeapKind::AllocObjects,
            _ => HeapKind::InuseSpace,
        }
    }
}

/// Replaces Go's spelling of these options by ours, because clap would parse `-inuse_space` as `-i -n -u …`. It
/// changes only these words, and only after `pprof-heap`.
pub fn accept_spelling_of_go(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut is_pprof_heap = false;
    let mut accepted = Vec::new();
    for (position, argument) in arguments.enumerate() {
        is_pprof_heap |= position == 1 && argument == "pprof-heap";
        let word = argument.to_str().and_then(|word| word.strip_prefix('-')).filter(|_| is_pprof_heap);
        let kind = HeapKind::ALL.into_iter().find(|kind| word == Some(kind.name()));
        accepted.push(kind.map_or(argument, |kind| format!("--{}", kind.name()).into()));
    }
    accepted
}

impl PprofHeap {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no answer, the file cannot be written, or the answer ended early (the received part is
    /// printed first).
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        // Opened first, so that no time is spent on a profile that cannot be saved.
        let names = profile::heap_file_names(session.name(), session.pid());
        let mut output = Output::open(self.output.as_deref(), self.force, self.agent.json, names)?;
        let options = HeapProfileOptions::default().window(self.duration).kind(self.kind.kind());
        let mut gathering =
            Gathering::new("Watching the heap", "snapshots", self.duration.unwrap_or_default());
        if self.duration.is_some() {
            let stopper = session.stopper();
            terminal::on_interrupt(move || stopper.stop())?;
        }
        let is_window = self.duration.is_some();
        let answer = session.heap_profile(&options, &mut |progress| {
            if is_window {
                gathering.show(progress);
            }
        })?;
        // Writing never fails: `keep` reports errors.
        let _ = answer.write_to(&mut output);
        let saved = output.keep("Profile");
        if let Err(error) = answer.top() {
            return saved.end(Err(error.into()));
        }
        let mut settings = Settings::default();
        settings.sample_index = self.kind.kind().name().to_owned();
        let prompt = Prompt { asked: self.asked, name: session.name(), settings };
        profiled::end(&answer, HeapProfile::write_to, saved, self.agent.json, prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(words: &[&str]) -> Vec<OsString> {
        accept_spelling_of_go(words.iter().map(OsString::from))
    }

    #[test]
    fn options_in_gos_spelling_are_accepted() {
        assert_eq!(
            accepted(&["rgops", "pprof-heap", "-inuse_space", "4711"]),
            ["rgops", "pprof-heap", "--inuse_space", "4711"]
        );
        // Other commands and other words are not changed.
        for other in [["rgops", "stack", "-inuse_space"], ["rgops", "pprof-heap", "-o"]] {
            assert_eq!(accepted(&other), other);
        }
    }
}

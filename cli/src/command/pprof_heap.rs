//! `rgops pprof-heap`: a heap profile as a pprof file, and its top functions.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_inspect::client::{Answer, ClientError, Event, part};
use rgops_inspect::heap::{Heap, HeapKind};
use rgops_inspect::profile::{self, Incomplete, Process, top};
use rgops_inspect::report::pprof_cpu::missing_names;
use rgops_inspect::report::pprof_heap::{JsonPprofHeap, Reconciliation};
use rgops_inspect::text::escape;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::request::{PprofHeapRequest, Request};

use super::output::Output;
use crate::arguments::seconds;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Rows printed, as `top` of `go tool pprof` does.
const ROWS: usize = 10;

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Profile the heap, save a pprof file and show the top functions";
pub(super) const PLACE: usize = 100;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The file has the sample types of Go's heap profile: alloc_objects, alloc_space, inuse_objects and
inuse_space. Numbers are estimates made of samples; the lines below the table say how sure they are.
Left out at the leaf, as Go does: the allocator's frames, and what only makes a value (vec![], Box::new).
The program needs the wrapper rgops_agent::alloc::Sampling around its allocator, or jemalloc with
prof:true. The file is only readable by you. Exit code 6: samples were lost, or the program went away.

Examples:
  rgops pprof-heap 4711                     what is in use, by function
  rgops pprof-heap 4711 -alloc_space        what was allocated since the program began
  rgops pprof-heap shop --seconds 30        what changed in 30 seconds; less in use is negative
  go tool pprof -http=: FILE                the same file in pprof's browser view")]
pub struct PprofHeap {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// Show what changed in so many seconds; Ctrl-C ends it early
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    #[command(flatten)]
    kind: KindArguments,
    /// Write the profile to this file, or `-`: standard output [default: rgops.NAME.PID.alloc_objects.….NNN.pb.gz]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists and is a regular file
    #[arg(long)]
    force: bool,
    /// Look for symbol files in this directory, too
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

/// What the table counts, by the options of `go tool pprof`.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "they are go tool pprof's options, one each")]
struct KindArguments {
    /// Show bytes in use: the default; also -inuse_space
    #[arg(long, alias = "inuse_space")]
    inuse_space: bool,
    /// Show blocks in use; also -inuse_objects
    #[arg(long, alias = "inuse_objects")]
    inuse_objects: bool,
    /// Show bytes allocated, freed ones included; also -alloc_space
    #[arg(long, alias = "alloc_space")]
    alloc_space: bool,
    /// Show blocks allocated, freed ones included; also -alloc_objects
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

/// The command line with Go's spelling of these options made ours: `-inuse_space` would be read as
/// `-i -n -u …`. Only behind `pprof-heap`, and only these words.
pub fn accept_spelling_of_go(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut is_ours = false;
    let mut accepted = Vec::new();
    for (position, argument) in arguments.enumerate() {
        is_ours |= position == 1 && argument == "pprof-heap";
        let word = argument.to_str().and_then(|word| word.strip_prefix('-')).filter(|_| is_ours);
        let kind = HeapKind::ALL.into_iter().find(|kind| word == Some(kind.name()));
        accepted.push(kind.map_or(argument, |kind| format!("--{}", kind.name()).into()));
    }
    accepted
}

impl PprofHeap {
    /// Runs the command.
    ///
    /// # Errors
    /// When nothing was answered, the file cannot be written, or the answer broke off (what came is
    /// printed before).
    pub fn run(&self) -> Result<Exit, Failure> {
        let (client, target) = self.agent.connect_for(self.seconds.unwrap_or_default())?;
        let hello = client.hello().clone();
        // Before time is spent on a profile that has no place to go.
        let names = profile::heap_file_names(&hello.name, hello.pid);
        let output = Output::open(self.output.as_deref(), self.force, self.agent.json, names)?;
        let millis = |seconds: Duration| u64::try_from(seconds.as_millis()).unwrap_or(u64::MAX).max(1);
        let duration_ms = self.seconds.map_or(0, millis);
        let asked = PprofHeapRequest { duration_ms, interval_ms: 0, live: false };
        let mut answer = client.ask(&Request::PprofHeap(asked.clone()))?;
        if self.seconds.is_some() {
            let finisher = answer.finisher();
            terminal::on_interrupt(move || finisher.finish())?;
        }
        let began = Instant::now();
        let mut heap = Heap::new(Process {
            name: hello.name.clone(),
            pid: hello.pid,
            build_id: hello.build_id.clone(),
            local_pid: target.local_pid,
            symbol_directories: self.symbols.clone(),
            budget: answer.budget().clone(),
        })
        .asked(&asked);
        let end = self.gather(&mut answer, &mut heap);
        if heap.snapshots().is_empty()
            && let Err(error) = end
        {
            return Err(error.into());
        }
        self.finish(&hello, heap, end, began.elapsed(), output)
    }

    /// Takes parts until the end, or until the connection breaks; `heap` keeps what came.
    fn gather(&self, answer: &mut Answer, heap: &mut Heap) -> Result<End, ClientError> {
        let bar = self.seconds.map(|seconds| {
            if !std::io::stderr().is_terminal() {
                let seconds = seconds.as_secs_f64();
                terminal::say(&format!("Watching the heap now, will take {seconds} secs..."));
            }
            terminal::bar("Watching the heap", seconds)
        });
        loop {
            match (answer.next_event()?, &bar) {
                (Event::Progress(progress), Some(bar)) => bar.update(&progress, "snapshots"),
                (Event::Progress(_), None) => {}
                (Event::Data(payload), _) => heap.add(part(&payload)?),
                (Event::End(end), _) => return Ok(end),
            }
            if let Some(refused) = heap.refused() {
                return Err(refused.into());
            }
        }
    }

    fn finish(
        &self,
        hello: &AgentHello,
        mut heap: Heap,
        end: Result<End, ClientError>,
        elapsed: Duration,
        mut output: Output,
    ) -> Result<Exit, Failure> {
        let incomplete = end.as_ref().err().map(|error| Incomplete {
            reason: error.to_string(),
            duration_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
        });
        if let Ok(end) = &end {
            heap.end(end);
        }
        if let Some(error) = heap.dump_error() {
            let fix = "update rgops, or report this with the version of jemalloc";
            return Err(Failure::new(Exit::Internal, "cannot read the profile", error.to_string(), fix));
        }
        let kind = self.kind.kind();
        let has_kind = heap.has_allocated() || !kind.is_allocated();
        let lost = heap.counters().map_or(0, |counters| counters.lost).saturating_add(heap.not_kept());
        let reconciliation = Reconciliation::new(&heap, self.seconds.is_some());
        let nameless = missing_names(heap.module_symbols());
        let budget = heap.budget().clone();
        let profile = heap.into_profile(self.seconds.is_some(), incomplete.as_ref());
        // It never fails: what goes wrong is told at the end.
        let _ = output.write_all(&profile::encode(&profile));
        let saved = output.keep("Profile");
        if !has_kind {
            return saved.end(Err(Failure::new(
                Exit::Refused,
                format!("cannot show {}", kind.name()),
                "jemalloc's profiler does not count blocks that were freed",
                "start the program with prof_accum:true as well, in _RJEM_MALLOC_CONF or MALLOC_CONF",
            )));
        }
        let top = top::within(&budget, &profile, top::Options { sample_type: kind.name(), rows: ROWS });
        let whole = if top.left_out.is_some() { Exit::Partial } else { Exit::Fine };
        if self.agent.json {
            let end = end.as_ref().map_err(ToString::to_string);
            let file = saved.file.as_deref();
            terminal::print_json(&JsonPprofHeap::new(hello, file, &profile, &top, &reconciliation, end))?;
        } else {
            let table: Vec<_> = top.text().lines().map(|line| escape(line).into_owned() + "\n").collect();
            saved.print(&table.concat())?;
            saved.print(&format!("\n{}{nameless}", reconciliation.text()))?;
            if let Some(file) = &saved.file {
                terminal::say(&format!("next: go tool pprof -http=: {file}"));
            }
        }
        saved.end(match end {
            Ok(_) if lost > 0 && self.agent.json => Ok(Exit::Partial),
            Ok(end) if self.agent.json => Ok(terminal::exit_of(&end).or(whole)),
            Ok(end) => {
                let exit = terminal::print_notes(&end).or(whole);
                Ok(if lost > 0 { Exit::Partial } else { exit })
            }
            Err(error) => Err(Failure::from(error).with_exit(Exit::Partial)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(words: &[&str]) -> Vec<OsString> {
        accept_spelling_of_go(words.iter().map(OsString::from))
    }

    #[test]
    fn options_are_understood_as_go_spells_them() {
        assert_eq!(
            accepted(&["rgops", "pprof-heap", "-inuse_space", "4711"]),
            ["rgops", "pprof-heap", "--inuse_space", "4711"]
        );
        // Nowhere else, and no other words.
        for other in [["rgops", "stack", "-inuse_space"], ["rgops", "pprof-heap", "-o"]] {
            assert_eq!(accepted(&other), other);
        }
    }
}

//! `rgops leaks`: the lines of the program that keep more and more memory.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::client::{Answer, ClientError, Event, part};
use rgops_inspect::heap::{Heap, NoGrowth, growth};
use rgops_inspect::profile::Process;
use rgops_inspect::report::leaks::{JsonLeaks, render};
use rgops_inspect::report::pprof_cpu::missing_names;
use rgops_protocol::reply::End;
use rgops_protocol::reply::pprof_heap::HeapSource;
use rgops_protocol::request::{PprofHeapRequest, Request};

use crate::arguments::{duration, seconds};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Snapshots of a window, the first not counted.
const INTERVALS: u64 = 12;
/// The agent takes them no closer.
const MIN_INTERVAL_MS: u64 = 100;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
  growth, per minute  by how much the blocks a line allocated and kept became more
  at least            the same, with 95 % confidence
  confidence          how unlikely so much growth is by chance alone
  samples             sampled blocks it gained and lost; the more, the surer
  grew in             in how many of the intervals between snapshots it grew

A line is named only when chance explains its growth with less than 5 %, over all lines together, and
the growth goes on in the second half of the window. Blocks younger than a tenth of the window are set
apart: most are about to be freed. A program that still warms up grows everywhere: look again later.
Ctrl-C ends the window early and keeps what was gathered; a second Ctrl-C gives up.
Exit code 6: samples were lost, or the program went away.

Examples:
  rgops leaks 4711                    one minute
  rgops leaks shop --for 10m          slow leaks need long windows
  rgops leaks 4711 --for 60s --json | jq -r '.grown[] | \"\\(.file):\\(.line) \\(.growth_bytes_per_minute)\"'
  rgops heap-rate 4711 64KiB          more samples, sooner sure; costs more")]
pub struct Leaks {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// Watch for so long: 60s, 10m, or a number of seconds
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    window: Duration,
    /// Watch for so many seconds, as in the other commands
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "window")]
    seconds: Option<Duration>,
    /// Look for symbol files in this directory, too
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

impl Leaks {
    /// Runs the command.
    ///
    /// # Errors
    /// When the agent cannot be asked, its source of samples does not tell blocks' ages, or the answer
    /// broke off (what came is printed before).
    pub fn run(&self) -> Result<Exit, Failure> {
        let window = self.seconds.unwrap_or(self.window);
        let (client, target) = self.agent.connect_for(window)?;
        let hello = client.hello().clone();
        let duration_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        let interval_ms = duration_ms.div_ceil(INTERVALS).max(MIN_INTERVAL_MS);
        let interval_ms = u32::try_from(interval_ms).unwrap_or(u32::MAX);
        let asked = PprofHeapRequest { duration_ms, interval_ms, live: true };
        let mut answer = client.ask(&Request::PprofHeap(asked.clone()))?;
        let finisher = answer.finisher();
        terminal::on_interrupt(move || finisher.finish())?;

        let mut heap = Heap::new(Process {
            name: hello.name.clone(),
            pid: hello.pid,
            build_id: hello.build_id.clone(),
            local_pid: target.local_pid,
            symbol_directories: self.symbols.clone(),
            budget: answer.budget().clone(),
        })
        .asked(&asked);
        let end = match self.gather(&mut answer, &mut heap, window) {
            Err(Stopped::NoAges) => return Err(no_ages()),
            Err(Stopped::Broken(error)) if heap.snapshots().len() < 2 => return Err(error.into()),
            Err(Stopped::Broken(error)) => Err(error),
            Ok(end) => Ok(end),
        };
        let growth = match growth(&heap) {
            Ok(growth) => growth,
            Err(NoGrowth::TooFewSnapshots) => {
                let why = "there is one snapshot only: nothing to compare it with";
                return Err(Failure::new(
                    Exit::Partial,
                    "cannot tell what grew",
                    why,
                    "watch for longer, to the end: --for 10m",
                ));
            }
            // What broke off the answer is the older news.
            Err(NoGrowth::Exhausted(exhausted)) => {
                return Err(end.err().unwrap_or_else(|| exhausted.into()).into());
            }
        };
        let mut is_cut = false;
        if self.agent.json {
            let end = end.as_ref().map_err(ToString::to_string);
            let json = JsonLeaks::new(&hello, &heap, &growth, end);
            is_cut = json.cut().is_some();
            terminal::print_json(&json)?;
        } else {
            terminal::print(&render(&heap, &growth))?;
            terminal::print(&missing_names(heap.module_symbols()))?;
            if heap.mean_bytes() == 0 {
                terminal::note("sampling is off: nothing new was sampled; rgops heap-rate turns it on");
            }
        }
        let lost = heap.counters().map_or(0, |counters| counters.lost).saturating_add(heap.not_kept());
        let exit = match end {
            Ok(end) if self.agent.json => terminal::exit_of(&end),
            Ok(end) => terminal::print_notes(&end),
            Err(error) => return Err(Failure::from(error).with_exit(Exit::Partial)),
        };
        Ok(if lost > 0 { Exit::Partial } else { exit.or(if is_cut { Exit::Partial } else { Exit::Fine }) })
    }

    /// Takes parts until the end, or until the connection breaks; `heap` keeps what came.
    fn gather(&self, answer: &mut Answer, heap: &mut Heap, window: Duration) -> Result<End, Stopped> {
        if !std::io::stderr().is_terminal() {
            let seconds = window.as_secs_f64();
            terminal::say(&format!("Watching the heap now, will take {seconds} secs..."));
        }
        let bar = terminal::bar("Watching the heap", window);
        loop {
            match answer.next_event().map_err(Stopped::Broken)? {
                Event::Progress(progress) => bar.update(&progress, "snapshots"),
                Event::Data(payload) => {
                    heap.add(part(&payload).map_err(Stopped::Broken)?);
                    if let Some(refused) = heap.refused() {
                        return Err(Stopped::Broken(refused.into()));
                    }
                    if heap.start().is_some_and(|start| start.source == HeapSource::Jemalloc) {
                        return Err(Stopped::NoAges);
                    }
                }
                Event::End(end) => return Ok(end),
            }
        }
    }
}

/// Why the answer is not complete.
enum Stopped {
    Broken(ClientError),
    NoAges,
}

fn no_ages() -> Failure {
    Failure::new(
        Exit::Refused,
        "cannot look for leaks",
        "jemalloc's profiler does not tell which blocks are new",
        "wrap the allocator in rgops_agent::alloc::Sampling, which works over jemalloc as well:\n\
         #[global_allocator]\n\
         static ALLOCATOR: rgops_agent::alloc::Sampling<Jemalloc> = rgops_agent::alloc::Sampling::new(Jemalloc);\n\
         or see what changed in a minute: rgops pprof-heap TARGET --seconds 60",
    )
}

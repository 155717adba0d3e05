//! A profile of a running program with an agent, as `rgops pprof-cpu` and `pprof-heap` take it.

use std::io::{self, Write};
use std::time::Duration;

use rgops_inspect::session::{
    Answer as _, Completeness, CpuProfileOptions, HeapProfileOptions, SessionError,
};
use rgops_pprof::Profile;

use super::file::profile;
use super::interrupt::Running;
use crate::arguments::AgentArguments;
use crate::command::gathering::Gathering;
use crate::command::pprof::arguments::Arguments;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// How long a CPU profile is if `-seconds` does not say otherwise, as everywhere in pprof.
const SECONDS: u32 = 30;

/// How long an agent may be silent if `-timeout` does not say otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What memory the answer may use if `--max-memory` does not say otherwise.
const MAX_MEMORY: u64 = 1 << 30;

/// A profile that was taken, and whether parts of it are missing, which was said.
pub(super) struct Profiled {
    pub(super) profile: Profile,
    pub(super) is_partial: bool,
}

/// Takes a CPU profile of `target`.
pub(super) fn cpu(target: &str, arguments: &Arguments, running: &Running) -> Result<Profiled, Failure> {
    let mut session = agent(target, arguments).connect(&arguments.symbols)?;
    let duration =
        Duration::from_secs(arguments.seconds.filter(|seconds| *seconds > 0).unwrap_or(SECONDS).into());
    let profiling = running.begin(session.stopper());
    let mut gathering = Gathering::new("Profiling CPU", "samples", duration);
    let options = CpuProfileOptions::default().duration(duration);
    let answer = session.cpu_profile(&options, &mut |progress| gathering.show(progress))?;
    drop(profiling);
    let profiled = read(target, &|out| answer.write_to(out), &answer.completeness())?;
    if profiled.profile.samples.is_empty() && !profiled.is_partial {
        terminal::note(&idle(target, duration));
    }
    Ok(profiled)
}

/// What to do about a CPU profile without samples.
fn idle(target: &str, duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "no CPU time was used in {seconds}s; for what it waits for: rgops stack {target}; for a longer profile: \
         -seconds {}",
        seconds.saturating_mul(4)
    )
}

/// Takes a heap profile of `target`; with `-seconds`, of what changes meanwhile.
pub(super) fn heap(target: &str, arguments: &Arguments, running: &Running) -> Result<Profiled, Failure> {
    let mut session = agent(target, arguments).connect(&arguments.symbols)?;
    let window =
        arguments.seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
    let options = HeapProfileOptions::default().window(window);
    let profiling = window.map(|_| running.begin(session.stopper()));
    let mut gathering = Gathering::new("Watching the heap", "snapshots", window.unwrap_or_default());
    let answer = session.heap_profile(&options, &mut |progress| {
        if window.is_some() {
            gathering.show(progress);
        }
    })?;
    drop(profiling);
    read(target, &|out| answer.write_to(out), &answer.completeness())
}

fn agent(target: &str, arguments: &Arguments) -> AgentArguments {
    AgentArguments {
        target: target.to_owned(),
        json: false,
        timeout: arguments.timeout.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.max(1).into())),
        max_memory: arguments.max_memory.unwrap_or(MAX_MEMORY),
        token_file: arguments.token_file.clone(),
    }
}

fn read(
    target: &str,
    write: &dyn Fn(&mut dyn Write) -> io::Result<()>,
    completeness: &Completeness<'_>,
) -> Result<Profiled, Failure> {
    completeness.left_out().iter().for_each(|left_out| terminal::note(left_out));
    completeness.notes().iter().for_each(|lacking| terminal::note(lacking));
    if let Some(error) = completeness.broken_off() {
        terminal::print_failure(&Failure::from(error as &SessionError));
    }
    let what = || format!("cannot read the profile of {target}");
    let mut bytes = Vec::new();
    write(&mut bytes)
        .map_err(|error| Failure::new(Exit::Internal, what(), error.to_string(), "report this as a bug"))?;
    let is_partial = completeness.broken_off().is_some() || !completeness.is_complete();
    Ok(Profiled { profile: profile(&bytes, what)?, is_partial })
}

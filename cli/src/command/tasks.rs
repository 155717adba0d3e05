//! `rgops tasks`: every Tokio task, its current `await`, and which tasks wait for which.

use std::path::PathBuf;
use std::time::Duration;

use rgops_inspect::session::{self, Filter, Progress, TasksOptions, TasksView, WaitingOn};

use super::print::print_by;
use crate::arguments::{AgentArguments, MOST_FRAMES, duration};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, Spinner};

/// Its description and its position in `rgops --help`.
pub(crate) const ABOUT: &str = "Show every Tokio task, its await, and which tasks wait for which";
pub(crate) const PLACE: usize = 50;

const EXAMPLES: &str = "\
This does not poll futures or stop workers. Tasks at the same place are shown once, running ones first,
then the most frequent. A deadlock is shown at the top. It does not change the exit code, which stays 0
(in scripts, check `.deadlocks` of --json).

`held by` is read from the guards saved in suspended functions; holders of guards in other places are
unknown. The future of `block_on` and `#[tokio::main]` is not a task: its thread is shown.

Exit code 6: tasks are missing from a list, or memory could not be read and awaits are missing.

Examples:
  rgops tasks 4711                          the await where each task waits, and the holder
  rgops tasks shop --match checkout --all   tasks with this in a name, a file:line or a resource
  rgops tasks shop --task 29                one task: its futures, held locks and waiters
  rgops tasks shop --waiting-on 0x7f3a10    waiters of this lock, channel, … (or task, by id)
  rgops tasks shop --for 5s                 tasks that did not move in 5 seconds, first
  rgops tasks shop --dot | dot -Tsvg > tasks.svg
  rgops tasks shop --json | jq '.tasks[] | select(.state == \"idle\") | .waits_on'";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Tasks {
    #[command(flatten)]
    agent: AgentArguments,
    /// Show every task separately, with all ids
    #[arg(long)]
    all: bool,
    /// Show only tasks in this state; may be given several times
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<State>,
    /// Show only tasks with this text in a future's name, a file:line, or the resource they wait on
    #[arg(long = "match", value_name = "TEXT")]
    matching: Option<String>,
    /// Show only this task, in full detail
    #[arg(long, value_name = "ID")]
    task: Option<u64>,
    /// Show only tasks that wait on this: an address as 0x7f3a10, or a task's id
    #[arg(long, value_name = "ADDRESS|ID")]
    waiting_on: Option<WaitingOn>,
    /// Show only tasks of the runtime watched under this name
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Watch the tasks for this time, and show those that did not move first
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    watch: Option<Duration>,
    /// Print the wait graph, for Graphviz
    #[arg(long, conflicts_with = "json")]
    dot: bool,
    /// Show compiler type names, full paths, and Tokio's own futures and frames
    #[arg(long)]
    verbose: bool,
    /// Maximum frames per thread stack, innermost first, up to 512
    #[arg(long, value_name = "FRAMES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=MOST_FRAMES))]
    depth: u32,
    /// Additional directory with debug files
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

/// A task's state on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// Polled by a thread now
    Running,
    /// Woken, in a queue
    Scheduled,
    /// Waiting to be woken
    Idle,
    /// Ended; its output was not taken yet
    Complete,
}

impl From<State> for session::State {
    fn from(state: State) -> session::State {
        match state {
            State::Running => session::State::Running,
            State::Scheduled => session::State::Scheduled,
            State::Idle => session::State::Idle,
            State::Complete => session::State::Complete,
        }
    }
}

impl Tasks {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no answer, or the answer ended early (the received part is printed first).
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut session = self.agent.session(&self.symbols)?;
        let spinner = terminal::spinner();
        let options = TasksOptions::default().depth(self.depth).watch(self.watch);
        let tasks = session.tasks(&options, &mut |progress| show(&spinner, progress))?;
        spinner.clear();
        let write = if self.dot { terminal::print } else { terminal::print_highlighted };
        let printed = print_by(&tasks, &self.view(), self.agent.json, write);
        // The process ends now, so freeing the answer would only take time.
        tasks.leak();
        printed
    }

    fn view(&self) -> TasksView {
        let filter = Filter::default()
            .states(self.state.iter().copied().map(session::State::from))
            .matching(self.matching.clone())
            .task(self.task)
            .waiting_on(self.waiting_on)
            .runtime(self.runtime.clone());
        TasksView::default().all(self.all).verbose(self.verbose).dot(self.dot).filter(filter)
    }
}

fn show(spinner: &Spinner, progress: Progress) {
    match progress {
        Progress::Listing { tasks: 0 } => spinner.say("listing tasks"),
        Progress::Listing { tasks } => spinner.say(&format!("listing tasks: {tasks}")),
        Progress::DebugInformation => {
            spinner.say("reading debug information; it is cached for this build");
        }
        Progress::Decoding { done, total } => spinner.say(&format!("decoding tasks: {done} of {total}")),
        Progress::Watching => spinner.say("watching the tasks"),
        Progress::Naming => spinner.say("naming the frames of threads"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_on_takes_an_address_or_an_id() {
        assert_eq!("0x7f3a10".parse(), Ok(WaitingOn::Address(0x7f_3a10)));
        assert_eq!("29".parse(), Ok(WaitingOn::Task(29)));
        assert!("mutex".parse::<WaitingOn>().is_err());
    }
}

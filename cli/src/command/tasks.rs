//! `rgops tasks`: every Tokio task, the `await` it is at, and who waits for whom.

use std::path::PathBuf;

use rgops_inspect::report::tasks::{Filter, JsonTasks, TasksReport, View, WaitingOn};
use rgops_inspect::tasks::fetch::{Fetched, Options, Step, fetch};
use rgops_inspect::tasks::model;

use crate::exit::{Exit, Failure};
use crate::terminal::{self, Spinner};

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Show every Tokio task, the await it is at, and who waits for whom";
pub(super) const PLACE: usize = 50;

const EXAMPLES: &str = "\
Nothing of the program runs for this: no future is polled, no worker stopped. Tasks at the same place
are shown once, running ones first, then the most frequent. A deadlock is named on top; as an answer
it is no failure, so the exit code stays 0 (a script asks for `.deadlocks` of --json).

`held by` is read from the guards that suspended functions have saved; who keeps a guard elsewhere is
not known. The future of `block_on` and `#[tokio::main]` is no task: its thread is shown.

Exit code 6: tasks are missing in a list, or memory could not be read, so that there are no awaits.

Examples:
  rgops tasks 4711                          which await is it stuck on, and on whom?
  rgops tasks shop --match checkout --all   every task with this in a name, a place or what it waits on
  rgops tasks shop --task 29                one task: all its futures, what it holds, who waits for it
  rgops tasks shop --waiting-on 0x7f3a10    who waits for this lock, channel, … (or for a task, by id)
  rgops tasks shop --dot | dot -Tsvg > tasks.svg
  rgops tasks shop --json | jq '.tasks[] | select(.state == \"idle\") | .waits_on'";

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Tasks {
    #[command(flatten)]
    agent: super::AgentArguments,
    /// Show every task by itself, and every id
    #[arg(long)]
    all: bool,
    /// Show only tasks in this state; may be given several times
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<State>,
    /// Show only tasks with this text in a future's name, a file:line, or what they wait on
    #[arg(long = "match", value_name = "TEXT")]
    matching: Option<String>,
    /// Show this task alone, with everything known
    #[arg(long, value_name = "ID")]
    task: Option<u64>,
    /// Show only tasks that wait on this: an address as 0x7f3a10, or a task's id
    #[arg(long, value_name = "ADDRESS|ID")]
    waiting_on: Option<WaitingOn>,
    /// Show only tasks of the runtime watched under this name
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Print the graph of who waits for whom, for Graphviz
    #[arg(long, conflicts_with = "json")]
    dot: bool,
    /// Show types as the compiler names them, whole paths, and Tokio's own futures and frames
    #[arg(long)]
    verbose: bool,
    /// Keep so many frames of each thread's stack, the innermost
    #[arg(long, value_name = "FRAMES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    depth: u32,
    /// Look for debug files in this directory, too
    #[arg(long, value_name = "DIR")]
    symbols: Vec<PathBuf>,
}

/// A task's state, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// Polled by a thread now
    Running,
    /// Woken, in a queue
    Scheduled,
    /// Waiting to be woken
    Idle,
    /// Ended, its output not yet taken
    Complete,
}

impl From<State> for model::State {
    fn from(state: State) -> model::State {
        match state {
            State::Running => model::State::Running,
            State::Scheduled => model::State::Scheduled,
            State::Idle => model::State::Idle,
            State::Complete => model::State::Complete,
        }
    }
}

impl Tasks {
    /// Runs the command.
    ///
    /// # Errors
    /// When nothing was answered, or the answer broke off (what came is printed before).
    pub fn run(&self) -> Result<Exit, Failure> {
        let (client, target) = self.agent.connect()?;
        let budget = client.budget().clone();
        let mut reconnect = || target.connect_again(self.agent.timeouts(), &budget);
        let options = Options {
            local_pid: target.local_pid,
            symbol_directories: self.symbols.clone(),
            max_depth: self.depth,
        };
        let spinner = terminal::spinner();
        let fetched = fetch(client, &mut reconnect, &options, &mut |step| tell(&spinner, step))?;
        let Fetched { hello, tasks, end } = fetched;
        spinner.say("naming the frames of threads");
        let captured = tasks.threads.len();
        let report = TasksReport::within(&budget, &hello, target.local_pid, &self.symbols, tasks);
        spinner.clear();
        if let Some(why) = &report.exhausted {
            terminal::left_out(captured.saturating_sub(report.threads.len()), "threads", why);
        }

        let view = self.view();
        let is_cut;
        if self.agent.json {
            let reason = end.as_ref().map_err(ToString::to_string);
            let reason = reason.as_ref().map(|end| *end).map_err(String::as_str);
            let json = JsonTasks::new(&report, &view.filter, reason);
            is_cut = json.cut().is_some();
            terminal::print_json(&json)?;
        } else {
            let screen = if self.dot { report.dot(&view) } else { report.screen(&view) };
            is_cut = screen.is_cut();
            match self.dot {
                true => terminal::print(screen.as_str())?,
                false => terminal::print_highlighted(screen.as_str())?,
            }
        }
        let whole = if is_cut || report.is_partial() { Exit::Partial } else { Exit::Fine };
        // The process ends here: to free a hundred thousand stacks one by one takes 100 ms.
        std::mem::forget(report);
        let noted = match end {
            Ok(end) if self.agent.json => terminal::exit_of(&end),
            Ok(end) => terminal::print_notes(&end),
            Err(error) => return Err(Failure::from(error).with_exit(Exit::Partial)),
        };
        Ok(noted.or(whole))
    }

    fn view(&self) -> View {
        View {
            all: self.all,
            verbose: self.verbose,
            filter: Filter {
                states: self.state.iter().copied().map(model::State::from).collect(),
                matching: self.matching.clone(),
                task: self.task,
                waiting_on: self.waiting_on,
                runtime: self.runtime.clone(),
            },
            target: self.agent.target.clone(),
        }
    }
}

fn tell(spinner: &Spinner, step: Step) {
    match step {
        Step::Listing { tasks: 0 } => spinner.say("listing tasks"),
        Step::Listing { tasks } => spinner.say(&format!("listing tasks: {tasks}")),
        Step::DebugInformation => {
            spinner.say("reading debug information; it is remembered for this build");
        }
        Step::Decoding { done, total } => spinner.say(&format!("decoding tasks: {done} of {total}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_on_is_an_address_or_an_id() {
        assert_eq!("0x7f3a10".parse(), Ok(WaitingOn::Address(0x7f_3a10)));
        assert_eq!("29".parse(), Ok(WaitingOn::Task(29)));
        assert!("mutex".parse::<WaitingOn>().is_err());
    }
}

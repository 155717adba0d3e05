//! The filter on the tasks that are shown.

use super::words::state;
use crate::tasks::model::State;

/// The filter on the tasks that are shown: every given condition must hold.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Filter {
    /// In one of these states; empty for any state.
    pub states: Vec<State>,
    /// With this text in the name of a future, a source location or a resource that it waits on.
    pub matching: Option<String>,
    /// The task with this id.
    pub task: Option<u64>,
    /// Waiting on this task or address.
    pub waiting_on: Option<WaitingOn>,
    /// In the runtime with this name.
    pub runtime: Option<String>,
}

/// The value of `--waiting-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitingOn {
    /// The end of a task.
    Task(u64),
    /// The resource at this address.
    Address(u64),
}

impl std::str::FromStr for WaitingOn {
    type Err = String;

    fn from_str(text: &str) -> Result<WaitingOn, String> {
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).map(WaitingOn::Address),
            None => text.parse().map(WaitingOn::Task),
        };
        parsed.map_err(|_| "give a task id, or an address such as 0x7f…".to_owned())
    }
}

impl Filter {
    /// Only tasks in one of these states; empty for any.
    #[must_use]
    pub fn states(mut self, states: impl IntoIterator<Item = State>) -> Filter {
        self.states = states.into_iter().collect();
        self
    }

    /// Only tasks with this text in a future's name, a place in the source or what it waits on.
    #[must_use]
    pub fn matching(mut self, text: Option<String>) -> Filter {
        self.matching = text;
        self
    }

    /// Only this task, by its id.
    #[must_use]
    pub fn task(mut self, id: Option<u64>) -> Filter {
        self.task = id;
        self
    }

    /// Only tasks that wait on this.
    #[must_use]
    pub fn waiting_on(mut self, resource: Option<WaitingOn>) -> Filter {
        self.waiting_on = resource;
        self
    }

    /// Only tasks of the runtime with this name.
    #[must_use]
    pub fn runtime(mut self, name: Option<String>) -> Filter {
        self.runtime = name;
        self
    }

    /// Whether every task passes.
    pub fn is_everything(&self) -> bool {
        let Filter { states, matching, task, waiting_on, runtime } = self;
        states.is_empty() && matching.is_none() && task.is_none() && waiting_on.is_none() && runtime.is_none()
    }

    /// The command-line options for it.
    pub(super) fn typed(&self) -> String {
        let states = self.states.iter().map(|one| format!("--state {}", state(*one)));
        let matching = self.matching.iter().map(|text| format!("--match {text}"));
        let task = self.task.iter().map(|id| format!("--task {id}"));
        let waiting_on = self.waiting_on.iter().map(|on| match on {
            WaitingOn::Task(id) => format!("--waiting-on {id}"),
            WaitingOn::Address(avma) => format!("--waiting-on {avma:#x}"),
        });
        let runtime = self.runtime.iter().map(|name| format!("--runtime {name}"));
        let words: Vec<String> =
            states.chain(matching).chain(task).chain(waiting_on).chain(runtime).collect();
        if words.is_empty() { "(no filter)".to_owned() } else { words.join(" ") }
    }
}

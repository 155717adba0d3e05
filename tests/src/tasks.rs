//! Programs in `tests/targets/tasks`, and the data of `rgops tasks` before it is printed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use rgops_inspect::client::ClientError;
use rgops_inspect::tasks::fetch::{self, Fetched, Options};
use rgops_inspect::tasks::model::{AsyncStack, Location, Node, State, Task, Tasks};

use crate::asking;
use crate::built;
use crate::directory::Directory;
use crate::target::Target;

/// `crowded` with this number of tasks and workers, and its address.
///
/// # Panics
/// When it does not start.
pub fn crowded(directory: &Directory, tasks: u64, workers: u64) -> (Target, String) {
    let mut command = Command::new(built::release("crowded"));
    command.args([tasks.to_string(), workers.to_string()]);
    let mut target = Target::run(directory, command, |_| {});
    let address = target.order("address");
    (target, address)
}

/// Everything about a program's tasks.
///
/// # Errors
/// When there is no answer.
pub fn try_fetch(address: &str, options: &Options) -> Result<Fetched, ClientError> {
    let reconnect = &mut || asking::connect(address);
    fetch::fetch(asking::connect(address)?, reconnect, options, &mut |_| {})
}

/// The same with the debug information of the process, and the stacks of its threads.
///
/// # Panics
/// When the answer is not complete.
pub fn fetch(address: &str, pid: u32) -> Tasks {
    let fetched = try_fetch(address, &local(pid)).expect("the agent answers");
    fetched.end.expect("the answer is complete");
    fetched.tasks
}

/// Options with threads, and with the files of this process.
pub fn local(pid: u32) -> Options {
    Options { local_pid: Some(pid), symbol_directories: Vec::new(), max_depth: 64, watch: None }
}

/// Tasks in a state.
pub fn in_state(tasks: &Tasks, state: State) -> impl Iterator<Item = &Task> {
    tasks.tasks.iter().filter(move |task| task.state == state)
}

/// The stack of a task as indented text, one line per future; one line if there is no stack.
pub fn text(stack: &AsyncStack) -> String {
    match stack {
        AsyncStack::Decoded(node) => lines(node),
        AsyncStack::Cut(node, why) => format!("{}cut: {why}\n", lines(node)),
        AsyncStack::Running => "running\n".to_owned(),
        AsyncStack::Complete => "complete\n".to_owned(),
        AsyncStack::Moved => "moved\n".to_owned(),
        AsyncStack::Unknown(why) => format!("unknown: {why}\n"),
    }
}

fn lines(root: &Node) -> String {
    let mut text = String::new();
    let mut left = vec![(root, 0)];
    while let Some((node, depth)) = left.pop() {
        let place = match &node.location {
            Some(Location::Await { file, line }) => {
                let file = PathBuf::from(&**file);
                format!(" at {}:{line}", file.file_name().unwrap_or_default().to_string_lossy())
            }
            Some(other) => format!(" {other:?}"),
            None => String::new(),
        };
        let waits = node.waits_on.as_ref().map(|on| format!(" waits on {:?}", on.kind)).unwrap_or_default();
        let _ = writeln!(text, "{:1$}{2}{place}{waits}", "", depth * 2, node.name.short);
        left.extend(node.children.iter().rev().map(|child| (&**child, depth + 1)));
    }
    text
}

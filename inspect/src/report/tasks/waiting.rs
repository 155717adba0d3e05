//! What a task waits for, as text of one line, and the thread that runs it.

use super::report::TasksReport;
use super::tree::{nodes, root};
use super::words::state;
use crate::report::stack::Thread;
use crate::tasks::model::{Node, NodeKind};

/// Resources that are named.
const MOST_NAMED: usize = 4;

impl TasksReport {
    /// `idle, waits for Mutex 0x7f…, held by task 12`: the state of the task at an index.
    pub(crate) fn state_line(&self, index: usize) -> String {
        let task = self.task(index);
        let mut line = state(task.state).to_owned();
        if task.is_cancelled {
            line.push_str(", cancelled");
        }
        let Some(root) = root(&task.stack) else { return line };
        let leaf = |node: &&Node| node.children.is_empty() && node.waits_on.is_some();
        let leaves = nodes(root).filter(leaf).filter_map(|node| node.waits_on.as_ref());
        let mut named: Vec<String> =
            leaves.take(MOST_NAMED + 1).map(|one| self.resource(one) + &self.held_by(one)).collect();
        let more = named.len() > MOST_NAMED;
        named.truncate(MOST_NAMED);
        let is_select = nodes(root).any(|node| node.kind == NodeKind::Select);
        if !named.is_empty() {
            let between = if is_select { " or " } else { " and " };
            line.push_str(", waits for ");
            line.push_str(&named.join(between));
            line.push_str(if more { " …" } else { "" });
        }
        line
    }

    /// The thread whose stack is that of the running task at an index.
    pub(crate) fn running_on(&self, index: usize) -> Option<&Thread> {
        self.own_thread(index)
    }
}

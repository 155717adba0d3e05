//! Rows from the answers of the commands.

use std::cmp::Reverse;
use std::collections::HashMap;

use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::stats::{StatsReply, ThreadActivity};

use super::snapshot::{FunctionRow, MemoryRow, Part, TaskRow, ThreadRow};
use crate::profile::top::Top;
use crate::report::memstats::explain;
use crate::report::stack::Thread;
use crate::symbols::{Frame, own_frame, shown_path};
use crate::tasks::model::{AsyncStack, Location, Node, State, Task};
use crate::text::known;

/// Frames of a stack that are kept for the screen. `rgops stack` shows all.
const STACK_ROWS: usize = 200;

/// The program's threads, the busiest first, with what their stacks show. Threads of the agent are left out.
pub(crate) fn threads(stats: &StatsReply, stacks: &[Thread]) -> Vec<ThreadRow> {
    let of_tid: HashMap<u32, &Thread> = stacks.iter().map(|thread| (thread.tid, thread)).collect();
    let ours = stats.thread_activity.iter().filter(|thread| !thread.is_agent);
    let mut rows: Vec<ThreadRow> =
        ours.map(|activity| thread(activity, of_tid.get(&activity.tid).copied())).collect();
    rows.sort_by_key(|row| (Reverse(row.running_ns.0.value().copied()), row.tid));
    rows
}

fn thread(activity: &ThreadActivity, stack: Option<&Thread>) -> ThreadRow {
    let frames = stack.map_or(&[][..], |thread| &thread.frames);
    ThreadRow {
        tid: activity.tid,
        name: activity.name.clone(),
        role: stack.map(|thread| thread.role),
        activity: stack.map(|thread| thread.activity),
        state: stack.map_or_else(|| activity.state.to_string(), |thread| thread.state.clone()),
        running_ns: activity.running_ns.clone().into(),
        runnable_ns: activity.runnable_ns.clone().into(),
        function: own_frame(frames).or(frames.first()).map(Frame::name),
        stack: frames.iter().take(STACK_ROWS).map(Frame::name).collect(),
    }
}

/// Tasks by the function they were spawned with, the most numerous first. `before` has the numbers of the snapshot
/// before, by name.
pub(crate) fn tasks(tasks: &[Task], before: Option<&HashMap<Option<String>, u64>>) -> Vec<TaskRow> {
    let mut kinds: HashMap<Option<&str>, Vec<&Task>> = HashMap::new();
    for task in tasks {
        kinds.entry(name(task)).or_default().push(task);
    }
    let mut rows: Vec<TaskRow> = kinds
        .into_iter()
        .map(|(name, tasks)| {
            let name = name.map(str::to_owned);
            let count = |state| tasks.iter().filter(|task| task.state == state).count() as u64;
            let number = tasks.len() as u64;
            let earlier = before.map(|before| before.get(&name).copied().unwrap_or(0));
            TaskRow {
                grown_by: earlier.map(|earlier| number.cast_signed().saturating_sub(earlier.cast_signed())),
                tasks: number,
                running: count(State::Running),
                scheduled: count(State::Scheduled),
                idle: count(State::Idle),
                complete: count(State::Complete),
                stack: tasks.iter().find_map(|task| async_stack(&task.stack)).unwrap_or_default(),
                name,
            }
        })
        .collect();
    rows.sort_by(|one, other| other.tasks.cmp(&one.tasks).then_with(|| one.name.cmp(&other.name)));
    rows
}

/// The future that a task was spawned with.
fn name(task: &Task) -> Option<&str> {
    let root = match &task.stack {
        AsyncStack::Decoded(root) | AsyncStack::Cut(root, _) => Some(&root.name),
        _ => None,
    };
    task.future.as_ref().or(root).map(|name| &*name.short)
}

fn async_stack(stack: &AsyncStack) -> Option<Vec<String>> {
    let (AsyncStack::Decoded(root) | AsyncStack::Cut(root, _)) = stack else { return None };
    let mut rows = Vec::new();
    write_node(&mut rows, root, 0);
    Some(rows)
}

fn write_node(rows: &mut Vec<String>, node: &Node, depth: usize) {
    if rows.len() >= STACK_ROWS {
        return;
    }
    let at = match &node.location {
        Some(Location::Await { file, line }) => format!(" at {}:{line}", shown_path(file)),
        _ => String::new(),
    };
    rows.push(format!("{:indent$}{}{at}", "", node.name.short, indent = 2 * depth.min(20)));
    for child in &node.children {
        write_node(rows, child, depth + 1);
    }
}

/// Functions of a CPU profile, the hottest first.
pub(crate) fn functions(top: &Top) -> Part<FunctionRow> {
    let rows = top.table.rows.iter().map(|row| FunctionRow {
        name: row.name.clone(),
        flat_ns: row.flat,
        cum_ns: row.cum,
    });
    Part { rows: rows.collect(), missing: top.left_out.clone() }
}

/// Resident memory and its parts, the largest first.
pub(crate) fn memory(reply: &MemstatsReply) -> Part<MemoryRow> {
    let Some(explanation) = explain(reply) else {
        return Part::missing("the kernel did not report the resident memory");
    };
    let mut unknown = Vec::new();
    let mut rows: Vec<MemoryRow> = explanation
        .parts
        .into_iter()
        .filter_map(|part| match part.bytes.value() {
            Some(bytes) => Some(MemoryRow { name: part.name.to_owned(), bytes: *bytes, what: part.what }),
            None => {
                unknown.push(format!("{}: {}", part.name, known::show(&part.bytes, i64::to_string)));
                None
            }
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.bytes));
    let rss = MemoryRow {
        name: "rss".to_owned(),
        bytes: explanation.rss.cast_signed(),
        what: "resident memory of the process".to_owned(),
    };
    rows.insert(0, rss);
    Part { rows, missing: (!unknown.is_empty()).then(|| unknown.join("; ")) }
}

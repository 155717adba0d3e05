//! A task, and the distinct stacks that tasks refer to.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::node::JsonNode;
use super::resource::JsonResource;
use crate::report::screen::Room;
use crate::report::tasks::report::TasksReport;
use crate::report::tasks::shapes::Shapes;
use crate::report::tasks::tree::{nodes, root};
use crate::report::tasks::words::state;
use crate::tasks::model::{AsyncStack, Location, SetAside, Task};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonTask<'a> {
    id: u64,
    runtime: &'a str,
    /// `running`, `scheduled`, `idle` or `complete`.
    state: &'static str,
    cancelled: bool,
    references: u64,
    /// The thread that polls it.
    tid: Option<u32>,
    /// Short name; `null` without symbols.
    future: Option<&'a str>,
    /// Name from the compiler.
    future_type: Option<&'a str>,
    /// Index into `stacks`.
    stack: Option<usize>,
    /// Why there is none, or why it is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_lacks: Option<&'a str>,
    /// What its leaves wait on. `node` is the index of the future in its stack, in pre-order from 0.
    waits_on: Vec<JsonWait<'a>>,
    holds: Vec<JsonResource<'a>>,
    /// Those of them that a future keeps which the task does not poll now.
    set_aside: Vec<JsonSetAside<'a>>,
    /// For how long it waited at the same await, and nothing in its future or behind it changed, while it was watched;
    /// `null` if that is not so, or not known. Absent if it was not watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmoved_seconds: Option<Option<f64>>,
}

/// The future of `block_on`, with the same fields as a task.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonBlockOn<'a> {
    /// Short name.
    future: Option<&'a str>,
    /// Name from the compiler.
    future_type: Option<&'a str>,
    /// Index into `stacks`.
    stack: Option<usize>,
    /// Why there is none, or why it is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_lacks: Option<&'a str>,
    /// What its leaves wait on.
    waits_on: Vec<JsonWait<'a>>,
    /// Locks and permits its suspended functions hold.
    holds: Vec<JsonResource<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonSetAside<'a> {
    #[serde(flatten)]
    resource: JsonResource<'a>,
    /// The future that keeps it.
    future: &'a str,
    /// Where that future is suspended.
    file: Option<&'a str>,
    line: Option<u32>,
    /// Whether the lock was given to the future while it waited for it, and the future was not polled since.
    given: bool,
}

impl<'a> JsonSetAside<'a> {
    fn new(report: &TasksReport, aside: &'a SetAside) -> JsonSetAside<'a> {
        let (file, line) = match &aside.location {
            Some(Location::Await { file, line }) => (Some(&**file), Some(*line)),
            _ => (None, None),
        };
        let resource = report.json_resource(&aside.resource);
        JsonSetAside { resource, future: &aside.future.short, file, line, given: aside.is_given }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonWait<'a> {
    node: usize,
    #[serde(flatten)]
    resource: JsonResource<'a>,
}

/// Distinct stacks, each once.
#[derive(Default)]
pub(super) struct Stacks<'a> {
    pub(super) nodes: Vec<JsonNode<'a>>,
    shapes: Shapes<'a>,
    by_shape: HashMap<usize, usize>,
}

impl<'a> Stacks<'a> {
    /// The index of a stack, if there is one.
    fn stack(&mut self, stack: &'a AsyncStack, room: &mut Room) -> Option<usize> {
        let root = root(stack)?;
        let nodes = &mut self.nodes;
        Some(*self.by_shape.entry(self.shapes.of(root)).or_insert_with(|| {
            let stack = JsonNode::from(root);
            // If the stack does not fit, the task does not fit either.
            if room.takes(&stack) {
                nodes.push(stack);
            }
            nodes.len().saturating_sub(1)
        }))
    }

    pub(super) fn block_on(
        &mut self,
        report: &'a TasksReport,
        future: &'a Result<Task, Arc<str>>,
        room: &mut Room,
    ) -> JsonBlockOn<'a> {
        let task = match future {
            Ok(task) => task,
            Err(why) => {
                let (waits_on, holds) = (Vec::new(), Vec::new());
                let stack_lacks = Some(&**why);
                return JsonBlockOn {
                    future: None,
                    future_type: None,
                    stack: None,
                    stack_lacks,
                    waits_on,
                    holds,
                };
            }
        };
        let name = root(&task.stack).map(|root| &root.name);
        JsonBlockOn {
            future: name.map(|name| &*name.short),
            future_type: name.map(|name| &*name.raw),
            stack: self.stack(&task.stack, room),
            stack_lacks: lacks(&task.stack),
            waits_on: waits(report, &task.stack),
            holds: task.holds.iter().map(|resource| report.json_resource(resource)).collect(),
        }
    }

    pub(super) fn task(&mut self, report: &'a TasksReport, task: &'a Task, room: &mut Room) -> JsonTask<'a> {
        let stack = self.stack(&task.stack, room);
        let runtime = report.tasks.runtimes.get(task.runtime);
        let raw = task.future.as_ref().map(|name| &name.raw);
        JsonTask {
            id: task.id,
            runtime: runtime.map(|runtime| runtime.name.as_str()).unwrap_or_default(),
            state: state(task.state),
            cancelled: task.is_cancelled,
            references: task.references,
            tid: report.thread_of(task).map(|thread| thread.tid),
            future: task.future.as_ref().map(|name| &*name.short),
            future_type: raw.map(Arc::as_ref),
            stack,
            stack_lacks: lacks(&task.stack),
            waits_on: waits(report, &task.stack),
            holds: task.holds.iter().map(|resource| report.json_resource(resource)).collect(),
            set_aside: task.set_aside.iter().map(|aside| JsonSetAside::new(report, aside)).collect(),
            unmoved_seconds: report
                .watched
                .as_ref()
                .map(|_| report.unmoved_ns(task).map(|for_ns| for_ns as f64 / 1e9)),
        }
    }
}

/// Why there is no stack, or why it is incomplete.
fn lacks(stack: &AsyncStack) -> Option<&str> {
    match stack {
        AsyncStack::Cut(_, why) | AsyncStack::Unknown(why) => Some(why),
        AsyncStack::Moved => Some("it changed while it was read"),
        AsyncStack::Decoded(_) | AsyncStack::Running | AsyncStack::Complete => None,
    }
}

/// What the leaves of a stack wait on.
fn waits<'a>(report: &TasksReport, stack: &'a AsyncStack) -> Vec<JsonWait<'a>> {
    let futures = root(stack).into_iter().flat_map(|root| nodes(root).enumerate());
    let waiting = futures.filter_map(|(node, future)| Some((node, future.waits_on.as_ref()?)));
    waiting.map(|(node, resource)| JsonWait { node, resource: report.json_resource(resource) }).collect()
}

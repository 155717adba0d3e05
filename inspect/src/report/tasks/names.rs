//! Names of tasks, futures, resources and source locations as shown on the screen.

use std::borrow::Cow;
use std::fmt;

use super::report::TasksReport;
use crate::symbols::{file_name, shown_path};
use crate::tasks::model::{AsyncStack, Location, Node, Resource, ResourceKind, Task, TypeName};
use crate::text::{escape, shown_name};

/// Maximum task ids in a group's line.
pub(super) const SHOWN_TASK_IDS: usize = 8;
/// A type's name, safe on a terminal.
pub(super) fn type_name(name: &TypeName, verbose: bool) -> String {
    if verbose { escape(&name.raw).into_owned() } else { shown_name(&name.short) }
}

/// A source path without the directories of cargo's caches and of the compiler's build.
pub(super) fn path(path: &str, verbose: bool) -> Cow<'_, str> {
    if verbose { escape(path) } else { escape(shown_path(path)) }
}

/// ` at src/checkout.rs:41`, ` (not polled yet)`.
pub(super) fn location(location: Option<&Location>, verbose: bool) -> String {
    match location {
        Some(Location::Await { file, line }) => format!(" at {}:{line}", path(file, verbose)),
        Some(Location::Unresumed) => " (not polled yet)".to_owned(),
        Some(Location::Returned) => " (returned)".to_owned(),
        Some(Location::Panicked) => " (panicked)".to_owned(),
        None => String::new(),
    }
}

/// The innermost `await` of the program's own code on the path to what a task waits for; otherwise that of a
/// library.
pub(super) fn own_await(task: &Task) -> Option<&Location> {
    let (AsyncStack::Decoded(root) | AsyncStack::Cut(root, _)) = &task.stack else { return None };
    let mut found: Option<&Location> = None;
    let mut own: Option<&Location> = None;
    let mut node: &Node = root;
    loop {
        if let Some(Location::Await { file, .. }) = &node.location {
            found = node.location.as_ref();
            let is_library =
                ["/registry/src/", "/git/checkouts/", "/rustc/"].iter().any(|marker| file.contains(marker));
            if !is_library {
                own = found;
            }
        }
        match node.children.first() {
            Some(child) => node = child,
            None => return own.or(found),
        }
    }
}

/// The kind of a resource as text.
pub(super) fn kind(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Task => "task",
        ResourceKind::BlockingTask => "spawn_blocking",
        ResourceKind::Mutex => "Mutex",
        ResourceKind::RwLockRead | ResourceKind::RwLockWrite => "RwLock",
        ResourceKind::Semaphore => "Semaphore",
        ResourceKind::Notify => "Notify",
        ResourceKind::Channel => "channel",
        ResourceKind::Barrier => "Barrier",
        ResourceKind::OnceCell => "OnceCell",
        ResourceKind::Timer => "timer",
        ResourceKind::Io => "I/O",
        ResourceKind::Other => "something",
    }
}

/// Whether resources of this kind are identified by their address.
pub(super) fn has_address(kind: ResourceKind) -> bool {
    !matches!(
        kind,
        ResourceKind::Task
            | ResourceKind::BlockingTask
            | ResourceKind::Timer
            | ResourceKind::Io
            | ResourceKind::Other
    )
}

impl TasksReport {
    /// `Mutex 0x7f…`, `RwLock 0x7f… to write`, `task 29`: what a task waits for.
    pub(super) fn resource(&self, resource: &Resource) -> String {
        let thing = self.thing(resource);
        match resource.kind {
            ResourceKind::RwLockRead => thing + " to read",
            ResourceKind::RwLockWrite => thing + " to write",
            _ => thing,
        }
    }

    /// The same without the kind of access.
    pub(super) fn thing(&self, resource: &Resource) -> String {
        let detail = self.detail(resource).map(|detail| shown_name(&detail));
        let mut text = match resource.kind {
            ResourceKind::Task => match self.by_header.get(&resource.avma) {
                Some(index) => return format!("task {}", self.task(*index).id),
                None => format!("a task not in any list ({:#x})", resource.avma),
            },
            ResourceKind::Other | ResourceKind::Io if detail.is_some() => {
                return detail.unwrap_or_default();
            }
            other if has_address(other) && resource.avma != 0 => {
                format!("{} {:#x}", kind(other), resource.avma)
            }
            other => kind(other).to_owned(),
        };
        if let Some(detail) = detail {
            text.push_str(&format!(" ({detail})"));
        }
        text
    }

    /// `, held by task 29`, if a task has a saved guard of the resource.
    pub(super) fn held_by(&self, resource: &Resource) -> String {
        if matches!(resource.kind, ResourceKind::Task | ResourceKind::BlockingTask) {
            return String::new();
        }
        let holders = self.graph.find(resource).map(|waited| waited.holders.as_slice()).unwrap_or_default();
        match holders {
            [] => self.held_in_block_on(resource),
            _ => format!(", held by {}", self.ids(holders, false)),
        }
    }

    /// `, held by block_on on thread 41`.
    fn held_in_block_on(&self, resource: &Resource) -> String {
        let holds = |task: &Task| {
            let own = task.holds.iter();
            own.filter(|held| held.kind != ResourceKind::Task).any(|held| held.avma == resource.avma)
        };
        let futures = self.tasks.block_on.iter();
        let holder = futures.filter(|(_, future)| future.as_ref().is_ok_and(holds)).map(|(tid, _)| tid).min();
        holder
            .filter(|_| resource.avma != 0)
            .map(|tid| format!(", held by block_on on thread {tid}"))
            .unwrap_or_default()
    }

    /// `task 7`, `tasks 7 8 9 …`.
    pub(super) fn ids<'t>(&'t self, tasks: &'t [usize], all: bool) -> Ids<'t> {
        let most = if all { tasks.len() } else { SHOWN_TASK_IDS };
        Ids { report: self, tasks, most }
    }

    /// The place of the function that polls a task: it is another one for each type of future.
    fn poll_function(&self, task: &Task) -> Option<String> {
        let avma = task.poll_avma;
        let is_in =
            |module: &&rgops_protocol::reply::Module| (module.start_avma..module.end_avma).contains(&avma);
        let module = self.tasks.modules.iter().find(is_in).filter(|_| avma != 0)?;
        let name = escape(file_name(&module.path)).into_owned();
        Some(format!("future polled by {name}+{:#x}", avma.wrapping_sub(module.bias)))
    }

    /// The name of a task: that of its future, otherwise of the function that its thread polls.
    pub(crate) fn task_name(&self, task: &Task, verbose: bool) -> Option<String> {
        match &task.future {
            Some(name) => Some(type_name(name, verbose)),
            None => {
                let polled = self.thread_of(task).and_then(|thread| thread.polls.as_ref()?.name.as_deref());
                polled.map(shown_name).or_else(|| self.poll_function(task))
            }
        }
    }
}

/// Ids of tasks as text.
pub(super) struct Ids<'t> {
    report: &'t TasksReport,
    tasks: &'t [usize],
    most: usize,
}

impl fmt::Display for Ids<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.tasks.len() == 1 { "task" } else { "tasks" })?;
        for task in self.tasks.iter().take(self.most) {
            write!(formatter, " {}", self.report.task(*task).id)?;
        }
        formatter.write_str(if self.tasks.len() > self.most { " …" } else { "" })
    }
}

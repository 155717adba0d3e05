//! The part of `rgops.tasks/1` that is shown.

use serde::Deserialize;

/// The tasks of a program.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tasks {
    pub(super) tasks: Vec<Task>,
    /// Async stacks, each once.
    pub(super) stacks: Vec<Node>,
    pub(super) resources: Vec<Waited>,
    pub(super) deadlocks: Vec<Deadlock>,
    pub(super) runtimes: Vec<Runtime>,
    pub(super) debug_information: Vec<DebugInformation>,
    pub(super) no_memory: Option<Missing>,
}

/// A task.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) runtime: String,
    pub(super) state: String,
    pub(super) future: Option<String>,
    /// Its place in the stacks.
    pub(super) stack: Option<usize>,
    pub(super) stack_lacks: Option<String>,
    pub(super) waits_on: Vec<Resource>,
}

/// A future of an async stack: the outermost first.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) children: Vec<Node>,
    pub(super) children_left_out: u64,
}

/// What a task waits for, or holds.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Resource {
    pub(super) kind: String,
    pub(super) address: u64,
    pub(super) task: Option<u64>,
    pub(super) detail: Option<String>,
    pub(super) socket: Option<Socket>,
}

/// A socket.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Socket {
    pub(super) protocol: String,
    pub(super) local: String,
    pub(super) peer: Option<String>,
}

/// A resource, with who waits for it and who holds it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waited {
    #[serde(flatten)]
    pub(super) resource: Resource,
    pub(super) waiters: Vec<u64>,
    pub(super) holders: Vec<u64>,
}

/// Tasks that wait for each other.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Deadlock {
    pub(super) ring: Vec<Link>,
    pub(super) also: Vec<u64>,
    pub(super) behind: Vec<u64>,
}

/// A task of a deadlock.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link {
    pub(super) task: u64,
    pub(super) waits_on: Resource,
}

/// A runtime.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Runtime {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) workers: u32,
}

/// What is known of a module's types.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DebugInformation {
    pub(super) module: String,
    pub(super) note: String,
    pub(super) fix: String,
}

/// Why something is missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Missing {
    pub(super) reason: String,
    pub(super) fix: String,
}

impl Tasks {
    /// The task with this id.
    pub(super) fn task(&self, id: u64) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// The async stack of a task.
    pub(super) fn stack(&self, task: &Task) -> Option<&Node> {
        self.stacks.get(task.stack?)
    }
}

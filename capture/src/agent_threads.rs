//! The names of the agent's threads. The kernel keeps 15 bytes of a name.

/// Answers.
pub const AGENT: &str = "rgops-agent";
/// Waits for sockets.
pub const EPOLL: &str = "rgops-epoll";
/// Starts threads that have the program's descriptors.
pub const STARTER: &str = "rgops-starter";
/// Writes to standard error.
pub const STDERR: &str = "rgops-stderr";
/// Asks an allocator for its numbers.
pub const MALLOC: &str = "rgops-malloc";
/// Reads what takes the address space's lock.
pub const MAPS: &str = "rgops-maps";
/// Has allocators give memory back.
pub const RELEASE: &str = "rgops-release";
/// Spawns tasks on runtimes of the program, and looks at them.
pub const TASKS: &str = "rgops-tasks";
/// Calls the `pprof` crate.
pub const PPROF: &str = "rgops-pprof";

/// Whether a thread of this name is the agent's: its own, or one that asks a question.
pub fn is_agent_thread(name: &str) -> bool {
    [AGENT, EPOLL, STARTER, STDERR, MALLOC, MAPS, RELEASE, TASKS, PPROF].contains(&name)
}

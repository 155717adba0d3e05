//! The names of the agent's threads. The kernel keeps at most 15 bytes of a name.

/// Answers requests.
pub const AGENT: &str = "rgops-agent";
/// Waits for sockets.
pub const EPOLL: &str = "rgops-epoll";
/// Starts threads that share the program's descriptors.
pub const STARTER: &str = "rgops-starter";
/// Writes to standard error.
pub const STDERR: &str = "rgops-stderr";
/// Queries an allocator for its statistics.
pub const MALLOC: &str = "rgops-malloc";
/// Reads files of `/proc` that need the address space's lock.
pub const MAPS: &str = "rgops-maps";
/// Asks allocators to release memory.
pub const RELEASE: &str = "rgops-release";
/// Spawns tasks on the program's runtimes and inspects them.
pub const TASKS: &str = "rgops-tasks";
/// Calls the `pprof` crate.
pub const PPROF: &str = "rgops-pprof";

/// Whether a thread of this name belongs to the agent, including threads that connect to other agents.
pub fn is_agent_thread(name: &str) -> bool {
    [AGENT, EPOLL, STARTER, STDERR, MALLOC, MAPS, RELEASE, TASKS, PPROF].contains(&name)
}

//! The commands, one file each: arguments, then `run`.

pub mod completions;
pub mod gc;
pub mod heap_rate;
pub mod info;
pub mod leaks;
pub mod list;
pub mod man;
pub mod memstats;
mod output;
pub mod pprof_cpu;
pub mod pprof_heap;
pub mod schedtrace;
mod single;
pub mod stack;
pub mod stats;
pub mod tasks;
pub mod trace;
pub mod tree;
pub mod version;

pub use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

/// What can be asked.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// List the Rust processes of this host; the same as no command
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Show one process in detail; the same as `rgops TARGET [DURATION]`
    #[command(visible_aliases = ["process", "pid", "proc"])]
    Info(info::Info),
    /// Show the Rust processes of this host as a tree
    Tree(tree::Tree),
    /// Show every thread and its stack
    Stack(stack::Stack),
    /// Show every Tokio task, the await it is at, and who waits for whom
    Tasks(tasks::Tasks),
    /// Show memory: of what it consists, the process, its cgroup, its allocator
    Memstats(memstats::Memstats),
    /// Show threads, descriptors, CPU and the Tokio runtimes
    Stats(stats::Stats),
    /// Show how the program was built
    Version(version::Version),
    /// Profile the CPU, save a pprof file and show the top functions
    PprofCpu(pprof_cpu::PprofCpu),
    /// Profile the heap, save a pprof file and show the top functions
    PprofHeap(pprof_heap::PprofHeap),
    /// Find the lines that keep more and more memory
    Leaks(leaks::Leaks),
    /// Show or set how often the heap is sampled
    HeapRate(heap_rate::HeapRate),
    /// Have the allocators give free memory back to the system
    Gc(gc::Gc),
    /// Trace every thread's states over time into a Perfetto file
    Trace(trace::Trace),
    /// Print what the Tokio schedulers do, a line a runtime and interval
    Schedtrace(schedtrace::Schedtrace),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Print the manual page
    Man(man::Man),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Its failure.
    pub fn run(&self) -> Result<Exit, Failure> {
        match self {
            Command::List(list) => list.run(),
            Command::Info(info) => info.run(),
            Command::Tree(tree) => tree.run(),
            Command::Stack(stack) => stack.run(),
            Command::Tasks(tasks) => tasks.run(),
            Command::Memstats(memstats) => memstats.run(),
            Command::Stats(stats) => stats.run(),
            Command::Version(version) => version.run(),
            Command::PprofCpu(pprof_cpu) => pprof_cpu.run(),
            Command::PprofHeap(pprof_heap) => pprof_heap.run(),
            Command::Leaks(leaks) => leaks.run(),
            Command::HeapRate(heap_rate) => heap_rate.run(),
            Command::Gc(gc) => gc.run(),
            Command::Trace(trace) => trace.run(),
            Command::Schedtrace(schedtrace) => schedtrace.run(),
            Command::Completions(completions) => completions.run(),
            Command::Man(man) => man.run(),
        }
    }
}

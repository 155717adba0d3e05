//! The things that can be asked.

use std::time::Duration;

/// A profile of Go's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// All allocations, including freed ones.
    Allocs,
    /// Time that threads and tasks waited.
    Block,
    /// Tokio tasks by async stack.
    Goroutine,
    /// Memory in use.
    Heap,
    /// The part of `block` that waits for locks.
    Mutex,
    /// Threads by stack.
    Threadcreate,
}

impl Kind {
    /// All, in the order of their names.
    pub const ALL: [Kind; 6] =
        [Kind::Allocs, Kind::Block, Kind::Goroutine, Kind::Heap, Kind::Mutex, Kind::Threadcreate];

    /// Its name in paths and files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Allocs => "allocs",
            Kind::Block => "block",
            Kind::Goroutine => "goroutine",
            Kind::Heap => "heap",
            Kind::Mutex => "mutex",
            Kind::Threadcreate => "threadcreate",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is ours, beside Go's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// Tokio tasks, as `rgops tasks`.
    Tasks,
    /// Stacks of threads, as `rgops stack`.
    Threads,
    /// Lines with growing memory, as `rgops leaks`.
    Leaks,
    /// Runtime counters, as `rgops stats`.
    Stats,
    /// Where memory is, as `rgops memstats`.
    Memstats,
    /// The build, as `rgops version`.
    Version,
}

impl View {
    /// All, in the order of the index page.
    pub const ALL: [View; 6] =
        [View::Tasks, View::Threads, View::Leaks, View::Stats, View::Memstats, View::Version];

    /// Its name in paths.
    pub fn name(self) -> &'static str {
        match self {
            View::Tasks => "tasks",
            View::Threads => "threads",
            View::Leaks => "leaks",
            View::Stats => "stats",
            View::Memstats => "memstats",
            View::Version => "version",
        }
    }

    /// The view with this name.
    pub fn named(name: &str) -> Option<View> {
        View::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// The page with all profiles.
    Index,
    /// `profile?seconds=`: CPU. Default 30 s, also for a bad value, as in Go.
    Cpu {
        /// How long to sample.
        duration: Duration,
        /// `hz=`, ours; `None` is the default.
        hz: Option<u32>,
    },
    /// A profile by name.
    Profile {
        /// Which.
        kind: Kind,
        /// `debug=`: 0 is the file, more is text.
        debug: u32,
        /// `seconds=`: the difference over this time.
        seconds: Option<Duration>,
        /// `gc=1`.
        gc: bool,
    },
    /// `trace?seconds=`.
    Trace {
        /// How long. Default 1 s.
        duration: Duration,
    },
    /// Arguments of the program.
    Cmdline,
    /// Names of addresses.
    Symbol {
        /// The addresses, in the order of the request; empty: only whether there are symbols.
        addresses: Vec<u64>,
    },
    /// Ours.
    View {
        /// Which.
        view: View,
        /// `?json`.
        json: bool,
        /// `seconds=`, for `leaks` and `stats`.
        seconds: Option<Duration>,
    },
}

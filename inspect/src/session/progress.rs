//! How far a command is.

use std::time::Duration;

use rgops_protocol::reply;

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The agent was asked.
    Started,
    /// The agent gathers.
    Gathering {
        /// Time since it began.
        elapsed: Duration,
        /// When it will end, since it began; zero when that is not known.
        total: Duration,
        /// Samples, snapshots or changes of state so far.
        gathered: u64,
    },
    /// The agent lists its tasks.
    Listing {
        /// Tasks so far.
        tasks: u64,
    },
    /// Debug information is read for the first time: it will be remembered by its build-id.
    DebugInformation,
    /// Async stacks are decoded.
    Decoding {
        /// Tasks done.
        done: u64,
        /// Tasks to do, these included.
        total: u64,
    },
    /// Addresses get their names.
    Naming,
}

impl From<&reply::Progress> for Progress {
    fn from(progress: &reply::Progress) -> Progress {
        Progress::Gathering {
            elapsed: Duration::from_millis(progress.elapsed_ms),
            total: Duration::from_millis(progress.total_ms),
            gathered: progress.gathered,
        }
    }
}

//! Progress of a command.

use std::time::Duration;

use rgops_protocol::reply;

/// Progress of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The request was sent.
    Started,
    /// The agent is collecting.
    Gathering {
        /// Time since it started.
        elapsed: Duration,
        /// Total time; zero if unknown.
        total: Duration,
        /// Samples, snapshots or changes of state so far.
        gathered: u64,
    },
    /// The agent is listing its tasks.
    Listing {
        /// Tasks so far.
        tasks: u64,
    },
    /// Debug information is read for the first time. It will be cached by build-id.
    DebugInformation,
    /// Async stacks are being decoded.
    Decoding {
        /// Tasks done.
        done: u64,
        /// All tasks to decode.
        total: u64,
    },
    /// Addresses are being resolved to names.
    Naming,
    /// The program is watched: a suspicion for longer, or what moves.
    Watching,
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

//! Traces of threads over time: from an agent's points to a Perfetto file and a summary.

mod classify;
mod model;
mod packets;
pub mod proto;
mod recorder;
mod runtimes;
mod samples;
mod summary;

pub use classify::{Kind, waiting};
pub use model::{Segment, Timeline};
pub use recorder::{Process, Recorder, file_names};
pub use runtimes::RuntimeSummary;
pub use summary::{Summary, ThreadSummary};

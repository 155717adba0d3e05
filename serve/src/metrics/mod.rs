//! `/metrics`: numbers of all programs, as OpenMetrics or Prometheus text.
//!
//! | module | contents |
//! | --- | --- |
//! | `table` | every metric: name, type, unit, meaning and source; `docs/METRICS.md` is made of it |
//! | `accept` | which of the two formats a scraper wants |
//! | `labels` | names from programs, made safe |
//! | `samples` | numbers of one program, at most so many |
//! | `numbers`, `memory`, `runtimes` | the answers of an agent as samples |
//! | `conversation` | the questions to one agent |
//! | `asked` | one question at a time to a program, whoever waits for the answer |
//! | `pool` | a bounded number of threads that ask |
//! | `own` | what `rgops serve` counts of itself |
//! | `text` | both formats |
//! | `exposition` | [`Metrics`] |

mod accept;
mod asked;
mod conversation;
mod exposition;
mod labels;
mod memory;
mod numbers;
mod own;
mod pool;
mod runtimes;
mod samples;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use exposition::{Exposition, Metrics};
pub(crate) use labels::shortened;

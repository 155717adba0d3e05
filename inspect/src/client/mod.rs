//! Asks an agent: connects, checks who answers, sends one request and reads the answer's packets.
//!
//! The agent is not trusted: every length is checked before it is allocated, texts are cut where they are
//! decoded, the whole answer has a budget of memory and a deadline, and an agent that falls silent, or
//! never ends, ends the answer, not the client.

mod answer;
mod connection;
mod endpoint;
mod error;
#[cfg(target_os = "linux")]
pub(crate) mod local;
mod packet;
mod peer;
mod stopper;
mod stream;

pub use answer::{Answer, Collected, Event, Finisher, Payload, part};
pub use connection::Client;
pub use endpoint::{Endpoint, Timeouts};
pub use error::{ClientError, UnsupportedCommand};
pub use stopper::Stopper;

#[cfg(all(test, target_os = "linux"))]
mod tests;

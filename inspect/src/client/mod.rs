//! Asks an agent: connects, checks who answers, sends one request and reads the packets of the answer.
//!
//! The agent is not trusted: every length is checked before memory is allocated for it, texts are cut where
//! they are decoded, and the whole answer has a memory budget and a deadline. An agent that falls silent or
//! never ends costs the answer, not the client.

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
pub use stopper::{Running, Stopper};

#[cfg(all(test, target_os = "linux"))]
mod tests;

//! What travels between `rgops` and its agent, and where the agent is found.
//!
//! Constraints this crate was designed under:
//!
//! * **No I/O.** Every function takes bytes or values and returns bytes or values, so the agent can
//!   drive it from its own Tokio runtime and the inspector from blocking sockets.
//! * **No allocation trusts a length from the peer.** A length is checked against a limit before
//!   any buffer is made ([`wire`]), and the decoder refuses what would outgrow its budget ([`codec`]).
//! * **No recursive types.** 400,000 nested levels overflow the stack of every decoder we measured.
//! * **The format is the contract**, not the crate that writes it: `SPEC.md` beside this crate is
//!   complete enough for a client in another language, and `golden/` freezes its bytes.
//!
//! The order on the wire is: [`hello::MAGIC`] and a [`hello::ClientHello`]; the agent's magic and
//! [`hello::AgentHello`] (over TCP only after the handshake of [`auth`]); one [`request::Envelope`];
//! then packets of the answer until `End` or `Error`.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

pub mod agreement;
pub mod auth;
pub mod codec;
pub mod commands;
pub mod discovery;
pub mod error;
mod error_texts;
pub mod hello;
pub mod received;
pub mod reply;
pub mod request;
pub mod schedtrace_line;
pub mod tail;
pub mod token_file;
pub mod wire;

/// Version of the packet layer: magic, hello, packet header.
///
/// Since 2 a hello states a range of versions for each command, and readers skip fields they do not know at
/// the end of a message ([`tail`]). What a peer of a lower version refuses is never sent to it. Commands have
/// versions of their own ([`request::Command::versions`]).
pub const PROTOCOL_VERSION: u32 = 2;

#[cfg(test)]
mod golden;

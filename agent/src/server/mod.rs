//! The agent's thread and its sockets: starting and ending, accepting, and serving connections.
//!
//! * [`running`] is the agent of this process, from [`start`] to its end; [`starting`] is its thread, from the first
//!   descriptor to the last task.
//! * [`accept`] accepts connections up to a limit; [`connection`] serves one. Their shared state is in [`shared`].
//! * [`local`] and [`tcp`] are the two listeners; a connection of either is a [`socket`].

mod accept;
mod auth;
mod connection;
mod connection_limit;
mod directory;
mod local;
mod packets;
mod running;
mod shared;
mod socket;
mod starting;
mod sweep;
mod tcp;

pub(crate) use running::{Running, start};

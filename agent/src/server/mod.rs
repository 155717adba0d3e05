//! The agent's thread and its sockets: starting and ending, accepting, and serving one connection.
//!
//! * [`running`] is the agent of this process, from [`start`] to its end; [`starting`] its thread, from the first
//!   descriptor to the last task.
//! * [`accept`] takes connections while there is room; [`connection`] serves one. What they share is in [`shared`].
//! * [`local`] and [`tcp`] are the two listeners; a connection of either is a [`socket`].

mod accept;
mod auth;
mod connection;
mod directory;
mod local;
mod packets;
mod room;
mod running;
mod shared;
mod socket;
mod starting;
mod sweep;
mod tcp;

pub(crate) use running::{Running, start};

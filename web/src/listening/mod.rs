//! What a server for browsers on the own machine needs, whatever it shows: an address, connections that are bounded in
//! number and patience, random secrets, and addresses that can be opened once.

pub use crate::server::{
    Address, Crowd, Pass, Patient, Peer, Plain, Secret, Tickets, Wrap, accept_with as accept,
};

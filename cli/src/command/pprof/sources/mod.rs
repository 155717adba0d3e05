//! From the words of the command line to profiles: what a word means, then fetch, read and merge.

mod address;
mod fetch;
mod file;
mod gather;
mod interrupt;
mod kind;
mod save;
mod source;
mod target;
mod tls;
mod token;

pub(super) use address::Address;
pub(super) use fetch::Client;
pub(super) use gather::{Gathered, gather};
pub(super) use save::save;
pub(super) use source::{Wanted, parse, parse_each};

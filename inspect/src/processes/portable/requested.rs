//! Agents run on Linux only, so the process that answers is never on this host.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use crate::client::ClientError;
use crate::processes::details::Connection;
use crate::processes::process::Suspension;
use crate::processes::resolve_error::ResolveError;

/// The requested process; empty, because there is no process to compare it with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requested;

impl Requested {
    pub(crate) fn of(_: u32, _: Option<Instant>) -> Requested {
        Requested
    }

    pub(crate) fn fate(&self, _: Option<Instant>) -> Option<ClientError> {
        None
    }

    pub(crate) fn fate_once_sure(&self, _: Option<Instant>) -> Option<ClientError> {
        None
    }

    pub(crate) fn has_its_pid(&self) -> bool {
        true
    }
}

pub(crate) fn local_pid(_: SocketName) -> Option<u32> {
    None
}

pub(crate) fn is_inside(_: u32, _: SocketName) -> bool {
    false
}

pub(crate) fn suspended_agent(_: u32) -> Option<Suspension> {
    None
}

pub(crate) fn of_descriptors(_: u32, _: &BTreeSet<u32>) -> HashMap<u32, Connection> {
    HashMap::new()
}

pub(crate) fn open_descriptors(_: u32) -> Option<(u64, u64)> {
    None
}

pub(crate) fn zombie_parent(_: u32) -> Option<u32> {
    None
}

pub(crate) fn is_elsewhere(_: u32) -> bool {
    false
}

/// As [`is_elsewhere`].
pub(crate) fn other_namespace(_: u32) -> Option<ResolveError> {
    None
}

pub(crate) fn wait_for_binding(_: PathBuf, _: Duration, _: Option<Instant>) {}

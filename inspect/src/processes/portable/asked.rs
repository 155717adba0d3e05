//! Agents run on Linux only, so no process of this host can be the one that answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use crate::client::ClientError;

/// The requested process; there is nothing to compare it with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked;

impl Asked {
    pub(crate) fn of(_: u32, _: Option<Instant>) -> Asked {
        Asked
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

pub(crate) fn wait_for_binding(_: PathBuf, _: Duration, _: Option<Instant>) {}

//! Agents run on Linux only, so no process of this host is one that answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use crate::client::ClientError;

/// The process that was meant; there is none to compare with.
#[derive(Debug, Clone, Default)]
pub(in crate::processes) struct Asked;

impl Asked {
    pub(in crate::processes) fn of(_: u32, _: Option<Instant>) -> Asked {
        Asked
    }

    pub(in crate::processes) fn fate(&self, _: Option<Instant>) -> Option<ClientError> {
        None
    }

    pub(in crate::processes) fn fate_once_sure(&self, _: Option<Instant>) -> Option<ClientError> {
        None
    }

    pub(in crate::processes) fn has_its_pid(&self) -> bool {
        true
    }
}

pub(in crate::processes) fn local_pid(_: SocketName) -> Option<u32> {
    None
}

pub(in crate::processes) fn is_inside(_: u32, _: SocketName) -> bool {
    false
}

pub(in crate::processes) fn wait_for_binding(_: PathBuf, _: Duration, _: Option<Instant>) {}

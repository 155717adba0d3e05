//! The process at the other end, and why it stopped answering.

use rgops_protocol::received::Speaker;

use super::error::ClientError;
use super::stream::Listener;
#[cfg(target_os = "linux")]
use crate::identity::{Fate, Identity};

/// The process that listens at a local socket; over TCP the peer is unknown.
#[derive(Debug)]
pub(super) struct Peer {
    speaker: Speaker,
    #[cfg(target_os = "linux")]
    identity: Option<Identity>,
}

#[cfg(target_os = "linux")]
impl Peer {
    /// The process that is expected to listen, before the kernel has reported which one does.
    pub(super) fn new(pid: Option<u32>) -> Peer {
        Peer { speaker: Speaker::Another, identity: pid.and_then(|pid| Identity::of(pid).ok()) }
    }

    /// The same after the kernel has reported the listener; without an expected process, the listener itself.
    pub(super) fn listening(self, named: Option<u32>, listener: Listener) -> Peer {
        let peer = if named.is_some() { self } else { Peer::new(listener.pid) };
        Peer { speaker: listener.speaker, ..peer }
    }

    /// The speaker of its texts.
    pub(super) fn speaker(&self) -> Speaker {
        self.speaker
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.identity.as_ref().map(Identity::pid)
    }

    /// The same error, or its known cause.
    pub(super) fn explain(&self, error: ClientError) -> ClientError {
        let Some(identity) = &self.identity else { return error };
        let is_end = matches!(error, ClientError::Disconnected | ClientError::NotAnAgent);
        if !is_end {
            return error;
        }
        match (identity.fate(), error) {
            (Fate::Ended, _) => ClientError::Ended,
            (Fate::Replaced, _) => ClientError::Replaced,
            (Fate::Lives, ClientError::Disconnected) => ClientError::Closed,
            (Fate::Lives, error) => error,
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Peer {
    pub(super) fn new(_: Option<u32>) -> Peer {
        Peer { speaker: Speaker::Another }
    }

    pub(super) fn listening(mut self, _: Option<u32>, listener: Listener) -> Peer {
        let Listener { pid, speaker } = listener;
        debug_assert!(pid.is_none(), "local sockets are not supported on this system");
        self.speaker = speaker;
        self
    }

    pub(super) fn speaker(&self) -> Speaker {
        self.speaker
    }

    pub(super) fn pid(&self) -> Option<u32> {
        None
    }

    pub(super) fn explain(&self, error: ClientError) -> ClientError {
        error
    }
}

//! The process at the other end, and what became of it when it stopped answering.

use rgops_protocol::received::Speaker;

use super::error::ClientError;
use super::stream::Listener;
#[cfg(target_os = "linux")]
use crate::identity::{Fate, Identity};

/// Who listens at a local socket; nothing is known of who answers over TCP.
#[derive(Debug)]
pub(super) struct Peer {
    speaker: Speaker,
    #[cfg(target_os = "linux")]
    identity: Option<Identity>,
}

#[cfg(target_os = "linux")]
impl Peer {
    /// Who is to listen, before it is known who does.
    pub(super) fn new(pid: Option<u32>) -> Peer {
        Peer { speaker: Speaker::Another, identity: pid.and_then(|pid| Identity::of(pid).ok()) }
    }

    /// The same, or whoever listens if nobody was named, now that the kernel has told who does.
    pub(super) fn listening(self, named: Option<u32>, listener: Listener) -> Peer {
        let peer = if named.is_some() { self } else { Peer::new(listener.pid) };
        Peer { speaker: listener.speaker, ..peer }
    }

    /// Whose its sentences are.
    pub(super) fn speaker(&self) -> Speaker {
        self.speaker
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.identity.as_ref().map(Identity::pid)
    }

    /// The same error, or what is known to have caused it.
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
        debug_assert!(pid.is_none(), "there are no local sockets here");
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

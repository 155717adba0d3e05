//! Who speaks: the first bytes on a connection, both ways.

use crate::codec::{Decode, Encode};

/// The first eight bytes of a connection, sent by either side before its hello.
///
/// The first byte is no letter, so an HTTP server or client that meets it fails at once, and a
/// browser cannot produce it; the line ends detect a transport that rewrites them (as PNG does).
pub const MAGIC: [u8; 8] = *b"\x89RGOPS\r\n";

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ClientHello {
    /// [`crate::PROTOCOL_VERSION`] of the client.
    pub protocol: u32,
    /// Version of the client program, for the agent's operator; at most 64 bytes are kept.
    pub client: String,
}

/// Who the agent is and what it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct AgentHello {
    /// [`crate::PROTOCOL_VERSION`] of the agent.
    pub protocol: u32,
    /// Version of the agent crate.
    pub agent: String,
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// Start time of the process in clock ticks since boot (`/proc/PID/stat` field 22), 0 where the
    /// system has no such number. With `pid` it names a process for good.
    pub start_time: u64,
    /// Random bytes made by this `listen`; two connections to the same agent see the same cookie.
    pub cookie: [u8; 16],
    /// Build-id of the executable (ELF note `NT_GNU_BUILD_ID`), empty where it has none.
    pub build_id: Vec<u8>,
    /// Name the program's author gave it, else the executable's file name.
    pub name: String,
    /// What the agent answers.
    pub commands: Vec<CommandVersion>,
}

/// A command and the newest version of it the agent speaks; it speaks the older ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct CommandVersion {
    /// [`crate::request::Command`] as a number.
    pub command: u16,
    /// Its newest version.
    pub version: u16,
}

//! The hello: the first bytes of a connection in each direction.

use std::ops::RangeInclusive;

use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, VERSION_CHARACTERS, fields, plain};
use crate::request::Command;
use crate::tail::Tail;

/// The first eight bytes of a connection, sent by either side before its hello.
///
/// The first byte is not a letter, so an HTTP server or client fails at once, and a
/// browser cannot send it. The line ends detect a transport that rewrites them (as in PNG).
pub const MAGIC: [u8; 8] = *b"\x89RGOPS\r\n";

/// The client's first message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ClientHello {
    /// [`crate::PROTOCOL_VERSION`] of the client.
    pub protocol: u32,
    /// The client program's version, for the agent's operator; at most 64 bytes are kept.
    pub client: String,
}

/// The agent's identity and the commands it supports.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AgentHello {
    /// [`crate::PROTOCOL_VERSION`] of the agent; 1 to a client of protocol 1.
    pub protocol: u32,
    /// Version of the agent crate.
    pub agent: String,
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// Start time of the process in clock ticks since boot (`/proc/PID/stat` field 22), 0 if the
    /// system has no such number. Together with `pid` it identifies a process uniquely.
    pub start_time: u64,
    /// Random bytes created by this `listen`; two connections to the same agent get the same cookie.
    pub cookie: [u8; 16],
    /// Build-id of the executable (ELF note `NT_GNU_BUILD_ID`), empty if it has none.
    pub build_id: Vec<u8>,
    /// The name from the program's author, otherwise the executable's file name.
    pub name: String,
    /// The commands that the agent answers, each with its newest version.
    pub commands: Vec<CommandVersion>,
    /// The oldest version of each. New in protocol 2; earlier agents support all versions from 1.
    pub oldest: Tail<Vec<CommandVersion>>,
}

/// A command and one of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct CommandVersion {
    /// [`crate::request::Command`] as a number.
    pub command: u16,
    /// The version.
    pub version: u16,
}

impl AgentHello {
    /// The versions of `command` that the agent supports; `None` when it does not list the command.
    pub fn versions(&self, command: Command) -> Option<RangeInclusive<u16>> {
        let find = |list: &[CommandVersion]| {
            list.iter().find(|one| one.command == command as u16).map(|one| one.version)
        };
        let newest = find(&self.commands)?;
        let oldest = self.oldest.value().and_then(|oldest| find(oldest)).unwrap_or(1);
        Some(oldest..=newest)
    }

    /// Lists these commands as supported, in all versions that this crate knows.
    pub fn speak(&mut self, commands: &[Command]) {
        let list = |version: fn(&RangeInclusive<u16>) -> u16| {
            let entry = |command: &Command| CommandVersion {
                command: *command as u16,
                version: version(&command.versions()),
            };
            commands.iter().map(entry).collect::<Vec<_>>()
        };
        self.commands = list(|versions| *versions.end());
        self.oldest = Tail::for_reader(self.protocol, list(|versions| *versions.start()));
    }

    /// The hello for a client of this protocol. A client of protocol 1 gets exactly the bytes of protocol 1.
    pub fn for_client(&self, protocol: u32) -> AgentHello {
        let mut hello = self.clone();
        hello.protocol = protocol.min(self.protocol).max(1);
        hello.oldest.drop_for(hello.protocol);
        hello
    }
}

plain!(CommandVersion);

fields! {
    AgentHello {
        protocol, agent: VERSION_CHARACTERS, pid, start_time, cookie, build_id, name: NAME_CHARACTERS, commands,
        oldest,
    }
}

//! The error that an agent sends instead of an answer.

use crate::codec::{Decode, Encode};
use crate::received::{Received, SENTENCE_CHARACTERS, Speaker, cut, program_says};

/// The payload of an `Error` packet: what failed, why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
#[error("{what}: {why}")]
pub struct Error {
    /// [`Code`] as a number; a client treats an unknown one as [`Code::Internal`].
    pub code: u16,
    /// What failed, lower case, without a full stop.
    pub what: String,
    /// The reason.
    pub why: String,
    /// The command or setting that fixes it; empty if there is none.
    pub fix: String,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Code {
    /// The agent failed because of a bug.
    Internal = 0,
    /// The peer may not use this agent, because it belongs to another user.
    Refused = 1,
    /// The token proof was missing or wrong.
    Unauthenticated = 2,
    /// The agent does not know this command.
    UnknownCommand = 3,
    /// The agent knows the command, but not in this version.
    UnknownVersion = 4,
    /// The bytes were not a valid packet or request.
    Malformed = 5,
    /// Another expensive command is running.
    Busy = 6,
    /// The program's author did not allow this command.
    NotAllowed = 7,
    /// A deadline passed.
    TimedOut = 8,
    /// The command cannot work on this system or in this process.
    Unsupported = 9,
    /// Too many connections at once.
    TooManyConnections = 10,
}

impl Code {
    /// The code with this number; [`Code::Internal`] for an unknown number.
    pub fn from_u16(number: u16) -> Code {
        match number {
            1 => Code::Refused,
            2 => Code::Unauthenticated,
            3 => Code::UnknownCommand,
            4 => Code::UnknownVersion,
            5 => Code::Malformed,
            6 => Code::Busy,
            7 => Code::NotAllowed,
            8 => Code::TimedOut,
            9 => Code::Unsupported,
            10 => Code::TooManyConnections,
            _ => Code::Internal,
        }
    }
}

impl Error {
    /// An error with all its texts.
    pub fn new(code: Code, what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Error {
        Error { code: code as u16, what: what.into(), why: why.into(), fix: fix.into() }
    }

    /// The kind of this error.
    pub fn code(&self) -> Code {
        Code::from_u16(self.code)
    }
}

impl Received for Error {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let Error { code: _, what, why, fix } = self;
        for text in [&mut *what, &mut *why, &mut *fix] {
            cut(text, SENTENCE_CHARACTERS);
        }
        if speaker == Speaker::Another {
            let fix_mark = if fix.is_empty() { "" } else { "; fix: " };
            *why = program_says(&format!("{what}: {why}{fix_mark}{fix}"));
            "the agent did not answer".clone_into(what);
            *fix = String::new();
        }
        [what, why, fix].into_iter().map(|text| text.capacity() as u64).sum()
    }
}

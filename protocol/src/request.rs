//! Requests: the commands and their arguments.
//!
//! A request travels as an [`Envelope`], whose body is decoded only once command and version are
//! known, so that an unknown command is distinguished from a malformed one and gets a typed answer.

use std::ops::RangeInclusive;

use crate::agreement::{UPDATE_AGENT, disagreement};
use crate::codec::{self, Decode, DecodeError, Encode, EncodeError};
use crate::received::Received;
pub use crate::reply::read::{MAX_RANGE_BYTES, MAX_READ_BYTES, MemoryRange};
pub use crate::reply::schedtrace::MAX_MOMENT_BYTES;

/// Which other commands can run at the same time as a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Load {
    /// Expensive: at most one of these runs in a program at a time (`busy`).
    Exclusive,
    /// Cheap: runs alongside any other command.
    Light,
}

/// Whether a command changes something in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It only reads.
    Never,
    /// Always, for any request.
    Always,
    /// Depends on the request ([`Request::changes`]).
    Sometimes,
}

/// Whether an answer contains bytes of the program's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryUse {
    /// Never.
    Never,
    /// A part of it does. If memory may not be read, the agent sends the rest.
    Partly,
    /// It contains nothing else. If memory may not be read, the command is refused.
    Only,
}

/// The arguments of one command, from the table ([`mod@crate::commands`]).
pub trait Arguments: Encode + Decode<()> + Into<Request> {
    /// The command.
    const COMMAND: Command;
    /// The type of each `Data` packet in the answer.
    type Part: Received;
}

/// The payload of a `Request` packet.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Envelope {
    /// [`Command`] as a number.
    pub command: u16,
    /// The version of the command, which determines the layout of `body` and of the answer.
    pub version: u16,
    /// The command's own request, encoded: [`StackRequest`] and so on.
    pub body: Vec<u8>,
}

/// Why an [`Envelope`] is not a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No command has this number.
    #[error("unknown command {0}")]
    UnknownCommand(u16),
    /// The command exists, but not in this version.
    #[error("version {version} of {} is not supported; supported versions: {} to {}",
        command.name(), command.versions().start(), command.versions().end())]
    UnknownVersion {
        /// The requested command.
        command: Command,
        /// The requested version.
        version: u16,
    },
    /// The body is not a valid request.
    #[error(transparent)]
    Body(#[from] DecodeError),
}

impl RequestError {
    /// Which side to update.
    pub fn fix(&self) -> &'static str {
        match self {
            RequestError::UnknownVersion { command, version } => {
                disagreement(&command.versions(), *version).fix()
            }
            RequestError::UnknownCommand(_) => UPDATE_AGENT,
            RequestError::Body(_) => {
                "use an rgops of the agent's version, or update rgops-agent in the program"
            }
        }
    }
}

macro_rules! effect {
    (never) => {
        Effect::Never
    };
    (always) => {
        Effect::Always
    };
    ((if $method:ident)) => {
        Effect::Sometimes
    };
}

macro_rules! changes {
    ($request:ident never) => {{
        let _ = $request;
        false
    }};
    ($request:ident always) => {{
        let _ = $request;
        true
    }};
    ($request:ident (if $method:ident)) => {
        $request.$method()
    };
}

macro_rules! define {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(pub use crate::reply::$module::$request;)*

        // Bodies are encoded and decoded in one layout (`encode_body`, `decode_body`), and so are the parts of
        // answers. The first command with two versions needs both layouts and must select one by the version: in
        // these two methods, and where the agent and the client handle a part.
        $(
            const _: () = assert!(
                Command::$variant.has_one_version(),
                concat!($name, ": a second version needs a second layout, see the comment above"),
            );
        )*

        /// The commands, with their numbers on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Command {
            $(
                #[doc = concat!("`", $name, "`, requested with a [`", stringify!($request), "`].")]
                $variant = $number,
            )*
        }

        impl Command {
            /// Every command that this version knows.
            pub const ALL: [Command; [$($number),*].len()] = [$(Command::$variant),*];

            /// The name on the command line: `pprof-cpu`, `memstats`, …
            pub const fn name(self) -> &'static str {
                match self {
                    $(Command::$variant => $name,)*
                }
            }

            /// The name of its Rust modules: `pprof_cpu`.
            pub const fn module(self) -> &'static str {
                match self {
                    $(Command::$variant => stringify!($module),)*
                }
            }

            /// The versions of the command that this crate encodes and decodes.
            pub const fn versions(self) -> RangeInclusive<u16> {
                match self {
                    $(Command::$variant => $oldest..=$newest,)*
                }
            }

            /// Which commands can run at the same time.
            pub const fn load(self) -> Load {
                match self {
                    $(Command::$variant => Load::$load,)*
                }
            }

            /// Whether its answer contains bytes of the program's memory.
            pub const fn memory(self) -> MemoryUse {
                match self {
                    $(Command::$variant => MemoryUse::$memory,)*
                }
            }

            /// Whether it changes something in the program.
            pub const fn effect(self) -> Effect {
                match self {
                    $(Command::$variant => effect!($changes),)*
                }
            }
        }

        /// A request with its arguments.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Request {
            $(
                #[doc = concat!("See [`Command::", stringify!($variant), "`].")]
                $variant($request),
            )*
        }

        $(
            impl From<$request> for Request {
                fn from(arguments: $request) -> Request {
                    Request::$variant(arguments)
                }
            }

            impl Arguments for $request {
                const COMMAND: Command = Command::$variant;
                type Part = crate::reply::$module::$part;
            }
        )*

        impl Request {
            /// The command of this request.
            pub fn command(&self) -> Command {
                match self {
                    $(Request::$variant(_) => Command::$variant,)*
                }
            }

            /// Whether it changes something in the program. Then it is refused unless the program's author allowed
            /// the command (`Options::allow`).
            pub fn changes(&self) -> bool {
                match self {
                    $(Request::$variant(request) => changes!(request $changes),)*
                }
            }

            fn encode_body(&self) -> Result<Vec<u8>, EncodeError> {
                match self {
                    $(Request::$variant(arguments) => codec::encode(arguments),)*
                }
            }

            fn decode_body(command: Command, body: &[u8]) -> Result<Request, DecodeError> {
                Ok(match command {
                    $(Command::$variant => Request::$variant(codec::decode(body)?),)*
                })
            }
        }
    };
}

crate::commands!(define, all);

impl Command {
    /// The command with this number, if there is one.
    pub fn from_u16(number: u16) -> Option<Command> {
        Command::ALL.into_iter().find(|command| *command as u16 == number)
    }

    const fn has_one_version(self) -> bool {
        *self.versions().start() == *self.versions().end()
    }

    /// Whether at most one of these runs in a program at a time (`busy`).
    pub fn is_exclusive(self) -> bool {
        self.load() == Load::Exclusive
    }
}

impl Request {
    /// The request as it is sent, in one of the [`Command::versions`].
    ///
    /// # Errors
    /// [`EncodeError`], which no value of these types produces.
    pub fn to_envelope(&self, version: u16) -> Result<Envelope, EncodeError> {
        Ok(Envelope { command: self.command() as u16, version, body: self.encode_body()? })
    }

    /// Decodes the request in an envelope. No byte may follow the arguments: an ignored argument would lead to an
    /// answer to a different request.
    ///
    /// # Errors
    /// [`RequestError`], which states whether the command, the version or the body is invalid.
    pub fn from_envelope(envelope: &Envelope) -> Result<Request, RequestError> {
        let command =
            Command::from_u16(envelope.command).ok_or(RequestError::UnknownCommand(envelope.command))?;
        if !command.versions().contains(&envelope.version) {
            return Err(RequestError::UnknownVersion { command, version: envelope.version });
        }
        Ok(Request::decode_body(command, &envelope.body)?)
    }
}

//! What can be asked.
//!
//! A request travels as an [`Envelope`], whose body is decoded only once command and version are
//! known: so an unknown command is told apart from a malformed one and gets a typed answer.

use crate::codec::{self, Decode, DecodeError, Encode, EncodeError};

/// The commands, by their numbers on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Command {
    /// Every thread and its stack.
    Stack = 1,
    /// Process and allocator memory.
    Memstats = 2,
    /// Runtime numbers: threads, descriptors, Tokio runtimes, the agent's own cost.
    Stats = 3,
    /// How the program was built.
    Version = 4,
    /// A CPU profile.
    PprofCpu = 5,
    /// Threads' states, CPU samples and runtime counters over time.
    Trace = 6,
    /// Every task of the watched Tokio runtimes.
    Tasks = 7,
    /// Bytes of the program's memory, which the inspector needs to decode tasks.
    Read = 8,
    /// What the watched Tokio runtimes' schedulers do, a line an interval.
    Schedtrace = 9,
    /// A heap profile.
    PprofHeap = 10,
    /// Free memory is given back to the system. Changes something: denied unless allowed.
    Gc = 11,
    /// How often the heap is sampled. Setting it changes something: denied unless allowed.
    HeapRate = 12,
}

impl Command {
    /// Every command this version knows.
    pub const ALL: [Command; 12] = [
        Command::Stack,
        Command::Memstats,
        Command::Stats,
        Command::Version,
        Command::PprofCpu,
        Command::Trace,
        Command::Tasks,
        Command::Read,
        Command::Schedtrace,
        Command::PprofHeap,
        Command::Gc,
        Command::HeapRate,
    ];

    /// The command with this number, if there is one.
    pub fn from_u16(number: u16) -> Option<Command> {
        Command::ALL.into_iter().find(|command| *command as u16 == number)
    }

    /// Newest version of the command this crate encodes and decodes.
    pub fn version(self) -> u16 {
        1
    }

    /// The name people type: `pprof-cpu`, `memstats`, …
    pub fn name(self) -> &'static str {
        match self {
            Command::Stack => "stack",
            Command::Memstats => "memstats",
            Command::Stats => "stats",
            Command::Version => "version",
            Command::PprofCpu => "pprof-cpu",
            Command::Trace => "trace",
            Command::Tasks => "tasks",
            Command::Read => "read",
            Command::Schedtrace => "schedtrace",
            Command::PprofHeap => "pprof-heap",
            Command::Gc => "gc",
            Command::HeapRate => "heap-rate",
        }
    }

    /// Whether it is expensive: at most one of these runs in a program at a time (`busy`).
    pub fn is_exclusive(self) -> bool {
        matches!(self, Command::Stack | Command::PprofCpu | Command::Trace | Command::Tasks)
    }
}

/// The payload of a `Request` packet.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Envelope {
    /// [`Command`] as a number.
    pub command: u16,
    /// Version of the command; it fixes the layout of `body` and of the answer.
    pub version: u16,
    /// The command's own request, encoded: [`StackRequest`] and so on.
    pub body: Vec<u8>,
}

/// A request with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// See [`Command::Stack`].
    Stack(StackRequest),
    /// See [`Command::Memstats`].
    Memstats(MemstatsRequest),
    /// See [`Command::Stats`].
    Stats(StatsRequest),
    /// See [`Command::Version`].
    Version(VersionRequest),
    /// See [`Command::PprofCpu`].
    PprofCpu(PprofCpuRequest),
    /// See [`Command::Trace`].
    Trace(TraceRequest),
    /// See [`Command::Tasks`].
    Tasks(TasksRequest),
    /// See [`Command::Read`].
    Read(ReadRequest),
    /// See [`Command::Schedtrace`].
    Schedtrace(SchedtraceRequest),
    /// See [`Command::PprofHeap`].
    PprofHeap(PprofHeapRequest),
    /// See [`Command::Gc`].
    Gc(GcRequest),
    /// See [`Command::HeapRate`].
    HeapRate(HeapRateRequest),
}

/// Arguments of `stack`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct StackRequest {
    /// Frames kept of each stack, leaf first; the agent may keep fewer.
    pub max_depth: u32,
}

/// Arguments of `memstats`: none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MemstatsRequest {}

/// Arguments of `stats`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct StatsRequest {
    /// Window over which busy shares are measured, in milliseconds.
    pub window_ms: u32,
}

/// Arguments of `version`: none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct VersionRequest {}

/// Arguments of `pprof-cpu`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct PprofCpuRequest {
    /// How long to sample, in milliseconds.
    pub duration_ms: u64,
    /// Samples per second of a thread's CPU time.
    pub hz: u32,
}

/// Arguments of `trace`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceRequest {
    /// How long to trace, in milliseconds.
    pub duration_ms: u64,
    /// CPU samples per second of a thread's CPU time; 0 takes none.
    pub hz: u32,
    /// How often the states of threads are read, in microseconds; the agent may read less often.
    pub interval_us: u32,
}

/// Arguments of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TasksRequest {
    /// Bytes of each task's cell that are wanted; 0 lists the tasks without.
    pub max_cell_bytes: u32,
    /// Frames kept of each thread's stack, leaf first; 0 lists no threads.
    pub max_depth: u32,
}

/// Arguments of `read`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ReadRequest {
    /// What to read; at most [`MAX_READ_BYTES`] in all.
    pub ranges: Vec<MemoryRange>,
}

/// Arguments of `schedtrace`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceRequest {
    /// Time from one moment to the next, in milliseconds; the agent keeps it within its bounds.
    pub interval_ms: u32,
    /// Moments to tell, at least 1; 0 goes on until `Finish` or the hang-up.
    pub count: u32,
    /// Memory to read at each moment; at most [`MAX_MOMENT_BYTES`] in all, allowed where
    /// [`Command::Read`] is.
    pub ranges: Vec<MemoryRange>,
}

/// Arguments of `pprof-heap`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct PprofHeapRequest {
    /// How long to go on after the first snapshot, in milliseconds; 0 is that one snapshot alone.
    pub duration_ms: u64,
    /// Time from one snapshot to the next, in milliseconds; 0 takes none between the first and the
    /// last. The agent takes them no closer than 100 ms.
    pub interval_ms: u32,
    /// Whether each snapshot lists the sampled blocks that live, with their ages.
    pub live: bool,
}

/// Arguments of `gc`: none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GcRequest {}

/// Arguments of `heap-rate`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct HeapRateRequest {
    /// The mean number of bytes between two samples from now on, 0 for off; absent to ask for it only.
    pub set_bytes: Option<u64>,
}

/// Bytes one moment of `schedtrace` may ask for, over all its ranges: so that it fits a packet.
pub const MAX_MOMENT_BYTES: u64 = 256 * 1024;

/// Bytes one `read` may ask for, over all its ranges.
pub const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes one range of a `read` may ask for: so that what the agent allocates for it stays small.
pub const MAX_RANGE_BYTES: u32 = 64 * 1024;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MemoryRange {
    /// First address.
    pub avma: u64,
    /// Bytes, at most [`MAX_RANGE_BYTES`].
    pub length: u32,
}

/// Why an [`Envelope`] is no [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No command has this number.
    #[error("unknown command {0}")]
    UnknownCommand(u16),
    /// The command exists, its version does not.
    #[error("version {version} of {}, at most {} is known", command.name(), command.version())]
    UnknownVersion {
        /// The command asked for.
        command: Command,
        /// The version asked for.
        version: u16,
    },
    /// The body is no valid request.
    #[error(transparent)]
    Body(#[from] DecodeError),
}

impl Request {
    /// The command this asks.
    pub fn command(&self) -> Command {
        match self {
            Request::Stack(_) => Command::Stack,
            Request::Memstats(_) => Command::Memstats,
            Request::Stats(_) => Command::Stats,
            Request::Version(_) => Command::Version,
            Request::PprofCpu(_) => Command::PprofCpu,
            Request::Trace(_) => Command::Trace,
            Request::Tasks(_) => Command::Tasks,
            Request::Read(_) => Command::Read,
            Request::Schedtrace(_) => Command::Schedtrace,
            Request::PprofHeap(_) => Command::PprofHeap,
            Request::Gc(_) => Command::Gc,
            Request::HeapRate(_) => Command::HeapRate,
        }
    }

    /// Whether it changes something in the program: refused unless the program's author allowed the
    /// command (`Options::allow`).
    pub fn changes(&self) -> bool {
        match self {
            Request::Gc(_) => true,
            Request::HeapRate(arguments) => arguments.set_bytes.is_some(),
            _ => false,
        }
    }

    /// The request as it travels.
    ///
    /// # Errors
    /// [`EncodeError`], which no value of these types produces.
    pub fn to_envelope(&self) -> Result<Envelope, EncodeError> {
        let body = match self {
            Request::Stack(arguments) => codec::encode(arguments),
            Request::Memstats(arguments) => codec::encode(arguments),
            Request::Stats(arguments) => codec::encode(arguments),
            Request::Version(arguments) => codec::encode(arguments),
            Request::PprofCpu(arguments) => codec::encode(arguments),
            Request::Trace(arguments) => codec::encode(arguments),
            Request::Tasks(arguments) => codec::encode(arguments),
            Request::Read(arguments) => codec::encode(arguments),
            Request::Schedtrace(arguments) => codec::encode(arguments),
            Request::PprofHeap(arguments) => codec::encode(arguments),
            Request::Gc(arguments) => codec::encode(arguments),
            Request::HeapRate(arguments) => codec::encode(arguments),
        }?;
        let command = self.command();
        Ok(Envelope { command: command as u16, version: command.version(), body })
    }

    /// What an envelope asks.
    ///
    /// # Errors
    /// [`RequestError`], which says whether command, version or body is at fault.
    pub fn from_envelope(envelope: &Envelope) -> Result<Request, RequestError> {
        let command =
            Command::from_u16(envelope.command).ok_or(RequestError::UnknownCommand(envelope.command))?;
        if envelope.version != command.version() {
            return Err(RequestError::UnknownVersion { command, version: envelope.version });
        }
        let body = &envelope.body;
        Ok(match command {
            Command::Stack => Request::Stack(codec::decode(body)?),
            Command::Memstats => Request::Memstats(codec::decode(body)?),
            Command::Stats => Request::Stats(codec::decode(body)?),
            Command::Version => Request::Version(codec::decode(body)?),
            Command::PprofCpu => Request::PprofCpu(codec::decode(body)?),
            Command::Trace => Request::Trace(codec::decode(body)?),
            Command::Tasks => Request::Tasks(codec::decode(body)?),
            Command::Read => Request::Read(codec::decode(body)?),
            Command::Schedtrace => Request::Schedtrace(codec::decode(body)?),
            Command::PprofHeap => Request::PprofHeap(codec::decode(body)?),
            Command::Gc => Request::Gc(codec::decode(body)?),
            Command::HeapRate => Request::HeapRate(codec::decode(body)?),
        })
    }
}

//! What is answered, one module a command, and the pieces all answers share.
//!
//! Replies carry what the agent saw: addresses, counters, bytes. Names, lines and shares are made
//! by the inspector.

pub mod gc;
pub mod heap_rate;
pub mod memstats;
pub mod pprof_cpu;
pub mod pprof_heap;
pub mod read;
pub mod schedtrace;
pub mod stack;
pub mod stats;
pub mod tasks;
pub mod trace;
pub mod version;

use crate::codec::{Decode, Encode};

/// A value, or why it cannot be had and what would change that. Never a zero in its place.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Known<T> {
    /// The value.
    Value(T),
    /// Why there is none.
    Unavailable(Unavailable),
}

/// Why a value is missing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Unavailable {
    /// The reason, lower case, without a full stop.
    pub reason: String,
    /// What would make it available; empty when nothing would.
    pub fix: String,
}

impl<T> Known<T> {
    /// A missing value with its reason, and what would mend it.
    pub fn unavailable(reason: impl Into<String>, fix: impl Into<String>) -> Known<T> {
        Known::Unavailable(Unavailable { reason: reason.into(), fix: fix.into() })
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Value(value) => Some(value),
            Known::Unavailable(_) => None,
        }
    }

    /// The same with the value changed by `f`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Value(value) => Known::Value(f(value)),
            Known::Unavailable(missing) => Known::Unavailable(missing),
        }
    }
}

impl<T> From<std::io::Result<T>> for Known<T> {
    fn from(result: std::io::Result<T>) -> Known<T> {
        match result {
            Ok(value) => Known::Value(value),
            Err(error) => Known::unavailable(error.to_string(), ""),
        }
    }
}

/// How far a running command is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Progress {
    /// Time since the command began, in milliseconds.
    pub elapsed_ms: u64,
    /// When it will end, in milliseconds since it began; 0 when not known.
    pub total_ms: u64,
    /// Things gathered so far (samples, threads).
    pub gathered: u64,
}

/// The last packet of a good answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct End {
    /// Everything that is missing or approximate in this answer. Empty: it is complete.
    pub notes: Vec<Note>,
}

/// Something an answer lacks, counted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Note {
    /// What happened.
    pub kind: NoteKind,
    /// To what: `samples`, `threads`, `stacks`, …
    pub what: String,
    /// How many.
    pub count: u64,
    /// Why, lower case, without a full stop.
    pub why: String,
}

/// What happened to the things a [`Note`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum NoteKind {
    /// Lost: they are in no number of the answer.
    Dropped,
    /// Cut short.
    Truncated,
    /// Could not be captured; listed without their content.
    Missing,
    /// Present, but not exact.
    Approximate,
    /// The command ended before its time.
    EndedEarly,
}

/// A loaded ELF object.
///
/// `svma = avma - bias`. Two modules may share a path.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Module {
    /// Path as `/proc/self/maps` shows it, `[vdso]` included.
    pub path: String,
    /// Build-id, empty where the object has none.
    pub build_id: Vec<u8>,
    /// First mapped address.
    pub start_avma: u64,
    /// End of the last mapped address.
    pub end_avma: u64,
    /// Load bias: avma minus svma.
    pub bias: u64,
    /// Whether it has unwind data (`.eh_frame`); without, stacks through it follow frame pointers.
    pub has_unwind_data: bool,
}

/// A captured stack: leaf first. The first address is the program counter, the others are return
/// addresses (look up `address - 1`). Empty when nothing was captured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Stack {
    /// Addresses as they are in the running process (avma).
    pub frames: Vec<u64>,
    /// How the walk ended.
    pub end: StackEnd,
}

/// How a stack walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum StackEnd {
    /// At the outermost frame.
    Root,
    /// At the depth limit; frames nearer the root are missing.
    DepthLimit,
    /// At a frame whose caller cannot be found: no unwind data and no frame pointer, or stack
    /// memory that cannot be read.
    Lost,
    /// Nothing was captured.
    NotCaptured,
}

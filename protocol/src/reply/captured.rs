//! Stacks, and the modules that their addresses refer to.

use crate::codec::{Decode, Encode};
use crate::received::{PATH_CHARACTERS, Received, Speaker, fields, plain};

/// The maximum number of frames kept of a stack. Agents send at most 512.
pub const MAX_FRAMES: usize = 4096;

/// A loaded ELF object.
///
/// `svma = avma - bias`. Two modules may share a path.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Module {
    /// Path as in `/proc/self/maps`, also `[vdso]`.
    pub path: String,
    /// Build-id, empty if the object has none.
    pub build_id: Vec<u8>,
    /// First mapped address.
    pub start_avma: u64,
    /// End of the last mapped address.
    pub end_avma: u64,
    /// Load bias: avma minus svma.
    pub bias: u64,
    /// Whether it has unwind data (`.eh_frame`). Otherwise stacks through it follow frame pointers.
    pub has_unwind_data: bool,
}

/// A captured stack: leaf first. The first address is the program counter, the others are return
/// addresses (symbolize `address - 1`). Empty if the stack was not captured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Stack {
    /// Addresses in the running process (avma).
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
    /// At the depth limit: outer frames omitted.
    DepthLimit,
    /// At a frame whose caller cannot be found: it has neither unwind data nor a frame pointer, or stack
    /// memory cannot be read.
    Lost,
    /// The stack was not captured.
    NotCaptured,
}

fields! {
    Module { path: PATH_CHARACTERS, build_id, start_avma, end_avma, bias, has_unwind_data }
}

plain!(StackEnd);

impl Received for Stack {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let Stack { frames, end } = self;
        if frames.len() > MAX_FRAMES {
            frames.truncate(MAX_FRAMES);
            frames.shrink_to_fit();
            *end = StackEnd::DepthLimit;
        }
        frames.receive(speaker)
    }
}

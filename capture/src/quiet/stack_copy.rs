//! A copy of a stack, and the result of walking it.

/// Copied bytes of a stack.
pub(super) struct StackCopy<'b> {
    pub(super) start: u64,
    pub(super) bytes: &'b [u8],
    /// No further bytes are readable, or no more will be copied.
    pub(super) is_whole: bool,
}

impl StackCopy<'_> {
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nothing is walked"))]
    pub(super) fn word(&self, address: u64) -> Result<u64, Incomplete> {
        let at = address.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let word = at.and_then(|at| self.bytes.get(at..at.checked_add(8)?));
        let missing = if self.is_whole { Incomplete::Contradiction } else { Incomplete::Short };
        word.and_then(|word| word.try_into().ok()).map(u64::from_le_bytes).ok_or(missing)
    }
}

/// A stack walked to its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walked {
    /// Leaf first, at most `MAX_DEPTH`.
    pub(super) frames: Vec<u64>,
    /// Whether frames were omitted.
    pub(super) is_cut: bool,
}

/// Why a walk did not reach the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// More of the stack is needed.
    Short,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nothing is walked"))]
    /// No unwind data at this address, or only such that needs registers.
    NoRule(u64),
    /// Walking is not supported on this processor.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "it is walked"))]
    Processor,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nothing is walked"))]
    /// A frame pointer is needed at this address and cannot be determined.
    FramePointer(u64),
    /// The bytes cannot be a stack: a step does not go up, there is no end, it leaves its mapping, or a
    /// return address does not follow a call.
    Contradiction,
}

/// The position of a sleeping thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pc: u64,
    pub(super) sp: u64,
    /// It is in a system call, and so in its function's body. Otherwise it was stopped or took a page
    /// fault anywhere, possibly between the instructions of an epilogue.
    pub(super) in_system_call: bool,
}

//! A copied stack, and what a walk of it gives.

/// Bytes of a stack, copied.
pub(super) struct StackCopy<'b> {
    pub(super) start: u64,
    pub(super) bytes: &'b [u8],
    /// Nothing readable follows, or no more will be copied.
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
    /// Whether there were more.
    pub(super) is_cut: bool,
}

/// Why a walk did not get to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// More of the stack is needed.
    Short,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nothing is walked"))]
    /// No unwind data at this address, or of a kind that needs registers.
    NoRule(u64),
    /// Nothing is walked on this processor.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "it is walked"))]
    Processor,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "nothing is walked"))]
    /// A frame pointer is needed at this address, and cannot be told.
    FramePointer(u64),
    /// What was read cannot be a stack: it does not get shorter, has no end, leaves its mapping, or a
    /// return address is behind no call.
    Contradiction,
}

/// Where a sleeping thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pc: u64,
    pub(super) sp: u64,
    /// It is in a system call, so in the body of its function; otherwise it was stopped or took a page
    /// fault anywhere, also between the instructions that give the stack back.
    pub(super) in_system_call: bool,
}

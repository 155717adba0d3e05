//! What of the threads is shown.

/// What to show as text.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct View {
    /// Every thread separately, in the order of arrival.
    pub all: bool,
    /// Every frame, with whole paths, also of idle threads.
    pub verbose: bool,
    /// With escape sequences for a terminal.
    pub color: bool,
}

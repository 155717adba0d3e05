//! Work that can be stopped.

/// Says whether work is to end early: Ctrl-C, a page that was closed, a deadline. Long loops ask it regularly.
#[derive(Clone, Copy)]
pub struct Stop<'a>(&'a (dyn Fn() -> bool + Sync));

/// The work was stopped before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was stopped")]
pub struct Stopped;

impl<'a> Stop<'a> {
    /// Work ends when `should_stop` returns true.
    pub fn when(should_stop: &'a (dyn Fn() -> bool + Sync)) -> Stop<'a> {
        Stop(should_stop)
    }

    /// # Errors
    /// [`Stopped`] if the work is to end.
    pub fn check(&self) -> Result<(), Stopped> {
        if (self.0)() { Err(Stopped) } else { Ok(()) }
    }
}

impl Stop<'static> {
    /// Work is not stopped.
    pub fn never() -> Stop<'static> {
        Stop(&|| false)
    }
}

impl std::fmt::Debug for Stop<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Stop")
    }
}

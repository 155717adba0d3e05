//! Ctrl-C while profiles of programs are taken: one hook for all of them, because there is one Ctrl-C.

use std::sync::{Arc, Mutex, MutexGuard};

use rgops_inspect::session::Stopper;

use crate::exit::Failure;
use crate::terminal;

/// The programs that are profiled now. Ctrl-C ends all of these profiles early; without any it ends `rgops`.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    running: Vec<(u64, Stopper)>,
    next: u64,
    is_stopped: bool,
}

/// One of them; it is no longer one when this is dropped.
pub(super) struct Profiling<'r> {
    running: &'r Running,
    number: u64,
}

impl Running {
    /// Ctrl-C from now on.
    ///
    /// # Errors
    /// If Ctrl-C cannot be caught.
    pub(super) fn catch(&self) -> Result<(), Failure> {
        // Before the hook: it would replace it.
        terminal::allow_debuginfod()?;
        let running = self.clone();
        terminal::on_interrupt(move || {
            if !running.stop() {
                terminal::give_up();
            }
        })
    }

    /// Ends the profiles; false if there are none.
    fn stop(&self) -> bool {
        let stoppers: Vec<Stopper> = {
            let mut state = self.state();
            state.is_stopped = true;
            state.running.iter().map(|(_, stopper)| stopper.clone()).collect()
        };
        stoppers.iter().for_each(Stopper::stop);
        !stoppers.is_empty()
    }

    /// Counts a program that is profiled from now on. After Ctrl-C its profile ends at once, too.
    pub(super) fn begin(&self, stopper: Stopper) -> Profiling<'_> {
        let (number, is_stopped) = {
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            state.running.push((number, stopper.clone()));
            (number, state.is_stopped)
        };
        if is_stopped {
            stopper.stop();
        }
        Profiling { running: self, number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Profiling<'_> {
    fn drop(&mut self) {
        self.running.state().running.retain(|(number, _)| *number != self.number);
    }
}

//! Whether a signal asked to end: the terminal has to be given back first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by SIGTERM, SIGHUP and SIGINT. (Ctrl-C is a key here, because the terminal is in raw mode.)
#[derive(Debug)]
pub(super) struct Ended(Arc<AtomicBool>);

impl Ended {
    /// Catches the signals until the process ends.
    pub(super) fn watch() -> io::Result<Ended> {
        let flag = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT]
        {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Ended(flag))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

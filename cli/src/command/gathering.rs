//! Shows on standard error how far a command is that takes a while.

use std::io::IsTerminal as _;
use std::time::Duration;

use rgops_inspect::session::Progress;

use crate::terminal::{self, Bar};

/// A bar on a terminal, and one line where standard error is none.
pub(super) struct Gathering {
    /// What is done, as `Profiling CPU`.
    label: &'static str,
    /// What is counted, as `samples`.
    counted: &'static str,
    takes: Duration,
    bar: Option<Bar>,
}

impl Gathering {
    /// For a command that takes about so long.
    pub(super) fn new(label: &'static str, counted: &'static str, takes: Duration) -> Gathering {
        Gathering { label, counted, takes, bar: None }
    }

    /// Shows how far it is.
    pub(super) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Started => {
                if !std::io::stderr().is_terminal() {
                    let seconds = self.takes.as_secs_f64();
                    terminal::say(&format!("{} now, will take {seconds} secs...", self.label));
                }
                self.bar = Some(terminal::bar(self.label, self.takes));
            }
            Progress::Gathering { elapsed, total, gathered } => {
                if let Some(bar) = &self.bar {
                    bar.update(elapsed, total, &format!("{gathered} {}", self.counted));
                }
            }
            Progress::Naming => self.bar = None,
            _ => {}
        }
    }
}

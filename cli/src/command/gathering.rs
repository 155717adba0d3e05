//! Shows the progress of a long command on standard error.

use std::io::IsTerminal as _;
use std::time::Duration;

use rgops_inspect::session::Progress;

use crate::terminal::{self, Bar};

/// A progress bar on a terminal; one line if standard error is not a terminal.
pub(super) struct Gathering {
    /// The activity, such as `Profiling CPU`.
    label: &'static str,
    /// The unit of the count, such as `samples`.
    counted: &'static str,
    takes: Duration,
    bar: Option<Bar>,
}

impl Gathering {
    /// The progress of a command that takes about `takes`.
    pub(super) fn new(label: &'static str, counted: &'static str, takes: Duration) -> Gathering {
        Gathering { label, counted, takes, bar: None }
    }

    /// Shows the progress.
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

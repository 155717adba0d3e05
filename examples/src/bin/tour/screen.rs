//! One command of the tour: the command line, the answer cut to one screen, and an explanation.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rgops::exit::Exit;
use tokio::process::Command;
use tokio::time::timeout;

/// A command that takes longer is considered stuck.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The expected end of a command, and the sentence that explains it.
pub(crate) struct Screen<'a> {
    pub(crate) arguments: &'a [&'a str],
    /// The expected exit code; a partial answer counts as an answer.
    pub(crate) exit: Exit,
    pub(crate) see: &'a str,
}

impl Screen<'_> {
    /// The command as a user would type it.
    pub(crate) fn typed(&self) -> String {
        [&["rgops"], self.arguments].concat().join(" ")
    }

    /// Runs the command and shows it; returns whether it ended as expected.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn show(&self, rgops: &Path, lines: usize) -> io::Result<bool> {
        println!("\n$ {}", self.typed());
        let begin = Instant::now();
        let mut command = Command::new(rgops);
        command.args(self.arguments).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(output) = timeout(TIMEOUT, command.output()).await else {
            println!("*** no answer in {} s", TIMEOUT.as_secs());
            return Ok(false);
        };
        let (output, seconds) = (output?, begin.elapsed().as_secs_f64());
        print_cut(&String::from_utf8_lossy(&output.stdout), lines);
        print_cut(&String::from_utf8_lossy(&output.stderr), lines);
        let code = output.status.code();
        let ended = |exit: Exit| code == Some(exit as i32);
        let fine = ended(self.exit) || (self.exit == Exit::Success && ended(Exit::Partial));
        if fine {
            println!("=> {} ({seconds:.2} s)", self.see);
        } else {
            println!("*** unexpected: {}, not exit code {}", output.status, self.exit as i32);
        }
        Ok(fine)
    }
}

fn print_cut(text: &str, lines: usize) {
    let total = text.lines().count();
    // The note takes one line, so it must replace at least two.
    let shown = if total <= lines + 1 { total } else { lines };
    for line in text.lines().take(shown) {
        println!("  {line}");
    }
    if shown < total {
        println!("  … {} more lines", total - shown);
    }
}

//! One command of the tour: what is typed, the answer cut to a screenful, and what to see in it.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rgops::exit::Exit;
use tokio::process::Command;
use tokio::time::timeout;

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one command must do, and the sentence under it.
pub(crate) struct Screen<'a> {
    pub(crate) arguments: &'a [&'a str],
    /// How it must end; an answer in part is fine where an answer is.
    pub(crate) exit: Exit,
    pub(crate) see: &'a str,
}

impl Screen<'_> {
    /// The command as one would type it.
    pub(crate) fn typed(&self) -> String {
        [&["rgops"], self.arguments].concat().join(" ")
    }

    /// Runs the command and shows it; tells whether it did what it must.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn show(&self, rgops: &Path, lines: usize) -> io::Result<bool> {
        println!("\n$ {}", self.typed());
        let begin = Instant::now();
        let mut command = Command::new(rgops);
        command.args(self.arguments).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(output) = timeout(PATIENCE, command.output()).await else {
            println!("*** no answer in {} s", PATIENCE.as_secs());
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
    // A note of one line takes the place of at least two.
    let shown = if total <= lines + 1 { total } else { lines };
    for line in text.lines().take(shown) {
        println!("  {line}");
    }
    if shown < total {
        println!("  … {} more lines", total - shown);
    }
}

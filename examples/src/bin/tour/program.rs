//! A program that the tour started: its first lines and its end.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A running example. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

/// The time limit for an example to start.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Program {
    /// Starts it and prints the line that it announces itself with. Also waits for a line "ready" if it promises one.
    ///
    /// # Errors
    /// When it does not start, or ends early.
    pub(crate) async fn start(
        folder: &Path,
        name: &str,
        arguments: &[&str],
        says_ready: bool,
        agent: bool,
    ) -> io::Result<Program> {
        let mut command = Command::new(folder.join(name));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        // Overrides our own environment: the tour is about programs with an agent, except one.
        let switch = if agent {
            command.env_remove("RGOPS");
            ""
        } else {
            command.env("RGOPS", "off");
            "RGOPS=off "
        };
        println!("\n$ {switch}{} &", [&[name], arguments].concat().join(" "));
        let mut child = command.kill_on_drop(true).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut program = Program { name: name.to_owned(), child, output: BufReader::new(output).lines() };
        println!("{}", program.line().await?);
        if says_ready {
            program.line().await?;
        }
        Ok(program)
    }

    pub(crate) fn pid(&self) -> u32 {
        // `None` only after it was waited for, which we do at the very end.
        self.child.id().unwrap_or(0)
    }

    /// Asks it to end, and returns the rest of its output.
    ///
    /// # Errors
    /// When it does not end by itself.
    pub(crate) async fn stop(mut self) -> io::Result<Vec<String>> {
        self.signal(Signal::TERM);
        let mut rest = Vec::new();
        let read = async {
            while let Some(line) = self.output.next_line().await? {
                rest.push(line);
            }
            self.child.wait().await
        };
        match timeout(Duration::from_secs(10), read).await {
            Ok(status) => status.map(|_| rest),
            Err(_) => Err(io::Error::other(format!("{} did not end on SIGTERM", self.name))),
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        match timeout(TIMEOUT, self.output.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => Err(io::Error::other(format!("{} ended before it was ready", self.name))),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other(format!("{} is still not ready", self.name))),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            // Not reaped yet, so the pid is still its own. An error means that it has already ended.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Program {
    /// When the tour is interrupted: ask first, so the program removes its socket.
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

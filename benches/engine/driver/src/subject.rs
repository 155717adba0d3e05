//! A running subject, which is controlled by lines, and the list of engines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::Outcome;

/// A command that takes longer is considered stuck.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The engine that a subject is built with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Rgops,
    Libgcc,
    FramePointer,
    Framehop,
}

impl Engine {
    pub const ALL: [Engine; 4] = [Engine::Rgops, Engine::Libgcc, Engine::FramePointer, Engine::Framehop];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Rgops => "**rgops**",
            Engine::Libgcc => "`pprof`, libgcc (its default)",
            Engine::FramePointer => "`pprof`, `frame-pointer`¹",
            Engine::Framehop => "`pprof`, `framehop-unwinder`",
        }
    }

    /// The name in files and features.
    fn feature(self) -> &'static str {
        match self {
            Engine::Rgops => "agent",
            Engine::Libgcc => "libgcc",
            Engine::FramePointer => "frame-pointer",
            Engine::Framehop => "framehop",
        }
    }
}

/// The footnote of the rows that are marked with it.
pub const FRAME_POINTER_NOTE: &str =
    "¹ its program is built with `-C force-frame-pointers=yes`: without, this unwinder finds one frame.\n";

/// The subject of one engine; killed when dropped.
pub struct Subject {
    child: Child,
    lines: Receiver<String>,
}

impl Subject {
    pub fn start(programs: &Path, engine: Engine) -> Outcome<Subject> {
        let program = programs.join(format!("subject-{}", engine.feature()));
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut subject = Subject { child, lines };
        subject.answer("its start")?;
        Ok(subject)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one line and waits for the answer.
    pub fn ask(&mut self, command: &str) -> Outcome<String> {
        let input = self.child.stdin.as_mut().ok_or("it has no input")?;
        // A write error means that the subject died; the reason is reported below.
        let _ = writeln!(input, "{command}");
        self.answer(command)
    }

    pub fn ask_number(&mut self, command: &str) -> Outcome<f64> {
        let answer = self.ask(command)?;
        answer.parse().map_err(|_| format!("`{command}` was answered by {answer}").into())
    }

    fn answer(&mut self, command: &str) -> Outcome<String> {
        match self.lines.recv_timeout(TIMEOUT) {
            Ok(answer) => match answer.strip_prefix("error: ") {
                Some(error) => Err(error.into()),
                None => Ok(answer),
            },
            Err(RecvTimeoutError::Timeout) => Err(format!("hung at `{command}`").into()),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                Err(match status.signal() {
                    Some(signal) => format!("ended by signal {signal} at `{command}`").into(),
                    None => format!("ended with {status} at `{command}`").into(),
                })
            }
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

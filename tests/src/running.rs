//! Running programs: a target that is killed when the test ends, and one run of `rgops`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::built;
use crate::program::{self, Program};

/// A started program. Killed when dropped.
#[derive(Debug)]
pub struct Running(Program);

impl Running {
    /// Starts a program and reads its first line.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(program: &Path, arguments: &[&str]) -> Running {
        Running::run(Command::new(program).args(arguments))
    }

    /// The same for an existing command.
    ///
    /// # Panics
    /// When it does not start.
    pub fn run(command: &mut Command) -> Running {
        let mut running = Running::run_unread(command);
        running.line();
        running
    }

    /// The same without reading a line.
    ///
    /// # Panics
    /// When it does not start.
    pub fn run_unread(command: &mut Command) -> Running {
        Running(Program::start(command))
    }

    /// The same for a program that also prints a line "ready", and waits for that line.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start_and_wait(program: &Path, arguments: &[&str]) -> Running {
        let mut running = Running::start(program, arguments);
        assert_eq!(running.line(), "ready");
        running
    }

    /// Ends it with SIGINT and waits for its end; returns whether its exit status is a failure.
    ///
    /// # Panics
    /// When the signal cannot be sent, or it does not end.
    pub fn interrupt(&mut self) -> bool {
        self.0.signal("INT");
        !self.0.wait().success()
    }

    /// Sends it a signal by name, such as `INT`.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        self.0.signal(name);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// The next line it prints.
    ///
    /// # Panics
    /// When it ended, or prints no line.
    pub fn line(&mut self) -> String {
        self.0.line()
    }

    /// CPU time of its threads by name, in nanoseconds; the sum for threads with the same name.
    ///
    /// # Panics
    /// When the kernel keeps no scheduler statistics.
    pub fn thread_clocks(&self) -> Vec<(String, u64)> {
        let mut clocks: Vec<(String, u64)> = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs") {
            let task = task.expect("it runs").path();
            // A thread may end meanwhile.
            let (Ok(name), Ok(clock)) =
                (fs::read_to_string(task.join("comm")), fs::read_to_string(task.join("schedstat")))
            else {
                continue;
            };
            let name = name.trim_end().to_owned();
            let clock = clock.split(' ').next().and_then(|word| word.parse().ok()).expect("a number");
            match clocks.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += clock,
                None => clocks.push((name, clock)),
            }
        }
        clocks
    }
}

/// The result of `rgops`.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; see `rgops --help`.
    pub code: i32,
    /// What it printed.
    pub output: String,
    /// Its standard error.
    pub errors: String,
    /// The duration, including the start of the process.
    pub took: Duration,
}

impl Answer {
    /// Its output as JSON.
    ///
    /// # Panics
    /// When the output is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `rgops`, built in release.
///
/// # Panics
/// When it does not start, is killed, or does not end.
pub fn rgops(arguments: &[&str]) -> Answer {
    let program = built::release("rgops");
    let begin = Instant::now();
    // Whoever runs the tests may have it set; then names would come from the network.
    let output = program::finished(Command::new(program).args(arguments).env_remove("DEBUGINFOD_URLS"));
    Answer {
        took: begin.elapsed(),
        code: output.status.code().expect("rgops is not killed"),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

//! Running programs: a target that is killed when the test ends, and one question asked by `rgops`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::built;

/// A started program. Killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a program that prints a first line when it is there, and reads that line.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(program: &Path, arguments: &[&str]) -> Running {
        Running::run(Command::new(program).args(arguments))
    }

    /// The same for a command that is made already.
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
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Running { child, output }
    }

    /// The same for a program that prints a line "ready" as well, and waits for it.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start_and_wait(program: &Path, arguments: &[&str]) -> Running {
        let mut running = Running::start(program, arguments);
        assert_eq!(running.line(), "ready");
        running
    }

    /// Ends it as Ctrl-C does and waits for its end; tells whether it calls that a failure.
    ///
    /// # Panics
    /// When no signal can be sent.
    pub fn interrupt(&mut self) -> bool {
        let sent = Command::new("kill").args(["-INT", &self.pid().to_string()]).status();
        assert!(sent.expect("kill is there").success());
        !self.child.wait().expect("it is our child").success()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line it prints.
    ///
    /// # Panics
    /// When it ended.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it is a pipe");
        assert!(line.ends_with('\n'), "the program ended: {:?}", self.child.wait());
        line.trim_end().to_owned()
    }

    /// CPU time of each of its threads by name, in nanoseconds; of threads with the same name, the sum.
    ///
    /// # Panics
    /// When the kernel keeps no scheduler statistics.
    pub fn thread_clocks(&self) -> Vec<(String, u64)> {
        let mut clocks: Vec<(String, u64)> = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs") {
            let task = task.expect("it runs").path();
            // A thread may end in between.
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

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `rgops` answered.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; see `rgops --help`.
    pub code: i32,
    /// What it printed.
    pub output: String,
    /// What it complained about.
    pub errors: String,
    /// How long it took, its own start included.
    pub took: Duration,
}

impl Answer {
    /// Its output as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks with `rgops`, built in release.
///
/// # Panics
/// When it does not start, or is killed.
pub fn rgops(arguments: &[&str]) -> Answer {
    let program = built::release("rgops");
    let begin = Instant::now();
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("rgops starts");
    Answer {
        took: begin.elapsed(),
        code: output.status.code().expect("rgops is not killed"),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

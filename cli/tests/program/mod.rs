//! Runs the real `rgops`, and target programs for it: the test's own executable, started again with
//! [`TARGET_VARIABLE`] set.

#![allow(dead_code, reason = "not every test uses every part")]

use std::path::Path;
use std::process::{Command, Output};

use rgops_tests::program::Program;
pub(crate) use rgops_tests::program::finished;

/// Set in a target program, to its behaviour: `agent`, `plain`, or `directory:PATH`.
pub(crate) const TARGET_VARIABLE: &str = "RGOPS_TEST_TARGET";

/// Runs as a target program. Each test file has an ignored test that calls it.
pub(crate) fn run_target() {
    let Ok(what) = std::env::var(TARGET_VARIABLE) else { return };
    let options = match what.split_once(':') {
        Some(("directory", path)) => Some(rgops_agent::Options::default().directory(path)),
        _ if what == "agent" => Some(rgops_agent::Options::default()),
        _ => None,
    };
    let agent = options.map(|options| rgops_agent::listen(options).unwrap());
    println!("\nready {}", agent.is_some());
    let mut line = String::new();
    // Ends when the test that started it closes the pipe.
    let _ = std::io::stdin().read_line(&mut line);
    std::process::exit(0);
}

/// A target program, killed when dropped.
pub(crate) struct Target(Program);

impl Target {
    /// Starts a target that does `what`; `command` runs this executable, maybe through a wrapper.
    pub(crate) fn start_by(mut command: Command, what: &str) -> Target {
        command
            .args(["--ignored", "--exact", "target", "--nocapture", "--test-threads=1"])
            .env(TARGET_VARIABLE, what);
        let mut program = Program::start(&mut command);
        assert!(program.line_behind("ready ").is_some(), "the target ended before it was ready");
        Target(program)
    }

    /// Starts a target that does `what`, with its socket in `directory`.
    pub(crate) fn start(what: &str, directory: &Path) -> Target {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("RGOPS_DIR", directory);
        Target::start_by(command, what)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Kills it with SIGKILL and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }
}

/// A private directory of mode 0700, removed when dropped.
pub(crate) struct Directory(rgops_tests::directory::Directory);

impl Directory {
    pub(crate) fn new() -> Directory {
        Directory(rgops_tests::directory::Directory::private())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Runs `rgops` with `arguments`, without environment variables that change its behaviour.
pub(crate) fn rgops(arguments: &[&str]) -> Output {
    let mut rgops = Command::new(env!("CARGO_BIN_EXE_rgops"));
    rgops.args(arguments);
    for variable in ["RGOPS_DIR", "RGOPS_TOKEN", "NO_COLOR", "COLUMNS"] {
        rgops.env_remove(variable);
    }
    finished(&mut rgops)
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Copies this executable.
pub(crate) fn copy_of_this(to: &Path) {
    rgops_tests::built::copy(&std::env::current_exe().unwrap(), to);
}

//! Runs the real `rgops`, and programs with an agent for it to find: this test's own executable,
//! started again with [`TARGET_VARIABLE`] set.

#![allow(dead_code, reason = "not every test uses every part")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Set in a started program: what it shall do. `agent`, `plain`, or `directory:PATH`.
pub(crate) const TARGET_VARIABLE: &str = "RGOPS_TEST_TARGET";

/// The whole of a started program; each test file has an ignored test that calls it.
pub(crate) fn be_a_target() {
    let Ok(what) = std::env::var(TARGET_VARIABLE) else { return };
    let options = match what.split_once(':') {
        Some(("directory", path)) => Some(rgops_agent::Options::default().directory(path)),
        _ if what == "agent" => Some(rgops_agent::Options::default()),
        _ => None,
    };
    let agent = options.map(|options| rgops_agent::listen(options).unwrap());
    println!("\nready {}", agent.is_some());
    let mut line = String::new();
    // Ends with the test that started it: the pipe closes.
    let _ = std::io::stdin().read_line(&mut line);
    std::process::exit(0);
}

/// A started program, killed when dropped.
pub(crate) struct Target {
    child: Child,
}

impl Target {
    /// Starts this executable as a target that does `what`, by `command` (which may wrap it).
    pub(crate) fn start_by(mut command: Command, what: &str) -> Target {
        let mut child = command
            .args(["--ignored", "--exact", "target", "--nocapture", "--test-threads=1"])
            .env(TARGET_VARIABLE, what)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().find(|line| line.as_ref().is_ok_and(|line| line.starts_with("ready ")));
        assert!(ready.is_some(), "the target ended before it was ready");
        // Kept open, or its writes fail.
        std::mem::forget(lines);
        Target { child }
    }

    /// Starts this executable with its sockets in `directory`.
    pub(crate) fn start(what: &str, directory: &Path) -> Target {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("RGOPS_DIR", directory);
        Target::start_by(command, what)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as `kill -9` does and waits for that.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory of mode 0700 of this test, removed when dropped.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        use std::os::unix::fs::DirBuilderExt;
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rgops-cli-test-{}-{number}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `rgops` with `arguments` and no variables that change what it does.
pub(crate) fn rgops(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rgops"))
        .args(arguments)
        .env_remove("RGOPS_DIR")
        .env_remove("RGOPS_TOKEN")
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
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

/// Copies this executable. By cp(1): a descriptor of ours that is open for writing would be inherited by
/// what another test starts meanwhile, and the copy could not be executed as long (ETXTBSY of execve(2)).
pub(crate) fn copy_of_this(to: &Path) {
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(to).status().unwrap();
    assert!(copied.success(), "cp to {}: {copied}", to.display());
}

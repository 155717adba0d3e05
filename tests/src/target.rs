//! Controls the program `target`; see `src/bin/target.rs` for its orders.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use crate::directory::Directory;
use crate::program::Program;

/// A started `target`. Killed when dropped.
#[derive(Debug)]
pub struct Target {
    program: Program,
    errors: File,
}

impl Target {
    /// Starts it. Its sockets are in `directory`, unless an order changes that.
    pub fn start(directory: &Directory) -> Target {
        Target::start_with(directory, |_| {})
    }

    /// The same, with a changed command.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(directory: &Directory, change: impl FnOnce(&mut Command)) -> Target {
        Target::run(directory, Command::new(executable()), change)
    }

    /// The same, with another program that obeys orders.
    ///
    /// # Panics
    /// When it does not start.
    pub fn run(directory: &Directory, mut command: Command, change: impl FnOnce(&mut Command)) -> Target {
        command.env("RGOPS_DIR", directory.sockets()).env_remove("RGOPS").env_remove("RGOPS_TOKEN");
        change(&mut command);
        let errors = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(directory.unused("errors"))
            .expect("a file of ours");
        let stderr = errors.try_clone().expect("a descriptor");
        command.stderr(stderr);
        // SAFETY: close_range(2) is async-signal-safe, and so is reading errno.
        unsafe {
            command.pre_exec(|| {
                // The target must not inherit descriptors that the test process inherited.
                match libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            });
        }
        let mut target = Target { program: Program::start(&mut command), errors };
        assert_eq!(target.line(), "ready");
        target
    }

    /// Sends an order and reads its answer.
    ///
    /// # Panics
    /// When it ended.
    pub fn order(&mut self, order: &str) -> String {
        self.send(order);
        self.line()
    }

    /// Sends an order without reading its answer.
    ///
    /// # Panics
    /// When it ended.
    pub fn send(&mut self, order: &str) {
        self.program.send(order);
    }

    /// The next line of its output.
    ///
    /// # Panics
    /// When it ended.
    pub fn line(&mut self) -> String {
        match self.program.next_line() {
            Some(line) => line,
            None => panic!("it ended: {}\n{}", self.program.wait(), self.errors()),
        }
    }

    /// Makes it listen; returns the path of the local socket, or the TCP address if there is no local socket.
    ///
    /// # Panics
    /// When it fails.
    pub fn listen(&mut self, options: &str) -> String {
        let answer = self.order(&format!("listen {options}"));
        let address = answer.strip_prefix("listening ").unwrap_or_else(|| panic!("{answer}"));
        address.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Makes it listen on TCP also; returns the TCP address.
    ///
    /// # Panics
    /// When it fails.
    pub fn listen_tcp(&mut self, options: &str) -> String {
        let answer = self.order(&format!("listen {options}"));
        assert!(answer.starts_with("listening "), "{answer}");
        answer.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// What it wrote to standard error so far.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.errors.seek(SeekFrom::Start(0)).expect("a file");
        self.errors.read_to_string(&mut errors).expect("it writes text");
        errors
    }

    /// Lets it end by itself: `main` returns at the end of its standard input.
    ///
    /// # Panics
    /// When waiting for it fails.
    pub fn end(&mut self) -> ExitStatus {
        self.program.end_orders();
        self.program.wait()
    }

    /// Kills it with SIGKILL, and waits for its end.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Stops it first, so its agent cannot recreate the socket; then removes the socket and kills it.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn stop_and_kill(&mut self, socket: &str) {
        // SAFETY: kill(2) takes numbers. The child was not waited for, so the pid is still its own.
        unsafe { libc::kill(self.pid() as libc::pid_t, libc::SIGSTOP) };
        fs::remove_file(socket).expect("it was there");
        self.kill();
    }

    /// The program's descriptors by number and their targets, sorted. The agent's are not among them: it has its own
    /// table.
    ///
    /// # Panics
    /// When it ended.
    pub fn descriptors(&self) -> Vec<(String, PathBuf)> {
        descriptors(&format!("/proc/{}/fd", self.pid()))
    }

    /// The agent's descriptors: those of its own threads, which no thread of the program has.
    ///
    /// # Panics
    /// When it has no agent.
    pub fn agents_descriptors(&self) -> Vec<(String, PathBuf)> {
        let thread = self.agent_thread().expect("it listens");
        descriptors(&format!("/proc/{}/task/{thread}/fd", self.pid()))
    }

    /// The descriptors of both.
    ///
    /// # Panics
    /// When it has no agent.
    pub fn all_descriptors(&self) -> Vec<(String, PathBuf)> {
        let agents = self.agents_descriptors().into_iter();
        let agents = agents.map(|(number, what)| (format!("the agent's {number}"), what));
        self.descriptors().into_iter().chain(agents).collect()
    }

    /// The descriptors of both, once the agent is idle.
    ///
    /// # Panics
    /// When the agent does not get idle.
    pub fn settled_descriptors(&self) -> Vec<(String, PathBuf)> {
        crate::waiting::until("the agent settles", || {
            let before = self.all_descriptors();
            std::thread::sleep(std::time::Duration::from_millis(50));
            (self.all_descriptors() == before).then_some(before)
        })
    }

    /// Ids and names of its threads, sorted.
    ///
    /// # Panics
    /// When it ended.
    pub fn threads(&self) -> Vec<(u32, String)> {
        let mut threads: Vec<_> = fs::read_dir(format!("/proc/{}/task", self.pid()))
            .expect("it runs")
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = fs::read_to_string(entry.path().join("comm")).ok()?;
                Some((entry.file_name().to_str()?.parse().ok()?, name.trim_end().to_owned()))
            })
            .collect();
        threads.sort();
        threads
    }

    /// The id of the agent's thread.
    pub fn agent_thread(&self) -> Option<u32> {
        self.threads().into_iter().find(|(_, name)| name == "rgops-agent").map(|(id, _)| id)
    }

    /// A field of `/proc/PID/status`, or of a thread's status.
    ///
    /// # Panics
    /// When it ended, or the field is missing.
    pub fn status(&self, thread: Option<u32>, field: &str) -> String {
        let pid = self.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/task/{}/status", thread.unwrap_or(pid)));
        let status = status.expect("it runs");
        let found = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        found.unwrap_or_else(|| panic!("no {field} in {status}")).trim().to_owned()
    }

    /// Whether the program has a handler for this signal.
    ///
    /// # Panics
    /// When it ended.
    pub fn handles(&self, signal: i32) -> bool {
        let caught = u64::from_str_radix(&self.status(None, "SigCgt"), 16).expect("a set of signals");
        caught >> (signal - 1) & 1 == 1
    }
}

fn descriptors(directory: &str) -> Vec<(String, PathBuf)> {
    let mut descriptors: Vec<_> = fs::read_dir(directory)
        .expect("it runs")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().into_string().ok()?, fs::read_link(entry.path()).ok()?))
        })
        .collect();
    descriptors.sort();
    descriptors
}

/// The program `sampled_target`, with a wrapped allocator.
///
/// # Panics
/// When the caller is not a test.
pub fn sampled() -> PathBuf {
    executable().with_file_name("sampled_target")
}

/// Cargo builds it before the tests, in the folder above theirs: `TARGET/debug/{target,deps/test}`.
///
/// # Panics
/// When the caller is not a test.
pub fn executable() -> PathBuf {
    let own = env::current_exe().expect("a test has an executable");
    let deps = own.ancestors().find(|folder| folder.ends_with("deps")).expect("cargo's layout");
    deps.parent().expect("cargo's layout").join("target")
}

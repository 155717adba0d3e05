//! The program `target` under a test's orders; see `src/bin/target.rs` for what it understands.

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
    /// Starts it with its sockets in `directory`, unless an order says otherwise.
    pub fn start(directory: &Directory) -> Target {
        Target::start_with(directory, |_| {})
    }

    /// The same after `change` made the command another.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(directory: &Directory, change: impl FnOnce(&mut Command)) -> Target {
        Target::run(directory, Command::new(executable()), change)
    }

    /// The same with another program that takes orders.
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
                // Whoever runs the tests may leave descriptors to everyone: not to the target.
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

    /// Gives an order and reads its answer.
    ///
    /// # Panics
    /// When it ended.
    pub fn order(&mut self, order: &str) -> String {
        self.send(order);
        self.line()
    }

    /// Gives an order whose answer is read later, or never.
    ///
    /// # Panics
    /// When it ended.
    pub fn send(&mut self, order: &str) {
        self.program.send(order);
    }

    /// The next line it prints.
    ///
    /// # Panics
    /// When it ended.
    pub fn line(&mut self) -> String {
        match self.program.next_line() {
            Some(line) => line,
            None => panic!("it ended: {}\n{}", self.program.wait(), self.errors()),
        }
    }

    /// Has it listen; the local socket's path, or the TCP address when there is none.
    ///
    /// # Panics
    /// When it fails.
    pub fn listen(&mut self, options: &str) -> String {
        let answer = self.order(&format!("listen {options}"));
        let address = answer.strip_prefix("listening ").unwrap_or_else(|| panic!("{answer}"));
        address.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Has it listen on TCP as well; the TCP address.
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

    /// Lets it end by itself: the end of its orders is the end of `main`.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn end(&mut self) -> ExitStatus {
        self.program.end_orders();
        self.program.wait()
    }

    /// Ends it as `kill -9` does, and waits for that.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Stops it, so that its agent makes nothing anew, takes its socket's name away, and ends it.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn kill_unseen(&mut self, socket: &str) {
        // SAFETY: kill(2) takes numbers; the child is ours and was not waited for.
        unsafe { libc::kill(self.pid() as libc::pid_t, libc::SIGSTOP) };
        fs::remove_file(socket).expect("it was there");
        self.kill();
    }

    /// What its descriptors are, by number, sorted: the program's, which the agent has no part in.
    ///
    /// # Panics
    /// When it ended.
    pub fn descriptors(&self) -> Vec<(String, PathBuf)> {
        descriptors(&format!("/proc/{}/fd", self.pid()))
    }

    /// What the agent's descriptors are: those of its own thread, which no thread of the program has.
    ///
    /// # Panics
    /// When it has no agent.
    pub fn agents_descriptors(&self) -> Vec<(String, PathBuf)> {
        let thread = self.agent_thread().expect("it listens");
        descriptors(&format!("/proc/{}/task/{thread}/fd", self.pid()))
    }

    /// All of both.
    ///
    /// # Panics
    /// When it has no agent.
    pub fn all_descriptors(&self) -> Vec<(String, PathBuf)> {
        let agents = self.agents_descriptors().into_iter();
        let agents = agents.map(|(number, what)| (format!("the agent's {number}"), what));
        self.descriptors().into_iter().chain(agents).collect()
    }

    /// All of both, once the agent has ended what it was at.
    ///
    /// # Panics
    /// When it never does.
    pub fn settled_descriptors(&self) -> Vec<(String, PathBuf)> {
        crate::waiting::until("the agent settles", || {
            let before = self.all_descriptors();
            std::thread::sleep(std::time::Duration::from_millis(50));
            (self.all_descriptors() == before).then_some(before)
        })
    }

    /// Its threads: id and name, sorted.
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

    /// Id of the agent's thread.
    pub fn agent_thread(&self) -> Option<u32> {
        self.threads().into_iter().find(|(_, name)| name == "rgops-agent").map(|(id, _)| id)
    }

    /// A field of `/proc/PID/status`, or of a thread's.
    ///
    /// # Panics
    /// When it ended, or there is no such field.
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

/// The same with a wrapped allocator.
///
/// # Panics
/// When the caller is no test.
pub fn sampled() -> PathBuf {
    executable().with_file_name("sampled_target")
}

/// Cargo builds it before the tests, beside their own folder: `TARGET/debug/{target,deps/test}`.
///
/// # Panics
/// When the caller is no test.
pub fn executable() -> PathBuf {
    let own = env::current_exe().expect("a test has an executable");
    let deps = own.ancestors().find(|folder| folder.ends_with("deps")).expect("cargo's layout");
    deps.parent().expect("cargo's layout").join("target")
}

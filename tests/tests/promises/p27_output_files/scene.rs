//! A program, a folder for output files, and the commands that write there.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::skip_unless;

/// The commands that write a file. They run for ten minutes unless they are refused.
pub(super) const COMMANDS: [&[&str]; 3] = [
    &["pprof-cpu", "--duration", "600"],
    &["pprof-heap", "--duration", "600"],
    &["trace", "--duration", "600"],
];

/// The commands that also work without a wrapped allocator, with a short duration.
pub(super) const SHORT: [&[&str]; 2] = [&["pprof-cpu", "--duration", "0.2"], &["trace", "--duration", "0.2"]];

pub(super) const CTRL_C: i32 = libc::SIGINT;

/// A complete answer, or one without a millisecond of CPU time that a busy machine did not sample (exit code 6).
pub(super) fn is_answer(code: Option<i32>) -> bool {
    [Some(0), Some(6)].contains(&code)
}

/// A program that computes, and a folder for files.
pub(super) struct Scene {
    _directory: Directory,
    pub(super) target: Target,
    pub(super) path: String,
    pub(super) files: PathBuf,
}

impl Scene {
    pub(super) fn new() -> Scene {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.order("burn");
        let path = target.listen("");
        let files = directory.path().join("files");
        fs::create_dir(&files).unwrap();
        Scene { _directory: directory, target, path, files }
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    pub(super) fn command(&self, arguments: &[&str], output: &Path) -> Command {
        let mut command = Command::new(built::release("rgops"));
        command.args(arguments).arg(&self.path).arg("--output").arg(output);
        command.current_dir(&self.files).env_remove("RGOPS_TOKEN");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Under nohup(1) SIGHUP is ignored in the tests, and would be in their children.
        let restore_sighup = || {
            // SAFETY: signal(2) is async-signal-safe. It sets the disposition that the new program starts with.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes one system call and touches no memory.
        unsafe { command.pre_exec(restore_sighup) };
        command
    }

    pub(super) fn run(&self, arguments: &[&str], output: &Path) -> Output {
        self.command(arguments, output).output().unwrap()
    }

    pub(super) fn names(&self) -> Vec<String> {
        names(&self.files)
    }

    /// Whether the agent is taking a profile or a trace.
    pub(super) fn is_captured(&self) -> bool {
        self.target.handles(libc::SIGPROF)
    }
}

/// Killed when dropped.
pub(super) struct Running(Option<Child>);

impl Running {
    pub(super) fn start(mut command: Command) -> Running {
        Running(Some(command.spawn().unwrap()))
    }

    pub(super) fn signal(&self, signal: i32) {
        send(self.0.as_ref().unwrap().id(), signal);
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    pub(super) fn end(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal to a child that was not waited for.
pub(super) fn send(pid: u32, signal: i32) {
    // SAFETY: kill(2) takes numbers and touches no memory.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(super) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether `text` contains the table of a command.
pub(super) fn has_table(text: &str) -> bool {
    text.contains("flat%") || text.contains("runnable")
}

pub(super) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// Creates a second node for a device, so the tests do not touch the machine's own.
pub(super) fn make_device(path: &Path, minor: u32) {
    // SAFETY: mknod(2) reads the path, which ends with NUL and lives until the call returns.
    let made = unsafe { libc::mknod(c_path(path).as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, minor)) };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
}

pub(super) fn make_pipe(path: &Path) {
    // SAFETY: mkfifo(3) reads the path, which ends with NUL and lives until the call returns.
    assert_eq!(unsafe { libc::mkfifo(c_path(path).as_ptr(), 0o666) }, 0);
}

/// A tmpfs, unmounted when dropped; `None` if mounting is not allowed.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    pub(super) fn new(path: PathBuf, options: &str) -> Option<Mounted> {
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        (!skip_unless(is_mounted, "mount(8) as root")).then_some(Mounted(path))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

/// The identity of the file at a path, to detect changes.
pub(super) fn identity(path: &Path) -> Option<(u64, u64, u64, u32, u64)> {
    let found = path.symlink_metadata().ok()?;
    Some((found.dev(), found.ino(), found.rdev(), found.mode(), found.len()))
}

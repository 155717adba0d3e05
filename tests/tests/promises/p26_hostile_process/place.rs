//! A place for one test: the hostile process, the files that must not change, and rgops runs against it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::running::Running;

use super::command::{Ended, HANGS, Started};

const NOBODY: u32 = 65_534;

/// One command against one shape.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) shape: &'static str,
    pub(super) command: &'static str,
    pub(super) arguments: Vec<&'static str>,
    pub(super) writes: bool,
}

impl Run {
    pub(super) fn new(
        shape: &'static str,
        (command, own, writes): (&'static str, &'static [&'static str], bool),
        more: &[&'static str],
    ) -> Run {
        Run { shape, command, arguments: [own, more].concat(), writes }
    }

    /// The memory limit in KiB.
    pub(super) fn limit_kib(&self) -> u64 {
        let limited = self.arguments.contains(&"--max-memory");
        if limited { 192 << 10 } else { 1 << 20 }
    }
}

/// A folder with canaries, the hostile executable, and a place to run commands in.
pub(super) struct Place {
    pub(super) directory: Directory,
    pub(super) executable: PathBuf,
    pub(super) untouched: BTreeMap<PathBuf, (u64, u64, i64, i64, u32)>,
}

impl Place {
    pub(super) fn new() -> Place {
        let directory = Directory::new();
        let path = |name: &str| directory.path().join(name);
        for folder in ["canaries", "run", "cache", "outputs"] {
            fs::create_dir(path(folder)).unwrap();
        }
        fs::write(path("canaries/secret"), "root's own").unwrap();
        fs::set_permissions(path("canaries/secret"), Permissions::from_mode(0o600)).unwrap();
        symlink(path("canaries/secret"), path("canaries/link")).unwrap();
        let made = Command::new("mkfifo").arg(path("canaries/fifo")).status().unwrap();
        assert!(made.success());
        let executable = hostile_executable(&directory);
        let mut place = Place { directory, executable, untouched: BTreeMap::new() };
        place.untouched = place.canaries();
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn unused(&self, name: &str) -> PathBuf {
        let unused = self.directory.unused(name);
        self.path("outputs").join(unused.file_name().unwrap())
    }

    /// The files that must not be touched, with their current properties.
    pub(super) fn canaries(&self) -> BTreeMap<PathBuf, (u64, u64, i64, i64, u32)> {
        let entries = fs::read_dir(self.path("canaries")).unwrap().flatten();
        let described = |path: PathBuf| {
            let about = fs::symlink_metadata(&path).unwrap();
            (path, (about.ino(), about.size(), about.mtime(), about.ctime(), about.mode()))
        };
        entries.map(|entry| described(entry.path())).collect()
    }

    pub(super) fn is_untouched(&self) {
        assert_eq!(self.canaries(), self.untouched);
        let strangers: Vec<_> = fs::read_dir(self.path("run")).unwrap().flatten().collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }

    /// Starts the process, which listens.
    pub(super) fn hostile(&self, shape: &str) -> Running {
        let sockets = self.directory.unused(shape);
        fs::create_dir(&sockets).unwrap();
        fs::set_permissions(&sockets, Permissions::from_mode(0o700)).unwrap();
        chown(&sockets, Some(NOBODY), Some(NOBODY)).unwrap();
        let mut command = Command::new(&self.executable);
        command.arg(shape).uid(NOBODY).gid(NOBODY).current_dir("/").stderr(Stdio::null());
        command.env("RGOPS_DIR", sockets).env_remove("RGOPS");
        command.env("HOSTILE_FIFO", self.path("canaries/fifo"));
        command.env("HOSTILE_LINK", self.path("canaries/link"));
        // Nearly as long as the kernel allows for one argument (MAX_ARG_STRLEN, 128 KiB), several times.
        let long = OsString::from_vec([b"\x1b[2J\n\xff\xfe\xe2\x80\xae", &[b'x'; 100_000][..]].concat());
        command.args([&long, &long, &long, &long]);
        for number in 0..4 {
            command.env(format!("LONG{number}"), &long);
        }
        let mut running = Running::run_unread(&mut command);
        assert_eq!(running.line(), "ready");
        running
    }

    /// Runs all combinations, several at the same time, and reports all that failed.
    pub(super) fn run_all(&self, runs: Vec<Run>) {
        let mut shapes: BTreeMap<&str, Running> = BTreeMap::new();
        for run in &runs {
            shapes.entry(run.shape).or_insert_with(|| self.hostile(run.shape));
        }
        let pids: BTreeMap<&str, String> =
            shapes.iter().map(|(shape, running)| (*shape, running.pid().to_string())).collect();
        let left = Mutex::new(runs);
        let failed = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    loop {
                        let Some(run) = left.lock().unwrap().pop() else { return };
                        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            self.run_one(&run, &pids[run.shape]);
                        }));
                        if caught.is_err() {
                            failed.lock().unwrap().push(format!("{} of {}", run.command, run.shape));
                        }
                    }
                });
            }
        });
        let failed = failed.into_inner().unwrap();
        assert!(failed.is_empty(), "{failed:?}");
        self.is_untouched();
    }

    pub(super) fn run_one(&self, run: &Run, pid: &str) {
        let output = self.unused("file");
        let mut arguments = vec![run.command, pid];
        arguments.extend(&run.arguments);
        if run.writes {
            arguments.extend(["--output", output.to_str().unwrap()]);
        }
        let ended = self.rgops(&arguments, HANGS);
        let what = format!("{} {:?} of {}", run.command, run.arguments, run.shape);
        println!("{what}: {:?}, {} MiB, {:.1} s", ended.code, ended.peak_kib >> 10, ended.took.as_secs_f64());
        ended.is_harmless(&what, run.limit_kib());
        let expected: &[i32] = match run.shape {
            "silence" | "no-hello" => &[5],
            "progress" | "drip" => &[5, 6],
            "another-pid" => &[3, 4],
            "long-error" => &[4, 6],
            _ => &[0, 1, 3, 4, 5, 6],
        };
        let code = ended.code.unwrap();
        assert!(expected.contains(&code), "{what}: {code}, {}", ended.errors);
        if !run.writes {
            assert!(!output.exists());
        }
    }

    pub(super) fn rgops(&self, arguments: &[&str], hangs: Duration) -> Ended {
        let measured = self.unused("measured");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostile"));
        command.arg("measure").arg(&measured).arg(built::release("rgops"));
        self.run(command, arguments, Some(measured)).end(hangs)
    }

    pub(super) fn start(&self, arguments: &[&str]) -> Started {
        self.run(Command::new(built::release("rgops")), arguments, None)
    }

    pub(super) fn run(&self, mut command: Command, arguments: &[&str], measured: Option<PathBuf>) -> Started {
        let (output, errors) = (self.unused("stdout"), self.unused("stderr"));
        command.args(arguments).current_dir(self.path("run")).stdin(Stdio::null());
        command.env("HOME", self.path("cache")).env("XDG_CACHE_HOME", self.path("cache"));
        command.env_remove("RGOPS_TOKEN").env_remove("RGOPS_DIR");
        command.stdout(File::create(&output).unwrap()).stderr(File::create(&errors).unwrap());
        let child = command.spawn().unwrap();
        Started { child: Some(child), began: Instant::now(), output, errors, measured }
    }
}

/// The program with a name of the maximum length, and a compiler's version of 70,000 digits.
fn hostile_executable(directory: &Directory) -> PathBuf {
    let comment = directory.path().join("comment");
    let version = [b"rustc version \x1b[31m".as_slice(), &[b'9'; 70_000], b"\0"].concat();
    fs::write(&comment, version).unwrap();
    let name = OsString::from_vec([b"\x1b[31m\n\xe2\x80\xae".as_slice(), &[b'n'; 200]].concat());
    let executable = directory.path().join(&name);
    let section: OsString = [OsStr::new(".comment="), comment.as_os_str()].into_iter().collect();
    let copied = Command::new("objcopy")
        .args([OsStr::new("--update-section"), &section])
        .arg(env!("CARGO_BIN_EXE_hostile"))
        .arg(&executable)
        .status();
    assert!(copied.expect("objcopy of binutils").success());
    fs::set_permissions(&executable, Permissions::from_mode(0o755)).unwrap();
    executable
}

//! Promise 26: root's rgops opens, follows and trusts nothing that a foreign process names without checking it first.
//! Every answer has a memory budget and a deadline.
//!
//! The process (`tests/src/bin/hostile`) runs as another user. Its executable has a name, a compiler's version,
//! arguments and variables that are as long and as harmful as the system allows, and its socket answers with one of
//! many shapes of attack. Each command must end in time, within its memory limit, with an exit code of the table,
//! without a panic, and without touching any file except its output. By default only some combinations run, with a
//! low memory limit; `RGOPS_LONG=1` runs all of them with rgops' own limit.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::running::Running;
use rgops_tests::waiting::{is_root, skip_unless, until};

const NOBODY: u32 = 65_534;

/// A command that takes longer is considered stuck.
const HANGS: Duration = Duration::from_secs(90);

/// The commands that connect to an agent, with their arguments, and whether they write a file. `leaks` and similar
/// commands run only for a moment.
const COMMANDS: [(&str, &[&str], bool); 11] = [
    ("stack", &[], false),
    ("tasks", &["--all"], false),
    ("pprof-cpu", &["--duration", "0.2"], true),
    ("pprof-heap", &[], true),
    ("pprof-heap", &["--duration", "0.2"], true),
    ("trace", &["--duration", "0.2", "--all"], true),
    ("leaks", &["--duration", "0.2"], false),
    ("schedtrace", &["--count", "3", "--interval", "20ms"], false),
    ("stats", &["--duration", "20ms", "--all"], false),
    ("memstats", &["--verbose"], false),
    ("version", &["--deps"], false),
];

/// Shapes whose answers end.
const ENDING: [&str; 8] =
    ["texts", "long-error", "half", "counts", "another-pid", "after-end", "notes", "extremes"];
/// Shapes whose answers never end, and cost only time.
const WAITING: [&str; 4] = ["progress", "silence", "no-hello", "drip"];
/// Shapes whose answers never end, and cost memory.
const FLOODING: [&str; 4] = ["tiny", "amplified", "distinct", "modules"];

#[test]
fn roots_commands_survive_every_hostile_answer() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let is_long = std::env::var_os("RGOPS_LONG").is_some();
    let place = Place::new();
    let mut runs = Vec::new();
    for shape in ENDING {
        for asking in COMMANDS {
            runs.push(Run::new(shape, asking, &["--timeout", "5"]));
            if is_long || matches!(shape, "texts" | "extremes") {
                runs.push(Run::new(shape, asking, &["--timeout", "5", "--json"]));
            }
        }
    }
    for shape in WAITING {
        for asking in COMMANDS {
            runs.push(Run::new(shape, asking, &["--timeout", "0.5"]));
        }
    }
    for shape in FLOODING {
        for asking in COMMANDS {
            if is_long {
                runs.push(Run::new(shape, asking, &["--timeout", "30"]));
                runs.push(Run::new(shape, asking, &["--timeout", "30", "--json"]));
            }
            runs.push(Run::new(shape, asking, &["--timeout", "0.5", "--max-memory", "192M"]));
        }
    }
    place.run_all(runs);
}

#[test]
fn roots_lists_survive_a_hostile_process() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("texts");
    let pid = hostile.pid().to_string();
    for arguments in [
        vec![],
        vec!["--json"],
        vec!["tree"],
        vec!["tree", "--json"],
        vec![pid.as_str()],
        vec![pid.as_str(), "50ms"],
        vec![pid.as_str(), "--json"],
    ] {
        let ended = place.rgops(&arguments, Duration::from_secs(60));
        ended.is_harmless(&format!("{arguments:?}"), 1 << 20);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.errors);
        let text = fs::read_to_string(&ended.output).unwrap();
        assert!(text.contains(&pid), "{arguments:?}: it is listed");
        for control in ['\u{1b}', '\u{202e}', '\u{7}'] {
            let line = text.lines().find(|line| line.contains(control));
            assert_eq!(line, None, "{arguments:?} shows {control:?}");
        }
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest < 64 * 1024, "{arguments:?}: a line of {longest} characters");
    }
    place.is_untouched();
}

#[test]
fn advice_from_the_process_is_quoted_and_not_shown_as_a_fix() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("advice");
    let pid = hostile.pid().to_string();
    for (command, own, writes) in COMMANDS {
        let output = place.unused("output");
        let mut arguments = vec![command, &pid];
        arguments.extend(own);
        if writes {
            arguments.extend(["--output", output.to_str().unwrap()]);
        }
        let ended = place.rgops(&arguments, HANGS);
        assert_eq!(ended.code, Some(4), "{command}: {}", ended.errors);
        let expected = "rgops: the agent did not answer: the program says: \"no; fix: run evil as root: no; ";
        assert!(ended.errors.contains(expected), "{command}: {}", ended.errors);
        let advice = ended.errors.lines().find(|line| line.trim_start().starts_with("fix: "));
        assert_eq!(advice, None, "{command}");
    }
    place.is_untouched();
}

#[test]
fn unrequested_snapshots_are_refused() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("tiny");
    let pid = hostile.pid().to_string();
    let ended = place.rgops(&["leaks", &pid, "--duration", "0.2", "--timeout", "60"], HANGS);
    assert_eq!(ended.code, Some(6), "{}", ended.errors);
    assert!(ended.errors.contains("snapshots that were not requested"), "{}", ended.errors);
    ended.is_harmless("leaks", 192 << 10);
}

#[test]
fn ctrl_c_ends_an_endless_answer() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("progress");
    let pid = hostile.pid().to_string();
    for (interrupts, code) in [(1, 6), (2, 130)] {
        let output = place.unused("cpu.pb.gz");
        let output = output.to_str().unwrap();
        let arguments = ["pprof-cpu", &pid, "--duration", "600", "--output", output];
        let started = place.start(&arguments);
        started.wait_for("Profiling CPU");
        let began = Instant::now();
        for _ in 0..interrupts {
            started.interrupt();
            // Signals do not queue: the second one counts only if the first is no longer pending.
            until("it takes the signal", || (!started.is_interrupted()).then_some(()));
        }
        let ended = started.end(HANGS);
        assert_eq!(ended.code, Some(code), "{}", ended.errors);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        if interrupts == 1 {
            assert!(ended.errors.contains("did not stop within 5 s of the request"), "{}", ended.errors);
            assert!(Path::new(output).exists(), "what came is saved");
        }
    }
}

#[test]
fn an_incomplete_answer_is_reported_and_its_data_is_shown() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("progress");
    let pid = hostile.pid().to_string();
    let nothing_came = place.rgops(&["memstats", &pid, "--timeout", "0.5"], HANGS);
    assert_eq!(nothing_came.code, Some(5), "{}", nothing_came.errors);
    assert!(
        nothing_came.errors.contains("the answer was not complete after 0.5 s"),
        "{}",
        nothing_came.errors
    );
    assert!(nothing_came.errors.contains("fix: wait longer with --timeout"), "{}", nothing_came.errors);

    let output = place.unused("trace");
    let arguments =
        ["trace", &pid, "--duration", "0.2", "--timeout", "0.5", "--output", output.to_str().unwrap()];
    let some_came = place.rgops(&arguments, HANGS);
    assert_eq!(some_came.code, Some(6), "{}", some_came.errors);
    let waited = some_came.errors.split("the answer was not complete after ").nth(1);
    let waited: f64 = waited.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or_default();
    // The duration and the timeout together. A busy machine adds to them, but the default timeout is 10 s.
    assert!((0.7..5.0).contains(&waited), "{}", some_came.errors);
    assert!(fs::read_to_string(&some_came.output).unwrap().contains("window "), "the table is there");
    assert!(fs::metadata(&output).unwrap().len() > 0);
}

#[test]
fn the_memory_limit_is_reported_and_the_data_until_then_is_shown() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("distinct");
    let pid = hostile.pid().to_string();
    let output = place.unused("cpu.pb.gz");
    let output = output.to_str().unwrap();
    for command in ["stack", "tasks", "pprof-cpu"] {
        let mut arguments = vec![command, &pid, "--timeout", "60", "--max-memory", "192M"];
        if command == "pprof-cpu" {
            arguments.extend(["--output", output]);
        }
        let ended = place.rgops(&arguments, HANGS);
        assert_eq!(ended.code, Some(6), "{command}: {}", ended.errors);
        let expected = "the memory limit of 192 MiB was reached";
        assert!(ended.errors.contains(expected), "{command}: {}", ended.errors);
        assert!(ended.errors.contains("--max-memory"), "{command}: {}", ended.errors);
        assert!(fs::metadata(&ended.output).unwrap().len() > 0, "{command} shows what came");
        ended.is_harmless(command, 192 << 10);
    }
}

/// One command against one shape.
#[derive(Clone)]
struct Run {
    shape: &'static str,
    command: &'static str,
    arguments: Vec<&'static str>,
    writes: bool,
}

impl Run {
    fn new(
        shape: &'static str,
        (command, own, writes): (&'static str, &'static [&'static str], bool),
        more: &[&'static str],
    ) -> Run {
        Run { shape, command, arguments: [own, more].concat(), writes }
    }

    /// The memory limit in KiB.
    fn limit_kib(&self) -> u64 {
        let limited = self.arguments.contains(&"--max-memory");
        if limited { 192 << 10 } else { 1 << 20 }
    }
}

/// A folder with canaries, the hostile executable, and a place to run commands in.
struct Place {
    directory: Directory,
    executable: PathBuf,
    untouched: BTreeMap<PathBuf, (u64, u64, i64, i64, u32)>,
}

impl Place {
    fn new() -> Place {
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

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn unused(&self, name: &str) -> PathBuf {
        let unused = self.directory.unused(name);
        self.path("outputs").join(unused.file_name().unwrap())
    }

    /// The files that must not be touched, with their current properties.
    fn canaries(&self) -> BTreeMap<PathBuf, (u64, u64, i64, i64, u32)> {
        let entries = fs::read_dir(self.path("canaries")).unwrap().flatten();
        let described = |path: PathBuf| {
            let about = fs::symlink_metadata(&path).unwrap();
            (path, (about.ino(), about.size(), about.mtime(), about.ctime(), about.mode()))
        };
        entries.map(|entry| described(entry.path())).collect()
    }

    fn is_untouched(&self) {
        assert_eq!(self.canaries(), self.untouched);
        let strangers: Vec<_> = fs::read_dir(self.path("run")).unwrap().flatten().collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }

    /// Starts the process, which listens.
    fn hostile(&self, shape: &str) -> Running {
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
    fn run_all(&self, runs: Vec<Run>) {
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

    fn run_one(&self, run: &Run, pid: &str) {
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

    fn rgops(&self, arguments: &[&str], hangs: Duration) -> Ended {
        let measured = self.unused("measured");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostile"));
        command.arg("measure").arg(&measured).arg(built::release("rgops"));
        self.run(command, arguments, Some(measured)).end(hangs)
    }

    fn start(&self, arguments: &[&str]) -> Started {
        self.run(Command::new(built::release("rgops")), arguments, None)
    }

    fn run(&self, mut command: Command, arguments: &[&str], measured: Option<PathBuf>) -> Started {
        let (output, errors) = (self.unused("stdout"), self.unused("stderr"));
        command.args(arguments).current_dir(self.path("run")).stdin(Stdio::null());
        command.env("HOME", self.path("cache")).env("XDG_CACHE_HOME", self.path("cache"));
        command.env_remove("RGOPS_TOKEN").env_remove("RGOPS_DIR");
        command.stdout(File::create(&output).unwrap()).stderr(File::create(&errors).unwrap());
        let child = command.spawn().unwrap();
        Started { child: Some(child), began: Instant::now(), output, errors, measured }
    }
}

/// A running command; killed when dropped.
struct Started {
    child: Option<Child>,
    began: Instant,
    output: PathBuf,
    errors: PathBuf,
    /// The file with its status and memory.
    measured: Option<PathBuf>,
}

/// How a command ended.
struct Ended {
    /// `None` if a signal ended it.
    code: Option<i32>,
    peak_kib: u64,
    took: Duration,
    output: PathBuf,
    errors: String,
}

impl Started {
    fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id() as i32
    }

    fn interrupt(&self) {
        // SAFETY: kill(2) takes numbers. The child was not waited for, so the pid is still its own.
        assert_eq!(unsafe { libc::kill(self.pid(), libc::SIGINT) }, 0);
    }

    /// Whether SIGINT is pending. False if the command has ended.
    fn is_interrupted(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
        u64::from_str_radix(pending.trim(), 16).unwrap() & 1 << (libc::SIGINT - 1) != 0
    }

    /// Waits until it prints this on standard error.
    fn wait_for(&self, text: &str) {
        while !fs::read_to_string(&self.errors).unwrap().contains(text) {
            assert!(self.began.elapsed() < HANGS);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end, and returns its peak memory.
    fn end(mut self, hangs: Duration) -> Ended {
        let child = self.child.as_mut().unwrap();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(self.began.elapsed() < hangs, "it hangs");
            thread::sleep(Duration::from_millis(5));
        };
        let measured = self.measured.as_ref().map(|file| fs::read_to_string(file).unwrap());
        let (status, peak_kib) = match &measured {
            Some(measured) => {
                let (status, peak) = measured.split_once(' ').unwrap();
                (ExitStatus::from_raw(status.parse().unwrap()), peak.parse().unwrap())
            }
            None => (status, 0),
        };
        Ended {
            code: status.code(),
            peak_kib,
            took: self.began.elapsed(),
            output: self.output.clone(),
            errors: fs::read(&self.errors)
                .map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(16_384)]).into_owned())
                .unwrap(),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ended {
    fn is_harmless(&self, what: &str, limit_kib: u64) {
        let code = self.code.unwrap_or_else(|| panic!("{what}: ended by a signal; {}", self.errors));
        assert!((0..=6).contains(&code), "{what}: {code}, {}", self.errors);
        assert!(!self.errors.contains("panicked"), "{what}: {}", self.errors);
        assert!(!self.errors.contains('\u{1b}') && !self.errors.contains('\u{202e}'), "{what}");
        assert!(self.peak_kib < limit_kib, "{what}: {} MiB at most", self.peak_kib >> 10);
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

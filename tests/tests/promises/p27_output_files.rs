//! Promise 27: a command writes only its output file, complete or not at all. It replaces only regular files, and
//! only with --force. A file that cannot be written is refused before the request is sent. The result is printed
//! whatever happens to the file.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rgops_tests::asking::counters;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless, until};

/// The commands that write a file. They run for ten minutes unless they are refused.
const COMMANDS: [&[&str]; 3] = [
    &["pprof-cpu", "--duration", "600"],
    &["pprof-heap", "--duration", "600"],
    &["trace", "--duration", "600"],
];

/// The commands that also work without a wrapped allocator, with a short duration.
const SHORT: [&[&str]; 2] = [&["pprof-cpu", "--duration", "0.2"], &["trace", "--duration", "0.2"]];

const CTRL_C: i32 = libc::SIGINT;

/// A complete answer, or one without a millisecond of CPU time that a busy machine did not sample (exit code 6).
fn is_answer(code: Option<i32>) -> bool {
    [Some(0), Some(6)].contains(&code)
}

/// A program that computes, and a folder for files.
struct Scene {
    _directory: Directory,
    target: Target,
    path: String,
    files: PathBuf,
}

impl Scene {
    fn new() -> Scene {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.order("burn");
        let path = target.listen("");
        let files = directory.path().join("files");
        fs::create_dir(&files).unwrap();
        Scene { _directory: directory, target, path, files }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    fn command(&self, arguments: &[&str], output: &Path) -> Command {
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

    fn run(&self, arguments: &[&str], output: &Path) -> Output {
        self.command(arguments, output).output().unwrap()
    }

    fn names(&self) -> Vec<String> {
        names(&self.files)
    }

    /// Whether the agent is taking a profile or a trace.
    fn is_captured(&self) -> bool {
        self.target.handles(libc::SIGPROF)
    }
}

/// Killed when dropped.
struct Running(Option<Child>);

impl Running {
    fn start(mut command: Command) -> Running {
        Running(Some(command.spawn().unwrap()))
    }

    fn signal(&self, signal: i32) {
        send(self.0.as_ref().unwrap().id(), signal);
    }

    fn has_ended(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    fn end(mut self) -> Output {
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
fn send(pid: u32, signal: i32) {
    // SAFETY: kill(2) takes numbers and touches no memory.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether `text` contains the table of a command.
fn has_table(text: &str) -> bool {
    text.contains("flat%") || text.contains("runnable")
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// Creates a second node for a device, so the tests do not touch the machine's own.
fn make_device(path: &Path, minor: u32) {
    // SAFETY: mknod(2) reads the path, which ends with NUL and lives until the call returns.
    let made = unsafe { libc::mknod(c_path(path).as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, minor)) };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
}

fn make_pipe(path: &Path) {
    // SAFETY: mkfifo(3) reads the path, which ends with NUL and lives until the call returns.
    assert_eq!(unsafe { libc::mkfifo(c_path(path).as_ptr(), 0o666) }, 0);
}

/// A tmpfs, unmounted when dropped; `None` if mounting is not allowed.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, options: &str) -> Option<Mounted> {
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
fn identity(path: &Path) -> Option<(u64, u64, u64, u32, u64)> {
    let found = path.symlink_metadata().ok()?;
    Some((found.dev(), found.ino(), found.rdev(), found.mode(), found.len()))
}

#[test]
fn an_unwritable_file_is_refused_before_the_request() {
    let scene = Scene::new();
    let at = |name: &str| scene.at(name);
    if skip_unless(is_root(), "root") {
        return;
    }
    make_device(&at("device"), 3);
    make_pipe(&at("pipe"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("file"), "old").unwrap();
    symlink("file", at("link")).unwrap();
    symlink("device", at("link to the device")).unwrap();
    symlink("ring", at("ring")).unwrap();
    symlink("missing/file", at("dangling")).unwrap();
    symlink("file", at("foreign")).unwrap();
    symlink("directory", at("foreign-directory")).unwrap();
    for link in ["foreign", "foreign-directory"] {
        // SAFETY: lchown(2) reads the path, which ends with NUL and lives until the call returns.
        assert_eq!(unsafe { libc::lchown(c_path(&at(link)).as_ptr(), 65534, 65534) }, 0);
    }
    let Some(read_only) = Mounted::new(at("read-only"), "size=64k,ro") else { return };

    let always = [
        ("device", 2, "it is a device", "--output - > "),
        ("link to the device", 2, "it is a device", "--output - > "),
        ("pipe", 2, "it is a pipe", "--output - > "),
        ("socket", 2, "it is a socket", "another --output"),
        ("directory", 2, "it is a directory", "a file in it"),
        ("file/", 2, "it is a directory", "a file in it"),
        ("foreign", 2, "it is a symbolic link of uid 65534", "name it: --output "),
        ("foreign-directory/x", 2, "foreign-directory is a symbolic link of uid 65534", "/directory/x"),
        ("ring", 1, "Too many levels", "another --output"),
        ("dangling", 2, "No such file", "create the directory first"),
        ("missing/file", 2, "No such file", "create the directory first"),
        ("file/below", 2, "Not a directory", "create the directory first"),
        ("read-only/file", 4, "Read-only file system", "this user can write"),
        ("/dev/stdout", 2, "it is an open file of this process", "--output - for"),
    ];
    let unforced = [
        ("file", 2, "the file already exists", "--force"),
        ("link", 2, "the file already exists", "--force"),
    ];
    let before = scene.names();
    let asked = counters(&scene.path).requests;
    let mut runs = 0;
    for command in COMMANDS {
        for force in [&[][..], &["--force"]] {
            let unforced = unforced.iter().filter(|_| force.is_empty());
            for &(name, exit, why, fix) in always.iter().chain(unforced) {
                let path = at(name);
                let was = identity(&path);
                let output = scene.run(&[command, force].concat(), &path);
                let errors = stderr(&output);
                assert_eq!(output.status.code(), Some(exit), "{command:?} {name}: {errors}");
                assert!(errors.contains(why) && errors.contains("fix: "), "{command:?} {name}: {errors}");
                assert!(errors.contains(fix), "{command:?} {name}: {errors}");
                assert_eq!(identity(&path), was, "{command:?} {name}");
                runs += 1;
            }
        }
    }
    assert_eq!(runs, COMMANDS.len() * (2 * always.len() + unforced.len()));
    assert_eq!(scene.names(), before);
    assert_eq!(fs::read(at("file")).unwrap(), b"old");
    assert_eq!(counters(&scene.path).requests, asked + 1, "only this test asked");
    drop(read_only);
}

#[test]
fn links_are_followed_and_the_real_path_is_reported() {
    let scene = Scene::new();
    let real = scene.files.canonicalize().unwrap();
    fs::create_dir(scene.at("there")).unwrap();
    for command in SHORT {
        fs::write(scene.at("there/file"), "old").unwrap();
        fs::set_permissions(scene.at("there/file"), Permissions::from_mode(0o644)).unwrap();
        for (link, leads_to, force) in
            [("link", "there/file", &["--force"][..]), ("dangling", "there/new", &[])]
        {
            symlink(leads_to, scene.at(link)).unwrap();
            let output = scene.run(&[command, force].concat(), &scene.at(link));
            assert!(is_answer(output.status.code()), "{}", stderr(&output));
            let expected = format!(" saved to: {}\n", real.join(leads_to).display());
            assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
            assert_eq!(fs::read_link(scene.at(link)).unwrap(), Path::new(leads_to));
            let written = fs::metadata(scene.at(leads_to)).unwrap();
            assert!(written.len() > 100);
            assert_eq!(written.mode() & 0o777, 0o600, "no other user may read it, even if they could before");
            fs::remove_file(scene.at(link)).unwrap();
            fs::remove_file(scene.at(leads_to)).unwrap();
        }
    }
}

#[test]
fn a_full_disk_loses_the_file_but_not_the_answer() {
    let scene = Scene::new();
    if skip_unless(is_root(), "root") {
        return;
    }
    let Some(_disk) = Mounted::new(scene.at("disk"), "size=64k") else { return };
    let Err(full) = fs::write(scene.at("disk/filler"), vec![1; 1 << 20]) else { panic!("a larger disk") };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    for command in SHORT {
        let output = scene.run(command, &scene.at("disk/file"));
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(has_table(&stdout(&output)), "{command:?}: {}\n{errors}", stdout(&output));
        assert!(errors.contains("No space left") && errors.contains("the file is lost"), "{errors}");
        assert!(errors.contains("fix: free some space") && !errors.contains("saved to"), "{errors}");
        assert_eq!(names(&scene.at("disk")), ["filler"]);

        let output = scene.run(&[command, &["--json"]].concat(), &scene.at("disk/file"));
        assert_eq!(output.status.code(), Some(1));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(json["file"].is_null() && json["schema"].is_string(), "{json}");
    }
}

/// By default SIGXFSZ would end the command.
#[test]
fn a_file_size_limit_loses_the_file_but_not_the_answer() {
    let scene = Scene::new();
    for arguments in SHORT {
        let rgops = scene.command(arguments, &scene.at("file"));
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -f 0; exec \"$@\"", "sh"])
            .arg(rgops.get_program())
            .args(rgops.get_args());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(has_table(&stdout(&output)) && stderr(&output).contains("ulimit -f"), "{output:?}");
        assert_eq!(scene.names(), [""; 0]);
    }
}

#[test]
fn a_signal_during_the_capture_leaves_no_partial_file() {
    let scene = Scene::new();
    fs::write(scene.at("old"), "old").unwrap();
    for (name, force) in [("new", &[][..]), ("old", &["--force"])] {
        for signal in [CTRL_C, libc::SIGTERM, libc::SIGHUP, libc::SIGKILL] {
            for command in [COMMANDS[0], COMMANDS[2]] {
                let command = scene.command(&[command, force].concat(), &scene.at(name));
                let mut running = Running::start(command);
                until("it captures", || scene.is_captured().then_some(()));
                assert_eq!(scene.names(), ["old"]);
                // Stopped, so that the first Ctrl-C, which requests an early end, is not answered.
                send(scene.target.pid(), libc::SIGSTOP);
                until("it ended", || {
                    running.signal(signal);
                    running.has_ended().then_some(())
                });
                send(scene.target.pid(), libc::SIGCONT);
                let output = running.end();
                let expected = (signal == CTRL_C).then_some(130);
                assert_eq!(output.status.code(), expected, "{output:?}");
                assert_eq!(scene.names(), ["old"]);
                assert_eq!(fs::read(scene.at("old")).unwrap(), b"old");
                until("the capture is over", || (!scene.is_captured()).then_some(()));
            }
        }
    }
}

#[test]
fn a_file_that_appears_meanwhile_is_kept_and_the_new_one_gets_another_name() {
    let scene = Scene::new();
    for command in [COMMANDS[0], COMMANDS[2]] {
        let running = Running::start(scene.command(command, &scene.at("file")));
        until("it captures", || scene.is_captured().then_some(()));
        fs::write(scene.at("file"), "of somebody else").unwrap();
        running.signal(CTRL_C);
        let output = running.end();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(has_table(&stdout(&output)), "{}", stdout(&output));
        assert!(errors.contains(&format!("saved as {}", scene.at("file.1").display())), "{errors}");
        assert_eq!(fs::read(scene.at("file")).unwrap(), b"of somebody else");
        assert!(fs::metadata(scene.at("file.1")).unwrap().len() > 100);
        assert_eq!(scene.names(), ["file", "file.1"]);
        fs::remove_file(scene.at("file")).unwrap();
        fs::remove_file(scene.at("file.1")).unwrap();
    }
}

#[test]
fn a_dash_writes_the_file_to_standard_output_and_the_table_to_standard_error() {
    let scene = Scene::new();
    for command in SHORT {
        let output = scene.run(command, Path::new("-"));
        assert!(is_answer(output.status.code()), "{}", stderr(&output));
        assert!(has_table(&stderr(&output)) && !stderr(&output).contains("saved to"), "{}", stderr(&output));
        match command[0] {
            "pprof-cpu" => assert!(!rgops_inspect::profile::read(&output.stdout).unwrap().sample.is_empty()),
            // Field 1 of a `Trace`, length-delimited.
            _ => assert!(output.stdout.len() > 100 && output.stdout[0] == 0x0a),
        }

        let output = scene.run(&[command, &["--json"]].concat(), Path::new("-"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("JSON is written there"), "{output:?}");

        // A reader that closes the pipe is not a failure. A full disk is, and only the file is lost.
        let mut gone = scene.command(command, Path::new("-")).spawn().unwrap();
        drop(gone.stdout.take());
        let output = gone.wait_with_output().unwrap();
        assert!(is_answer(output.status.code()), "{output:?}");
        assert!(has_table(&stderr(&output)), "{output:?}");
        if !skip_unless(is_root(), "root") {
            make_device(&scene.at("full"), 7);
            let mut full = scene.command(command, Path::new("-"));
            full.stdout(File::options().write(true).open(scene.at("full")).unwrap());
            let output = full.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(has_table(&stderr(&output)) && stderr(&output).contains("No space left"), "{output:?}");
            fs::remove_file(scene.at("full")).unwrap();
        }

        let (ours, terminal) = terminal();
        let mut refused = scene.command(command, Path::new("-"));
        let output = refused.stdout(terminal.try_clone().unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("it is a terminal"), "{output:?}");
        // Both commands keep the terminal open.
        drop(refused);
        let mut forced = scene.command(command, Path::new("-"));
        let mut child = forced.arg("--force").stdout(terminal).spawn().unwrap();
        drop(forced);
        let mut shown = Vec::new();
        // Ends with EIO when the other side of the terminal is closed.
        let _ = File::from(ours).read_to_end(&mut shown);
        assert!(is_answer(child.wait().unwrap().code()));
        assert!(shown.len() > 100);
    }
    assert_eq!(scene.names(), [""; 0]);
}

/// Both sides of a terminal.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: openpty(3) writes the two descriptors, which are valid; the other pointers may be null.
    assert_eq!(unsafe { libc::openpty(&mut ours, &mut theirs, none, none.cast(), none.cast()) }, 0);
    // SAFETY: both descriptors were just opened and are not shared.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

#[test]
fn a_token_file_is_checked_by_the_agents_rule_and_never_blocks() {
    if skip_unless(is_root(), "root") {
        return;
    }
    let directory = Directory::new();
    let at = |name: &str| directory.path().join(name);
    let secret = "swordfish-swordfish-swordfish";
    let write = |name: &str, bytes: &[u8], mode: u32, uid: u32| {
        fs::write(at(name), bytes).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(at(name), Some(uid), None).unwrap();
    };
    write("good", format!("  {secret}\n").as_bytes(), 0o600, 0);
    write("open", secret.as_bytes(), 0o640, 0);
    write("foreign", secret.as_bytes(), 0o600, 65534);
    write("long", &[b'x'; 4097], 0o600, 0);
    write("short", b"sesame", 0o600, 0);
    fs::create_dir(at("directory")).unwrap();
    make_pipe(&at("pipe"));
    make_device(&at("zero"), 5);
    let mut target = Target::start(&directory);
    let address = target.listen_tcp(&format!("tcp=127.0.0.1:0 token={secret}"));

    for (name, why) in [
        ("open", "other users have access to it (mode 640)"),
        ("foreign", "it belongs to uid 65534, who may read and change it"),
        ("long", "it is not a regular file of at most 4096 bytes"),
        ("directory", "it is not a regular file of at most 4096 bytes"),
        ("pipe", "it is not a regular file of at most 4096 bytes"),
        ("zero", "it is not a regular file of at most 4096 bytes"),
        ("missing", "No such file"),
        ("short", "a token needs at least 16 bytes"),
    ] {
        let mut ask = Command::new(built::release("rgops"));
        let output = ask.args(["version", &address, "--token-file"]).arg(at(name)).output().unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {errors}");
        assert!(errors.contains(why) && errors.contains("fix: "), "{name}: {errors}");

        let mut other = Target::start(&directory);
        let answer = other.order(&format!("listen tcp=127.0.0.1:0 token-file={}", at(name).display()));
        assert!(answer.starts_with("failed Token: ") && answer.contains(why), "{name}: {answer}");
    }
    let mut ask = Command::new(built::release("rgops"));
    let output = ask.args(["version", &address, "--token-file"]).arg(at("good")).output().unwrap();
    assert!(is_answer(output.status.code()), "{}", stderr(&output));
}

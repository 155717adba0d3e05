//! Promise 26, files: root's `rgops` opens no file that a process of another user names without checking it first.
//! Debug links, `.dwp` files and mapped libraries may be pipes, devices, files of the kernel or directories, or may
//! be truncated and rewritten while they are read: only names are lost.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::{self, Target};
use rgops_tests::waiting::{is_root, skip_unless};

use crate::p02_listen_fails::NOBODY;

/// A command that takes longer is considered stuck.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum memory of a command.
const MAX_KIB: u64 = 1 << 20;

/// How a command ended.
#[derive(Debug)]
struct Ended {
    status: Option<ExitStatus>,
    output: String,
    errors: String,
    peak_kib: u64,
}

/// Killed when dropped, so a command that hangs fails the test and does not keep running.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command as root, and measures it.
fn ask(arguments: &[&str], directory: &Directory) -> Ended {
    let [output, errors] = ["output", "errors"].map(|name| directory.unused(name));
    let mut command = Command::new(built::release("rgops"));
    command.args(arguments).env("RGOPS_CACHE", "off").env("RGOPS_DIR", directory.sockets());
    command.stdin(Stdio::null());
    command.stdout(File::create(&output).unwrap()).stderr(File::create(&errors).unwrap());
    let mut child = Killed(command.spawn().unwrap());
    let until = Instant::now() + TIMEOUT;
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(peak(child.0.id()));
        if let Some(status) = child.0.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > until {
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    Ended { status, output: text(&output), errors: text(&errors), peak_kib }
}

/// Its peak memory so far; 0 if it has ended.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Runs all commands that open files, and checks each answer.
fn ask_everything(pid: u32, directory: &Directory, commands: &[&[&str]]) -> Vec<Ended> {
    let pid = pid.to_string();
    let replaced = |word: &&str| if *word == "PID" { pid.clone() } else { (*word).to_owned() };
    let each = commands.iter().map(|command| {
        let arguments: Vec<String> = command.iter().map(replaced).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = ask(&arguments, directory);
        let status = ended.status.unwrap_or_else(|| panic!("{arguments:?} hangs: {ended:?}"));
        assert_eq!(status.signal(), None, "{arguments:?}: {ended:?}");
        let has_no_runtime = ended.errors.contains("cannot find a Tokio runtime");
        let codes = if has_no_runtime { [3, 3] } else { [0, 6] };
        assert!(codes.contains(&status.code().unwrap()), "{arguments:?}: {ended:?}");
        assert!(ended.peak_kib < MAX_KIB, "{arguments:?}: {ended:?}");
        ended
    });
    each.collect()
}

const EVERYTHING: [&[&str]; 7] = [
    &[],
    &["PID"],
    &["stack", "PID"],
    &["tasks", "PID"],
    &["version", "PID"],
    &["pprof-cpu", "PID", "--duration", "1", "--output", "-"],
    &["trace", "PID", "--duration", "1", "--output", "-"],
];

/// Ends the writer of a test when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is valid and ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o666) }, 0);
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// A copy of the target in a folder of another user, without its debug information and with links.
struct Hostile {
    folder: PathBuf,
    program: PathBuf,
    /// The file that the link names; at first its real debug information.
    debug: PathBuf,
}

impl Hostile {
    fn new(directory: &Directory) -> Hostile {
        let folder = directory.path().join("hostile");
        fs::create_dir(&folder).unwrap();
        let (program, debug) = (folder.join("target"), folder.join("target.debug"));
        built::copy(&target::executable(), &program);
        let [program_text, debug_text] = [&program, &debug].map(|path| path.to_str().unwrap());
        run("objcopy", &["--only-keep-debug", program_text, debug_text]);
        run("objcopy", &["--strip-all", "--add-gnu-debuglink", debug_text, program_text]);
        // A name and a build-id that no file has.
        let link = folder.join("link");
        fs::write(&link, [&b"/proc/kmsg\0"[..], &[7; 20]].concat()).unwrap();
        let section = format!(".gnu_debugaltlink={}", link.display());
        run("objcopy", &["--add-section", &section, program_text]);
        fs::create_dir(directory.sockets()).unwrap();
        for path in [&folder, &program, &debug, &directory.sockets()] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        fs::set_permissions(directory.sockets(), std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        Hostile { folder, program, debug }
    }

    fn start(&self, directory: &Directory, libraries: &str) -> Target {
        let mut target = Target::start_with(directory, |command| {
            *command = Command::new(&self.program);
            command.env("RGOPS_DIR", directory.sockets()).env("LD_PRELOAD", libraries);
            command.uid(NOBODY).gid(NOBODY);
        });
        target.listen("");
        target
    }
}

/// The fixture, as a library that the target maps.
fn library(hostile: &Hostile, name: &str) -> PathBuf {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inspect/fixtures/names.so");
    let path = hostile.folder.join(name);
    built::copy(&fixture, &path);
    path
}

#[test]
fn pipes_devices_and_files_of_the_kernel_are_not_opened() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let hostile = Hostile::new(&directory);
    let names = ["fifo.so", "device.so", "kernel.so", "folder.so", "hole.so", "gone.so"];
    let libraries: Vec<PathBuf> = names.iter().map(|name| library(&hostile, name)).collect();
    let preloaded: Vec<&str> = libraries.iter().map(|path| path.to_str().unwrap()).collect();
    let target = hostile.start(&directory, &preloaded.join(":"));

    // With the real file there are names: the test checks the right place.
    let named = ask_everything(target.pid(), &directory, &[&["stack", "PID", "--verbose"]]);
    assert!(named[0].output.contains("target::main"), "{named:?}");

    // Now replace everything that is mapped or linked.
    for path in libraries.iter().chain([&hostile.debug]) {
        fs::remove_file(path).unwrap();
    }
    fifo(&libraries[0]);
    symlink("/dev/ptmx", &libraries[1]).unwrap();
    symlink("/proc/kmsg", &libraries[2]).unwrap();
    fs::create_dir(&libraries[3]).unwrap();
    File::create(&libraries[4]).unwrap().set_len(1 << 40).unwrap();
    fs::create_dir(hostile.folder.join(".debug")).unwrap();
    symlink("/dev/ptmx", hostile.folder.join(".debug/target.debug")).unwrap();
    fifo(&hostile.debug);
    fifo(&hostile.folder.join("target.dwp"));
    for ended in ask_everything(target.pid(), &directory, &EVERYTHING) {
        assert!(!ended.errors.contains("panicked"), "{ended:?}");
    }
    let stack = ask_everything(target.pid(), &directory, &[&["stack", "PID", "--verbose"]]);
    assert!(!stack[0].output.contains("target::main"), "its names are gone: {stack:?}");
}

#[test]
fn a_debug_file_that_is_truncated_and_rewritten_costs_only_names() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let hostile = Hostile::new(&directory);
    let target = hostile.start(&directory, "");
    let whole = fs::read(&hostile.debug).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also when an assertion fails, which would otherwise wait for the thread forever.
        let over = Over(&is_over);
        scope.spawn(|| {
            // Like a build that writes in place, again and again: complete for a moment, with different content each
            // time, then truncated.
            let mut file = File::options().write(true).open(&hostile.debug).unwrap();
            for round in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                file.set_len(0).unwrap();
                file.seek(SeekFrom::Start(0)).unwrap();
                file.write_all(&whole).unwrap();
                std::thread::sleep(Duration::from_millis(round % 17 * 5));
                file.set_len(whole.len() as u64 / 16 * (round % 16)).unwrap();
                std::thread::sleep(Duration::from_millis(round % 5));
            }
        });
        let rounds = if std::env::var_os("RGOPS_LONG").is_some() { 100 } else { 15 };
        let ended: Vec<_> = (0..rounds)
            .flat_map(|_| ask_everything(target.pid(), &directory, &[&["stack", "PID"], &["tasks", "PID"]]))
            .collect();
        drop(over);
        assert!(ended.iter().all(|ended| !ended.errors.contains("panicked")), "{ended:?}");
    });
}

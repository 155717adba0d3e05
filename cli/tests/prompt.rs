//! The `(pprof)` prompt: through a pseudo-terminal as a person uses it, and through a pipe as a script does.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod profiles;
mod program;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use profiles::profile;
use program::Target;
use rgops_tests::directory::Directory;
use rgops_tests::terminal::{Screen, type_after};

/// Ctrl-C, Ctrl-D, and the key ↑.
const C: &str = "\u{3}";
const D: &str = "\u{4}";
const UP: &str = "\u{1b}[A";

/// A name that would set the title of a terminal.
const EVIL: &str = "evil\u{1b}]0;title\u{7}";

#[test]
#[ignore = "started by the other tests"]
fn target() {
    program::run_target();
}

fn shop(directory: &Path) -> PathBuf {
    let functions = [("shop::checkout", 40), ("shop::cart::total", 30), (EVIL, 20), ("log::write", 10)];
    let functions = functions.map(|(name, ms)| (name.to_owned(), ms * 1_000_000));
    profile(&directory.join("cpu.pb.gz"), &functions, 0)
}

fn command(directory: &Path, file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
    command.current_dir(directory).env("XDG_STATE_HOME", directory.join("state")).args(["pprof"]).arg(file);
    command
}

/// What is on the screen after a person typed this, each when the text before it was shown.
fn typed(directory: &Directory, columns: u16, keys: &[(&str, &str)]) -> Screen {
    let file = shop(directory.path());
    let screen = type_after(&mut command(directory.path(), &file), columns, keys);
    assert_eq!(screen.code, 0, "{}", screen.text);
    assert!(!screen.text.contains("\u{1b}]0;title"), "{:?}", screen.text);
    screen
}

#[test]
fn a_person_sees_what_the_profile_is_and_completes_words_by_tab() {
    let keys = [
        ("(pprof) ", "pee\t shop::che\t\n"),
        ("| shop::checkout", ""),
        ("(pprof) ", "granul\tli\t\n"),
        ("(pprof) ", "o\n"),
        ("lines  ", ""),
        ("(pprof) ", "top evi\t\n"),
        ("evil\\x1b]0;title\\x07", ""),
        ("(pprof) ", "exi\t\n"),
    ];
    let text = typed(&Directory::new(), 100, &keys).text;
    let first = "File: shop\nType: cpu\nNames and frames are shown as Rust developers read them; rust=false shows all \
                 as pprof does\nEntering interactive mode (type \"help\" for commands, \"o\" for options)\n";
    assert!(text.starts_with(first), "{text}");
}

#[test]
fn two_tabs_list_what_a_word_may_become() {
    let keys =
        [("(pprof) ", "peek shop::\t\t"), ("shop::main", ""), ("(pprof) peek shop::", C), ("(pprof) ", D)];
    let text = typed(&Directory::new(), 100, &keys).text;
    assert!(text.contains("shop::cart::total") && text.contains("shop::checkout"), "{text}");
}

#[test]
fn lines_are_remembered_for_the_next_time() {
    let directory = Directory::new();
    typed(&directory, 80, &[("(pprof) ", "top1\n"), ("shop::checkout", ""), ("(pprof) ", "q\n")]);
    let history = directory.path().join("state/rgops/pprof_history");
    assert_eq!(fs::read_to_string(&history).unwrap(), "top1\nq\n");
    assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    let up_twice = format!("{UP}{UP}\n");
    typed(&directory, 80, &[("(pprof) ", &up_twice), ("shop::checkout", ""), ("(pprof) ", D)]);
    assert_eq!(fs::read_to_string(&history).unwrap(), "top1\nq\ntop1\n");
}

#[test]
fn a_history_that_is_a_link_or_cannot_be_written_is_not_used() {
    let directory = Directory::new();
    let target = directory.path().join("precious");
    fs::write(&target, "precious\n").unwrap();
    fs::create_dir_all(directory.path().join("state/rgops")).unwrap();
    symlink(&target, directory.path().join("state/rgops/pprof_history")).unwrap();
    let keys = [("(pprof) ", "comments\n"), ("(pprof) ", "q\n")];
    typed(&directory, 80, &keys);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
    let file = shop(directory.path());
    let mut nowhere = command(directory.path(), &file);
    assert_eq!(type_after(nowhere.env("XDG_STATE_HOME", "/dev/null/none"), 80, &keys).code, 0);
}

#[test]
fn mistakes_and_ctrl_c_do_not_end_the_prompt_and_ctrl_d_does() {
    let half_a_line = format!("top half a line{C}");
    let keys = [
        ("(pprof) ", "foo\n"),
        ("unrecognized command: \"foo\"", ""),
        ("(pprof) ", "focus=(\n"),
        ("(pprof) ", "top\n"),
        ("parsing focus regexp", ""),
        ("(pprof) ", ":\n"),
        ("(pprof) ", &half_a_line),
        ("(pprof) ", C),
        ("(pprof) ", "top1\n"),
        ("shop::checkout", ""),
        ("(pprof) ", D),
    ];
    typed(&Directory::new(), 80, &keys);
}

#[test]
fn a_report_can_be_discarded_and_other_devices_are_refused_with_a_fix_for_the_prompt() {
    let keys = [
        ("(pprof) ", "top >/dev/null\n"),
        ("Generating report in /dev/null", ""),
        ("(pprof) ", "svg >/dev/null\n"),
        ("Generating report in /dev/null", ""),
        ("(pprof) ", "top >/dev/zero\n"),
        ("fix: name a file, /dev/stdout or /dev/null", ""),
        ("(pprof) ", "top1 >/dev/stdout\n"),
        ("shop::checkout", ""),
        ("(pprof) ", D),
    ];
    let screen = typed(&Directory::new(), 120, &keys);
    assert!(!screen.text.contains("--output"), "{}", screen.text);
    assert_eq!(screen.text.matches("shop::checkout").count(), 1, "{}", screen.text);
}

#[test]
fn ctrl_c_ends_a_report_and_not_the_prompt() {
    let directory = Directory::new();
    let functions: Vec<(String, i64)> = (0..100_000).map(|at| (format!("shop::f{at}"), 1_000_000)).collect();
    let file = profile(&directory.path().join("cpu.pb.gz"), &functions, 0);
    let rgops = command(directory.path(), &file);
    // With the terminal as its own, to which Ctrl-C is sent.
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait"]).arg(rgops.get_program()).args(rgops.get_args());
    command.env("XDG_STATE_HOME", directory.path());
    let keys = [
        ("(pprof) ", "traces\n"),
        ("shop::f1", C),
        ("stopped", ""),
        ("(pprof) ", "traces\n"),
        ("shop::f1", C),
        ("stopped", ""),
        ("(pprof) ", "top1\n"),
        ("100%  shop::main", ""),
        ("(pprof) ", D),
    ];
    assert_eq!(type_after(&mut command, 80, &keys).code, 0);
}

#[test]
fn a_narrow_terminal_is_enough() {
    let keys = [
        ("(pprof) ", "peek shop::checkout -nothing_like_that\n"),
        ("| shop::checkout", ""),
        ("(pprof) ", "top -log evil shop\t\u{15}top1\n"),
        ("40ms", ""),
        ("(pprof) ", D),
    ];
    typed(&Directory::new(), 20, &keys);
}

/// What a script of lines prints to standard output and standard error.
fn piped(directory: &Directory, lines: &str) -> (String, String) {
    let file = shop(directory.path());
    let mut child = command(directory.path(), &file)
        .arg("--interactive")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    // On a thread, because the answers may fill their pipe before all is read.
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn a_script_gets_exactly_the_reports_on_standard_output() {
    let directory = Directory::new();
    let lines = "rust=false\ntop2\nfoo\nsamples\ntop1 shop\nlog >x\ntop1 >out.txt\nsvg\ncpu\n\nq\ntop\n";
    let (stdout, stderr) = piped(&directory, lines);
    assert_eq!(
        stdout,
        "\
(pprof) (pprof) Showing nodes accounting for 70ms, 70.00% of 100ms total
Showing top 2 nodes out of 5
      flat  flat%   sum%        cum   cum%
      40ms 40.00% 40.00%       40ms 40.00%  shop::checkout
      30ms 30.00% 70.00%       30ms 30.00%  shop::cart::total
(pprof) (pprof) (pprof) Active filters:
   focus=shop
Showing nodes accounting for 40, 40.00% of 100 total
Showing top 1 nodes out of 5
      flat  flat%   sum%        cum   cum%
        40 40.00% 40.00%         40 40.00%  shop::checkout
(pprof) (pprof) (pprof) (pprof) (pprof) (pprof) "
    );
    assert_eq!(
        stderr,
        "\
File: shop
Type: cpu
Names and frames are shown as Rust developers read them; rust=false shows all as pprof does
Entering interactive mode (type \"help\" for commands, \"o\" for options)
unrecognized command: \"foo\"
unrecognized command: \"log\"
Generating report in out.txt
Generating report in profile001.svg
"
    );
    let file = fs::read_to_string(directory.path().join("out.txt")).unwrap();
    assert!(file.starts_with("Showing nodes accounting for 40, 40.00% of 100 total\n"), "{file}");
    let mode = fs::metadata(directory.path().join("out.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::read_to_string(directory.path().join("profile001.svg")).unwrap().contains("<svg"));
}

#[test]
fn a_file_is_replaced_only_if_the_session_wrote_it_or_by_force() {
    let directory = Directory::new();
    let (own, other) = (directory.path().join("own.txt"), directory.path().join("other.txt"));
    fs::write(&other, "kept").unwrap();
    let (_, stderr) = piped(&directory, "top >own.txt\ntop1 >own.txt\ntop >other.txt\n");
    assert_eq!(stderr.matches("Generating report in own.txt").count(), 2, "{stderr}");
    assert!(stderr.contains("cannot write other.txt: the file already exists; fix:"), "{stderr}");
    assert!(stderr.contains("start rgops pprof with --force"), "{stderr}");
    assert!(fs::read_to_string(&own).unwrap().contains("top 1 nodes"));
    assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
    // A later session did not write it.
    let (_, stderr) = piped(&directory, "top >own.txt\n");
    assert!(stderr.contains("own.txt: the file already exists"), "{stderr}");
    let forced = command(directory.path(), &shop(directory.path()))
        .args(["--interactive", "--force"])
        .stdin(fs::File::open(script(&directory, "top >other.txt\n")).unwrap())
        .output()
        .unwrap();
    assert!(forced.status.success(), "{forced:?}");
    assert!(fs::read_to_string(&other).unwrap().contains("shop::checkout"));
}

/// A file with these lines.
fn script(directory: &Directory, lines: &str) -> PathBuf {
    let path = directory.path().join("script");
    fs::write(&path, lines).unwrap();
    path
}

#[test]
fn the_last_line_needs_no_end_and_no_line_is_too_long() {
    let long = format!("nodecount=1\ntop {}\ntop shop::log", "x".repeat(3 << 20));
    let (stdout, stderr) = piped(&Directory::new(), &long);
    assert!(stderr.contains("\nthe line is longer than 1024 kB and is left out\n"), "{stderr}");
    assert_eq!(stdout.matches("(pprof) ").count(), 4, "{stdout}");
    assert!(stdout.contains("focus=shop::log"), "{stdout}");
}

#[test]
fn a_profile_that_was_taken_ends_in_the_prompt_only_for_a_person() {
    let directory = program::Directory::new();
    let target = Target::start("agent", directory.path());
    let pid = target.pid().to_string();
    let taken = |options: &[&str]| {
        let mut rgops = Command::new(env!("CARGO_BIN_EXE_rgops"));
        rgops.args(["pprof-cpu", &pid, "-d", "200ms"]).args(options).current_dir(directory.path());
        rgops.env("RGOPS_DIR", directory.path()).env("XDG_STATE_HOME", directory.path().join("state"));
        rgops
    };
    let keys = [("Entering interactive mode", ""), ("(pprof) ", "comments\n"), ("(pprof) ", D)];
    let screen = type_after(&mut taken(&[]), 100, &keys);
    assert!(matches!(screen.code, 0 | 6), "{}", screen.text);
    assert!(screen.text.contains("\nType: cpu\n"), "{}", screen.text);
    for options in [&["--no-interactive"][..], &["--json"]] {
        let screen = type_after(&mut taken(options), 100, &[]);
        assert!(!screen.text.contains("(pprof)"), "{}", screen.text);
    }
}

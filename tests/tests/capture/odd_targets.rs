//! Programs that are hard to inspect: stripped, without unwinding, static with musl, and with a replaced executable.
//! Each command answers, or reports what is unavailable and how to get it.

use std::fs;
use std::path::{Path, PathBuf};

use rgops_inspect::profile;
use rgops_tests::built::{self, Odd};
use rgops_tests::running::{Answer, Running, rgops};
use rgops_tests::waiting::skip_a_build;

#[test]
fn a_stripped_program() {
    let program = built::odd(Odd::Stripped).unwrap();
    let target = Running::start_and_wait(&program, &[]);
    let answers = Answers::ask(&target);
    // Names are missing. The module and offset are shown, with the reason.
    let stack = &answers.stack.output;
    assert!(stack.contains("odd+0x"), "{stack}");
    assert!(answers.version.output.contains("stripped"), "{}", answers.version.output);
}

#[test]
fn a_program_that_aborts_on_panic() {
    let program = built::odd(Odd::PanicAbort).unwrap();
    let target = Running::start_and_wait(&program, &[]);
    let answers = Answers::ask(&target);
    answers.name_both_functions();
    assert!(answers.version.output.contains("panic: abort"), "{}", answers.version.output);
}

#[test]
fn a_program_linked_statically_against_musl() {
    if skip_a_build() {
        return;
    }
    let Some(program) = built::odd(Odd::Musl) else { return };
    let target = Running::start_and_wait(&program, &[]);
    let answers = Answers::ask(&target);
    // Rust's musl has no unwind data, so callers of its functions cannot be found. What runs is named. What waits is
    // shown with its system call, and the answer reports that the stack is cut.
    answers.name_the_spinning_function();
    assert!(answers.stack.output.contains("[futex wait]: odd-parked"), "{}", answers.stack.output);
    assert!(
        answers.stack.code == 0 || answers.stack.errors.contains("build for a gnu target"),
        "{:?}",
        answers.stack
    );
    assert!(answers.version.output.contains("musl"), "{}", answers.version.output);
}

#[test]
fn a_program_whose_executable_was_replaced() {
    let folder = Folder::make("replaced");
    let program = folder.0.join("odd");
    built::copy(&built::odd(Odd::PanicAbort).unwrap(), &program);
    let target = Running::start_and_wait(&program, &[]);
    // Like an installation: another file, with other code, is renamed over it.
    built::copy(&built::odd(Odd::Stripped).unwrap(), &folder.0.join("new"));
    fs::rename(folder.0.join("new"), &program).unwrap();
    let answers = Answers::ask(&target);
    // The kernel still has the old file, see /proc/PID/exe. Names must never come from the new file.
    answers.name_both_functions();
}

/// The answers of all commands.
struct Answers {
    version: Answer,
    stack: Answer,
    /// The function names in the file of the CPU profile.
    profile: Vec<String>,
}

impl Answers {
    /// Runs every command.
    fn ask(target: &Running) -> Answers {
        let pid = &target.pid().to_string();
        let folder = Folder::make(pid);
        let file = |name: &str| folder.0.join(name).display().to_string();
        let list = ask(&[]);
        assert!(list.output.contains(pid), "{}", list.output);
        let tree = ask(&["tree"]);
        assert!(tree.output.contains(pid), "{}", tree.output);
        ask(&[pid, "200ms"]);
        ask(&["stats", pid]);
        ask(&["memstats", pid]);
        ask(&["trace", pid, "--duration", "1", "--output", &file("odd.pftrace")]);
        ask(&["pprof-cpu", pid, "--duration", "2", "--output", &file("odd.pb.gz")]);
        let profile = profile::read(&fs::read(file("odd.pb.gz")).unwrap()).unwrap();
        let functions = profile.function.iter().map(|function| profile.text(function.name).to_owned());
        Answers { version: ask(&["version", pid]), stack: ask(&["stack", pid]), profile: functions.collect() }
    }

    fn name_both_functions(&self) {
        self.name_the_spinning_function();
        assert!(self.stack.output.contains("odd::odd_park"), "{}", self.stack.output);
    }

    fn name_the_spinning_function(&self) {
        let stack = &self.stack.output;
        assert!(stack.contains("odd::odd_spin"), "{stack}");
        // In the file, not in the ten printed lines: its samples belong to inlined callees.
        let functions = &self.profile;
        assert!(functions.iter().any(|function| function.contains("odd::odd_spin")), "{functions:?}");
    }
}

/// Runs one command. It must answer, or report a reason or a fix.
fn ask(arguments: &[&str]) -> Answer {
    let answer = rgops(arguments);
    println!("$ rgops {} → {}\n{}{}", arguments.join(" "), answer.code, answer.output, answer.errors);
    match answer.code {
        0 => assert!(!answer.output.trim().is_empty()),
        6 => {
            assert!(!answer.output.trim().is_empty());
            assert!(!answer.errors.trim().is_empty() || answer.output.contains("note"), "no reason is given");
        }
        _ => assert!(answer.errors.contains("fix:"), "no fix is shown"),
    }
    answer
}

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn make(name: &str) -> Folder {
        let folder = format!("rgops-odd-{}-{name}", std::process::id());
        let folder = Path::new(&std::env::temp_dir()).join(folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

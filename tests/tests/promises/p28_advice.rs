//! Promise 28: advice is true, and safe to follow as root. That every command and option in our texts exists is
//! tested in the crate of the command line (`cli/src/texts.rs`). These are situations for which a wrong reason was
//! once reported.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_program_without_descriptors_gets_no_advice_to_mount() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let pid = target.pid() as i32;
    for command in ["trace", "pprof-cpu", "stack"] {
        // A limit that leaves one free number in the agent's own table, for the connection.
        let _ = target.settled_descriptors();
        let taken: Vec<u64> =
            target.agents_descriptors().iter().map(|(number, _)| number.parse().unwrap()).collect();
        let second_free = (0..).filter(|number| !taken.contains(number)).nth(1).unwrap();
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: prlimit(2) writes one limit to `before`, which is valid.
        assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &mut before) }, 0);
        let limit = libc::rlimit { rlim_cur: second_free, rlim_max: before.rlim_max };
        // SAFETY: prlimit(2) only reads one limit, which is valid.
        assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &limit, std::ptr::null_mut()) }, 0);
        let output = Command::new(built::release("rgops"))
            .args([command, &path])
            .current_dir(directory.path())
            .output()
            .unwrap();
        // SAFETY: prlimit(2) only reads one limit, which is valid.
        assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &before, std::ptr::null_mut()) }, 0);
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{command}: {errors}");
        assert!(
            errors.contains("Too many open files") && errors.contains("ulimit -n"),
            "{command}: {errors}"
        );
        assert!(!errors.contains("mount"), "{command}: {errors}");
    }
}

#[test]
fn an_inaccessible_socket_is_a_refusal_and_not_a_missing_agent() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let rgops = directory.path().join("rgops");
    built::copy_program(&built::release("rgops"), &rgops);
    fs::set_permissions(&rgops, Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(&rgops).args(["version", &path]).uid(65534).gid(65534).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(stderr(&output).contains("Permission denied"), "{output:?}");
    assert!(stderr(&output).contains("fix: run rgops as the program's user, or as root"), "{output:?}");
}

#[test]
fn no_advice_changes_a_directory_that_may_be_shared() {
    let directory = Directory::new();
    let shared = directory.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    let mut target = Target::start(&directory);
    let answer = target.order(&format!("listen directory={}", shared.display()));
    assert!(answer.contains("other users have access to it (mode 1777)"), "{answer}");
    assert!(answer.contains("set RGOPS_DIR (or Options::directory"), "{answer}");
    assert!(!answer.contains("chmod") && !answer.contains("remove"), "{answer}");
}

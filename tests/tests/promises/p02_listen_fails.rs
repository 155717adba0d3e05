//! Promise 2: a failing `listen` never stops the program; it returns a typed error.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rgops_tests::directory::Directory;
use rgops_tests::target::{self, Target};
use rgops_tests::waiting::{is_root, skip_unless, until};

pub(crate) const NOBODY: u32 = 65534;

/// The program continues, and can listen once the reason is gone.
fn still_fine(target: &mut Target, directory: &Directory) {
    until("no thread is left", || (target.threads().len() == 1).then_some(()));
    target.listen(&format!("directory={}", directory.path().join("fine").display()));
    assert!(target.end().success());
}

#[test]
fn a_directory_that_cannot_be_created_or_is_not_a_directory() {
    let directory = Directory::new();
    fs::write(directory.path().join("file"), "").unwrap();
    let long = "x".repeat(300);
    for (path, variant) in [
        ("missing/parent".to_owned(), "Directory"),
        ("file".to_owned(), "UnsafeDirectory"),
        ("file/below".to_owned(), "Directory"),
        (long, "Directory"),
    ] {
        let mut target = Target::start(&directory);
        target.order("tokio");
        let before = target.descriptors();
        let path = directory.path().join(path);
        let answer = target.order(&format!("listen directory={}", path.display()));
        assert!(answer.starts_with(&format!("failed {variant}: ")), "{answer}");
        assert!(answer.contains("RGOPS_DIR"), "it names the variable to set: {answer}");
        assert_eq!(target.descriptors(), before);
        still_fine(&mut target, &directory);
    }
}

#[test]
fn neither_home_nor_any_other_variable_is_needed() {
    let directory = Directory::new();
    let mut target = Target::start_with(&directory, |command| {
        command.env_clear().env("TMPDIR", directory.path());
    });
    let path = target.listen("");
    assert!(path.starts_with(directory.path().to_str().unwrap()), "{path}");
}

#[test]
fn a_path_longer_than_a_socket_address_still_works() {
    let directory = Directory::new();
    let deep = directory.path().join("d".repeat(120));
    let mut target = Target::start(&directory);
    let path = target.listen(&format!("directory={}", deep.display()));
    assert!(rgops_tests::asking::connect(&path).is_ok());
}

#[test]
fn listen_fails_without_free_descriptors() {
    // In a program that has used Tokio, and in one that has not: the first runtime needs more descriptors.
    for had_a_runtime in [true, false] {
        listen_fails_without_free_descriptors_in(had_a_runtime);
    }
}

fn listen_fails_without_free_descriptors_in(had_a_runtime: bool) {
    let directory = Directory::new();
    for spare in 0..12 {
        let mut target = Target::start(&directory);
        if had_a_runtime {
            target.order("tokio");
        }
        target.order(&format!("limit nofile {spare}"));
        let before = target.descriptors();
        let answer = target.order("listen");
        assert!(!target.errors().contains("panicked"), "{}", target.errors());
        if answer.starts_with("listening ") {
            assert!(spare > 2, "it needs descriptors");
            return;
        }
        assert!(answer.starts_with("failed Thread: ") || answer.starts_with("failed Socket: "), "{answer}");
        assert!(answer.contains("Too many open files"), "{answer}");
        if had_a_runtime {
            assert_eq!(target.descriptors(), before, "with {spare} to spare");
        }
        until("no thread is left", || (target.threads().len() == 1).then_some(()));
        assert_eq!(directory.socket_names(), [""; 0], "nothing is left in the directory");
        assert!(target.end().success());
    }
    panic!("12 descriptors are not enough");
}

#[test]
fn listen_fails_if_no_thread_may_be_started() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let mut target = as_nobody(&directory);
    assert_eq!(target.order("limit nproc 0"), "set");
    let before = target.descriptors();
    let answer = target.order("listen");
    assert!(answer.starts_with("failed Thread: "), "{answer}");
    assert_eq!(target.descriptors(), before);
    assert!(target.end().success());
}

#[test]
fn a_directory_that_may_not_be_written() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let mut target = as_nobody(&directory);
    let sealed = directory.path().join("sealed");
    fs::create_dir(&sealed).unwrap();
    chown(&sealed, Some(NOBODY), None).unwrap();
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o500)).unwrap();
    let answer = target.order(&format!("listen directory={}", sealed.display()));
    assert!(answer.starts_with("failed Socket: ") && answer.contains("Permission denied"), "{answer}");
    let answer = target.order(&format!("listen directory={}/below", sealed.display()));
    assert!(answer.starts_with("failed Directory: ") && answer.contains("Permission denied"), "{answer}");
    assert!(target.end().success());
}

/// A `target` of another user, with its sockets in a directory of that user.
pub(crate) fn as_nobody(directory: &Directory) -> Target {
    // Other users may have no access to the build folder.
    let executable = directory.path().join("target");
    rgops_tests::built::copy(target::executable().as_ref(), &executable);
    let theirs = directory.sockets();
    fs::create_dir(&theirs).unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&theirs, Some(NOBODY), None).unwrap();
    Target::start_with(directory, |command| {
        *command = Command::new(&executable);
        command.env("RGOPS_DIR", &theirs).uid(NOBODY).gid(NOBODY);
    })
}

/// A full and a read-only file system, mounted in a namespace of the target.
#[test]
fn a_file_system_that_is_full_or_read_only() {
    let directory = Directory::new();
    let mounted = directory.path().join("mounted");
    fs::create_dir(&mounted).unwrap();
    let can = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none"]).arg(&mounted).output();
    if skip_unless(can.is_ok_and(|output| output.status.success()), "the right to mount a tmpfs") {
        return;
    }
    // The root of a tmpfs uses one of the two inodes. The other one is left for the directory.
    for (options, reason) in [("nr_inodes=2", "No space left"), ("ro", "Read-only file system")] {
        let script = format!(
            "mount -t tmpfs -o {options} none {0} && exec {1}",
            mounted.display(),
            target::executable().display()
        );
        let mut target = Target::start_with(&directory, |command| {
            *command = Command::new("unshare");
            command.args(["-m", "sh", "-c", &script]);
        });
        let answer = target.order(&format!("listen directory={}/sockets", mounted.display()));
        assert!(answer.starts_with("failed ") && answer.contains(reason), "{answer}");
        still_fine(&mut target, &directory);
    }
}

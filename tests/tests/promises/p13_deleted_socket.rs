//! Promise 13: an agent is recognised by its listening socket, not by the socket's file. A file that was deleted
//! while its agent runs, and one that outlived its agent, are distinguished from a working agent and from no agent.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use rgops_protocol::discovery::SocketName;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::running::Answer;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless, until};

use crate::p02_listen_fails::{NOBODY, as_nobody};

/// Runs `rgops` with the directory in its own environment, as when all programs belong to one user.
pub(crate) fn rgops_in(directory: &Directory, arguments: &[&str]) -> Answer {
    let mut command = Command::new(built::release("rgops"));
    command.args(arguments).env("RGOPS_DIR", directory.sockets());
    let output = command.output().unwrap();
    Answer {
        took: std::time::Duration::ZERO,
        code: output.status.code().expect("rgops is not killed"),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether the list marks the process with `*`.
pub(crate) fn is_marked(directory: &Directory, pid: u32) -> bool {
    let list = rgops_in(directory, &["--json"]).json();
    let entry = list.as_array().unwrap().iter().find(|entry| entry["pid"] == pid).cloned();
    entry.is_some_and(|entry| entry["agent"].is_string())
}

#[test]
fn a_deleted_socket_file_of_a_running_agent_is_reported() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let pid = target.pid().to_string();
    assert!(is_marked(&directory, target.pid()));
    // A stopped agent does not recreate the file, so the state lasts. That it is stopped is said first: it recreates the
    // file when it continues.
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    fs::remove_file(&path).unwrap();
    assert!(!is_marked(&directory, target.pid()));
    let answer = rgops_in(&directory, &["stats", &pid]);
    println!("{}", answer.errors);
    assert_eq!(answer.code, 5, "{answer:?}");
    for part in ["stopped by a signal", "fix:", "kill -CONT"] {
        assert!(answer.errors.contains(part), "no {part} in {}", answer.errors);
    }
    assert!(!answer.errors.contains("add two lines"), "{}", answer.errors);
    let info = rgops_in(&directory, &[&pid]);
    for part in ["agent:\tnone", "was deleted", &path] {
        assert!(info.output.contains(part), "no {part} in {}", info.output);
    }
    signal("-CONT");
    until("the agent recreates it", || is_marked(&directory, target.pid()).then_some(()));
}

/// The real systemd-tmpfiles, with age 0, on a running agent's directory and on a stale one.
#[test]
fn the_state_after_systemd_tmpfiles_is_reported_correctly() {
    let tmpfiles = "/usr/bin/systemd-tmpfiles";
    if skip_unless(is_root() && fs::exists(tmpfiles).unwrap(), "root, and systemd-tmpfiles") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let rules = directory.unused("rules.conf");
    fs::write(&rules, format!("d {} 0755 root root 0\n", directory.path().display())).unwrap();
    assert!(Command::new(tmpfiles).arg("--clean").arg(&rules).status().unwrap().success());
    let answer = rgops_in(&directory, &["stats", &target.pid().to_string()]);
    println!("{}", answer.errors);
    match answer.code {
        // It found the socket in the kernel's table, or the agent recreated its file.
        0 => assert!(fs::exists(&path).unwrap()),
        code => {
            assert_eq!(code, 3, "{answer:?}");
            assert!(answer.errors.contains("was deleted"), "{}", answer.errors);
        }
    }
}

#[test]
fn a_socket_file_without_a_listener_marks_no_process() {
    let directory = Directory::new();
    let target = Target::start(&directory);
    fs::create_dir(directory.sockets()).unwrap();
    fs::set_permissions(directory.sockets(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", target.pid())).unwrap();
    let start_time = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
    let name = SocketName { pid: target.pid(), start_time: start_time.parse().unwrap() };
    let path = directory.sockets().join(name.file_name());
    drop(UnixListener::bind(&path).unwrap());
    assert!(!is_marked(&directory, target.pid()));
    let pid = target.pid().to_string();
    let answer = rgops_in(&directory, &["stats", &pid]);
    println!("{}", answer.errors);
    assert_eq!(answer.code, 3, "{answer:?}");
    assert!(answer.errors.contains("no process listens at its socket"), "{}", answer.errors);
    // Also by its path. The suggested fix does not lead back here.
    let answer = rgops_in(&directory, &["stats", path.to_str().unwrap()]);
    assert_eq!(answer.code, 3, "{answer:?}");
    assert!(answer.errors.contains("Connection refused"), "{}", answer.errors);
}

#[test]
fn a_socket_with_a_long_path_is_recognised_by_its_file() {
    let directory = Directory::new();
    let long = directory.path().join("x".repeat(120));
    let mut target = Target::start(&directory);
    let path = target.listen(&format!("directory={}", long.display()));
    assert!(path.len() > 120);
    let pid = target.pid().to_string();
    // The list searches where the program's environment says, so rgops gets the path.
    assert_eq!(rgops_in(&directory, &["stats", &path]).code, 0);
    let mut second = Target::start_with(&directory, |command| _ = command.env("RGOPS_DIR", &long));
    second.listen("");
    assert!(is_marked(&directory, second.pid()));
    assert_eq!(rgops_in(&directory, &["stats", &second.pid().to_string()]).code, 0);
    drop(pid);
}

/// After the program changed its user, rgops reports that the former user's socket is not reachable.
#[test]
fn after_a_change_of_user_the_socket_is_distinguished_from_a_deleted_one() {
    if skip_unless(is_root(), "root, to be other users") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    assert_eq!(target.order(&format!("setuid {NOBODY}")), "set");
    let pid = target.pid().to_string();
    // Root can reach it: the socket belongs to root, as the program did.
    assert!(is_marked(&directory, target.pid()));
    assert_eq!(rgops_in(&directory, &["stats", &pid]).code, 0);
    // The new user cannot: the socket is in a directory of root's.
    let copy = directory.path().join("rgops");
    built::copy(&built::release("rgops"), &copy);
    let mut command = Command::new(&copy);
    std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    let output = command.args(["stats", &path]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{errors}");
    assert!(!errors.contains("was deleted") && errors.contains("Permission denied"), "{errors}");
}

#[test]
fn a_hostile_table_of_sockets_neither_slows_nor_misleads_the_list() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let mut target = as_nobody(&directory);
    target.listen("");
    // Names that contain line ends and look like lines of the table.
    let line = format!("x\n0000: 00000002 00000000 00010000 0001 01 5 /{}", "y".repeat(20));
    let odd = directory.path().join("odd");
    fs::create_dir(&odd).unwrap();
    let _listeners: Vec<UnixListener> = (0..200)
        .filter_map(|number| {
            fs::create_dir_all(odd.join(&line).parent().unwrap()).unwrap();
            UnixListener::bind(odd.join(format!("{}{number}", line.replace('/', "_")))).ok()
        })
        .collect();
    assert!(is_marked(&directory, target.pid()));
    until("it is asked", || {
        (rgops_in(&directory, &["version", &target.pid().to_string()]).code == 0).then_some(())
    });
}

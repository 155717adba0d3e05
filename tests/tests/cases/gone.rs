//! Processes that have no agent any more: a zombie, a fork, and a program in another user namespace.

use std::process::Command;

use rgops_tests::built;
use rgops_tests::program::finished;
use rgops_tests::running::{Running, rgops};
use rgops_tests::waiting::skip_unless;

/// The child that a case names in its second line.
fn child(target: &mut Running) -> String {
    target.line().strip_prefix("child ").expect("a child").to_owned()
}

#[test]
fn a_zombie_has_ended_and_its_parent_is_named() {
    let mut target = crate::start(&["zombie"]);
    let child = child(&mut target);
    let why = format!("it is a zombie, which its parent (pid {}) has not waited for", target.pid());
    crate::wait_until("it has ended", || rgops(&[&child]).errors.contains(&why));
    for arguments in [&["stack", &child][..], &[&child]] {
        let answer = rgops(arguments);
        assert_eq!(answer.code, 3);
        assert!(answer.errors.contains(&why), "{}", answer.errors);
    }
}

#[test]
fn a_fork_is_told_that_it_has_to_listen_itself() {
    let mut target = crate::start(&["daemonize"]);
    let child = child(&mut target);
    let answer = rgops(&["stack", &child]);
    assert_eq!(answer.code, 3);
    for part in
        ["it was forked from a program that had one", "call rgops_agent::listen in the child, after fork"]
    {
        assert!(answer.errors.contains(part), "{part}: {}", answer.errors);
    }
    assert!(rgops(&[&child]).output.contains("agent:\tnone (it has no agent: it was forked"));
    assert_eq!(crate::ask(&target, "stack", &[]).code, 0);
    finished(Command::new("kill").args(["-KILL", &child]));
}

#[test]
fn a_fork_that_listens_again_answers() {
    let mut target = crate::start(&["daemonize", "again"]);
    let child = child(&mut target);
    let answer = rgops(&["stack", &child]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.output.contains(&format!("(pid {child})")));
    finished(Command::new("kill").args(["-KILL", &child]));
}

#[test]
fn a_socket_that_was_removed_is_back_before_the_answer() {
    let target = crate::start(&["blocked-main", "sleep"]);
    let socket = crate::details(&target, &[]).output;
    let socket = socket.lines().find_map(|line| line.strip_prefix("agent:\t")).unwrap();
    std::fs::remove_file(socket).unwrap();
    assert_eq!(crate::ask(&target, "stack", &[]).code, 0);
}

/// As in a rootless container: the user 0 inside is another user outside, so root of the host is nobody inside.
#[test]
fn in_another_user_namespace_the_fix_works() {
    let own = finished(Command::new("id").arg("-u")).stdout;
    let can_change =
        finished(Command::new("setpriv").args(["--reuid", "65534", "unshare", "-U", "-r", "true"]));
    if skip_unless(own == b"0\n" && can_change.status.success(), "root, setpriv and unshare") {
        return;
    }
    let folder = format!("/tmp/rgops-namespace-{}", std::process::id());
    let _ = std::fs::remove_dir_all(&folder);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups", "unshare", "-U", "-r"]);
    command.arg(built::release("cases")).args(["blocked-main", "sleep"]).env("RGOPS_DIR", &folder);
    let target = Running::run(&mut command);
    let answer = crate::ask(&target, "stack", &[]);
    assert_eq!(answer.code, 4);
    assert!(answer.errors.contains("it runs in another user namespace"), "{}", answer.errors);
    let pid = target.pid().to_string();
    let fix = format!("fix: enter its user namespace: nsenter -U -t {pid} rgops …");
    assert!(answer.errors.contains(&fix), "{}", answer.errors);
    let mut fixed = Command::new("nsenter");
    let fixed = finished(fixed.args(["-U", "-t", &pid]).arg(built::release("rgops")).args(["stack", &pid]));
    assert!(fixed.status.success(), "{}", String::from_utf8_lossy(&fixed.stderr));
    let _ = std::fs::remove_dir_all(&folder);
}

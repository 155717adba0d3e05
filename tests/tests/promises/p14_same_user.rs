//! Promise 14: only the same user and root, in both directions. The agent refuses and counts other users, and the
//! client refuses a process that it did not ask for.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rgops_inspect::client::{Client, ClientError, Endpoint};
use rgops_protocol::discovery::SocketName;
use rgops_tests::asking::{TIMEOUTS, connect, counters};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::program::finished;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless};

use crate::p02_listen_fails::{NOBODY, as_nobody};

/// Makes the directory and the socket accessible to all users, like an operator by mistake: the kernel then lets
/// other users in, but the agent does not.
fn open_to_all_users(directory: &Directory, path: &str) {
    fs::set_permissions(directory.sockets(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
}

#[test]
fn another_user_is_refused_and_counted() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    open_to_all_users(&directory, &path);
    let rgops = directory.path().join("rgops");
    built::copy(&built::release("rgops"), &rgops);
    for times in 1..=3 {
        let output = finished(Command::new(&rgops).args(["stack", &path]).uid(NOBODY).gid(NOBODY));
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("65534") && errors.contains("fix:"), "{errors}");
        assert!(output.stdout.is_empty());
        assert_eq!(counters(&path).refused_users, times);
    }
    assert_eq!(counters(&path).malformed, 0);
}

#[test]
fn root_may_inspect_a_users_program() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let mut target = as_nobody(&directory);
    let path = target.listen("");
    assert_eq!(connect(&path).unwrap().hello().pid, target.pid());
    assert_eq!(counters(&path).refused_users, 0);
}

#[test]
fn the_client_refuses_a_process_it_did_not_ask_for() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let real = SocketName::parse(path.rsplit('/').next().unwrap()).unwrap();
    let ask = |expected| Client::connect(&Endpoint::Local { path: path.clone().into(), expected }, TIMEOUTS);
    assert!(ask(Some(real)).is_ok());
    for wrong in
        [SocketName { pid: real.pid + 1, ..real }, SocketName { start_time: real.start_time + 1, ..real }]
    {
        let error = ask(Some(wrong)).unwrap_err();
        assert!(matches!(error, ClientError::AnotherProcess { .. }), "{error:?}");
    }
}

/// Root runs rgops on a user's process. A third user has replaced its socket, or listens behind the user's own file.
#[test]
fn the_client_refuses_a_socket_of_another_owner() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let directory = Directory::new();
    let path = directory.path().join("squatted.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    // The file belongs to nobody and root listens: allowed, but the listener is not an agent.
    chown(&path, Some(NOBODY), None).unwrap();
    let mut impatient = TIMEOUTS;
    impatient.connect = std::time::Duration::from_millis(100);
    let endpoint = Endpoint::Local { path: path.clone(), expected: None };
    let error = Client::connect(&endpoint, impatient).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut), "{error:?}");

    // A user's program, with a file of a third user.
    let mut target = as_nobody(&directory);
    let path = target.listen("");
    chown(&path, Some(NOBODY - 1), None).unwrap();
    let error = connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::ForeignOwner { uid: NOBODY, .. }), "{error:?}");
    assert!(error.to_string().contains("65534"), "{error}");
}

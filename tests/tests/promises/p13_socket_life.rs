//! Promise 13: a client that finds a socket can connect to it (by the rule in section 9 of `protocol/SPEC.md`). The
//! socket is removed at exit, and harmless when it is stale.

use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rgops_inspect::client::{Client, ClientError, Endpoint, Timeouts};
use rgops_protocol::discovery::SocketName;
use rgops_tests::asking::connect;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::program::finished;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

#[test]
fn a_client_that_finds_a_socket_can_connect() {
    let directory = Directory::new();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let mut connects = 0;
            while !is_over.load(Ordering::Relaxed) {
                for name in directory.socket_names() {
                    if SocketName::parse(&name).is_none() {
                        continue;
                    }
                    match connect_by_the_rule(&directory, &name) {
                        Ok(_) => connects += 1,
                        // The target ended between the listing and the connect: then its name must be gone too.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => panic!("{name} was visible: {error}"),
                    }
                }
            }
            connects
        });
        for _ in 0..30 {
            let mut target = Target::start(&directory);
            let path = target.listen("");
            until("the prober connects", || UnixStream::connect(&path).ok());
            // It is stopped first, so the prober sees neither a close nor an exit: the end has its own test.
            target.stop_and_kill(&path);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(prober.join().unwrap() > 0, "the prober never met a socket");
    });
}

/// If the connection is refused, waits for the directory's lock and connects once more.
fn connect_by_the_rule(directory: &Directory, name: &str) -> io::Result<UnixStream> {
    let path = directory.sockets().join(name);
    let connected = UnixStream::connect(&path);
    if !connected.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return connected;
    }
    let open = fs::File::open(directory.sockets())?;
    until("the lock is released", || open.try_lock_shared().ok());
    open.unlock()?;
    UnixStream::connect(&path)
}

#[test]
fn the_socket_is_removed_however_main_ends() {
    for (order, code) in [(None, 0), (Some("exit 0"), 0), (Some("exit 3"), 3)] {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.listen("");
        assert_eq!(directory.socket_names().len(), 1);
        if let Some(order) = order {
            target.send(order);
        }
        assert_eq!(target.end().code(), Some(code));
        assert_eq!(directory.socket_names(), [""; 0], "{order:?}");
    }
}

#[test]
fn after_kill_9_the_list_is_clean_and_the_next_start_sweeps() {
    let directory = Directory::new();
    let mut killed = Target::start(&directory);
    killed.listen("");
    let list = || {
        let mut rgops = std::process::Command::new(built::release("rgops"));
        let output = finished(rgops.arg("--json").env("RGOPS_DIR", directory.sockets()));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let pid = killed.pid();
    let shown = list();
    assert!(
        shown.contains(&format!("\"pid\": {pid},")) || shown.contains(&format!("\"pid\":{pid},")),
        "{shown}"
    );
    killed.kill();
    assert_eq!(directory.socket_names().len(), 1, "no process was left to remove it");
    let shown = list();
    assert!(!shown.contains(&pid.to_string()), "{shown}");

    let mut next = Target::start(&directory);
    next.listen("");
    until("the stale socket is swept", || (directory.socket_names().len() == 1).then_some(()));
    assert!(directory.socket_names()[0].starts_with(&format!("{}-", next.pid())));
}

#[test]
fn sweeping_keeps_files_that_are_not_stale_or_not_ours() {
    let directory = Directory::new();
    let mut first = Target::start(&directory);
    let first_path = first.listen("");
    // As an agent in another pid namespace appears: the name matches no process here, but it answers.
    let elsewhere = directory.sockets().join("4000000-1.sock");
    // Renamed into place: `first` is still sweeping, and a socket that is bound but does not listen yet refuses
    // connections like a stale one. An agent holds the directory's lock meanwhile.
    let unpublished = directory.sockets().join("unpublished");
    let _listener = UnixListener::bind(&unpublished).unwrap();
    fs::rename(&unpublished, &elsewhere).unwrap();
    // A stale file that is not a socket, and a socket whose name is not an agent's.
    let file = directory.sockets().join("4000001-1.sock");
    fs::write(&file, "").unwrap();
    let stranger = directory.sockets().join("stranger");
    fs::write(&stranger, "").unwrap();
    // A stale socket that is swept: so the test knows when the sweep has ended.
    let stale = directory.sockets().join("4000002-1.sock");
    drop(UnixListener::bind(&stale).unwrap());

    let mut second = Target::start(&directory);
    let second_path = second.listen("");
    until("the stale socket is swept", || (!stale.exists()).then_some(()));
    second.order("close");
    let mut third = Target::start(&directory);
    third.listen("");
    until("the second socket is gone", || fs::symlink_metadata(&second_path).is_err().then_some(()));
    for kept in [&elsewhere, &file, &stranger] {
        assert!(kept.exists(), "{}", kept.display());
    }
    assert!(connect(&first_path).is_ok());
}

/// A stale socket whose pid now belongs to another program: the start time in its name differs.
#[test]
fn a_reused_pid_is_not_mistaken_for_the_old_program() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let current = SocketName::parse(path.rsplit('/').next().unwrap()).unwrap();
    let former = SocketName { pid: current.pid, start_time: current.start_time - 100 };
    let stale = directory.sockets().join(former.file_name());
    // Even if an agent answers there.
    fs::hard_link(&path, &stale).unwrap();
    let endpoint = Endpoint::Local { path: stale.clone(), expected: Some(former) };
    let timeouts = Timeouts { connect: Duration::from_secs(5), silence: Duration::from_secs(5) };
    match Client::connect(&endpoint, timeouts) {
        Err(ClientError::AnotherProcess { expected, found }) => {
            assert_eq!((expected, found), (former, current));
        }
        other => panic!("{other:?}"),
    }
    // After the working socket is removed too, the process is listed, but without an agent.
    assert_eq!(target.order("close"), "closed");
    assert!(stale.exists() && fs::symlink_metadata(&path).is_err());
    let mut rgops = std::process::Command::new(built::release("rgops"));
    rgops.args(["stats", &target.pid().to_string()]).env("RGOPS_DIR", directory.sockets());
    let output = finished(&mut rgops);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

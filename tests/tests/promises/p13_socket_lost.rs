//! Promise 13: the socket of a running agent stays, or is recreated, whatever removes it.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rgops_protocol::reply::pprof_cpu::PprofCpuPart;
use rgops_protocol::request::{PprofCpuRequest, Request};
use rgops_tests::asking::{connect, stats};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::{skip_unless, until};

fn inode(path: &str) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
}

/// The socket exists again, with the same properties.
fn comes_back(target: &Target, path: &str, former: u64) {
    until("the socket is recreated", || {
        (inode(path).is_some_and(|inode| inode != former) && connect(path).is_ok()).then_some(())
    });
    let metadata = fs::symlink_metadata(path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    let folder = fs::symlink_metadata(Path::new(path).parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o7777, 0o700);
    assert_eq!(connect(path).unwrap().hello().pid, target.pid());
}

/// As distributions run it every day, but with the shortest age: unused files are removed at once.
#[test]
fn systemd_tmpfiles_keeps_the_socket() {
    let has = Command::new("systemd-tmpfiles").arg("--version").output().is_ok();
    if skip_unless(has, "systemd-tmpfiles") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let stale = directory.sockets().join("4000000-1.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let settings = directory.path().join("tidy.conf");
    fs::write(&settings, format!("e {} - - - 0\n", directory.sockets().display())).unwrap();
    let before = inode(&path);
    let tidied = Command::new("systemd-tmpfiles").arg("--clean").arg(&settings).output().unwrap();
    assert!(tidied.status.success(), "{tidied:?}");
    assert!(!stale.exists(), "it removes sockets without a listener: {tidied:?}");
    assert_eq!(inode(&path), before, "{tidied:?}");
    assert!(connect(&path).is_ok());
    // With or without requests, the kernel lists the socket by its name.
    let listed = fs::read_to_string(format!("/proc/{}/net/unix", target.pid())).unwrap();
    assert!(listed.lines().any(|line| line.ends_with(&format!(" {path}"))), "{listed}");
}

#[test]
fn a_removed_socket_is_recreated_and_removed_at_exit() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    for turn in 0..3 {
        let former = inode(&path).unwrap();
        match turn {
            0 => fs::remove_file(&path).unwrap(),
            1 => {
                let removed = Command::new("rm").arg("-rf").arg(directory.sockets()).output().unwrap();
                assert!(removed.status.success(), "{removed:?}");
            }
            _ => fs::rename(&path, directory.sockets().join("elsewhere")).unwrap(),
        }
        comes_back(&target, &path, former);
    }
    fs::remove_file(directory.sockets().join("elsewhere")).unwrap();
    assert_eq!(target.order("close"), "closed");
    assert_eq!(directory.socket_names(), [""; 0]);

    let path = target.listen("");
    let former = inode(&path).unwrap();
    fs::remove_file(&path).unwrap();
    comes_back(&target, &path, former);
    target.send("exit 0");
    assert_eq!(target.end().code(), Some(0));
    assert_eq!(directory.socket_names(), [""; 0], "gone at exit");
}

#[test]
fn connections_of_the_removed_socket_continue() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    // An answer that runs until it is told to end, as a connection without a request is closed after 5 s.
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 600_000, hz: 99 });
    let mut answer = connect(&path).unwrap().ask(&request).unwrap();
    let former = inode(&path).unwrap();
    fs::remove_file(&path).unwrap();
    comes_back(&target, &path, former);
    answer.finisher().finish();
    answer.collect::<PprofCpuPart>(&mut |_| {}).end.unwrap();
    assert!(stats(&path).uptime_ns.value().is_some());
}

/// The agent does not touch a name that belongs to another socket.
#[test]
fn a_name_taken_by_another_socket_is_not_reclaimed() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let theirs = directory.sockets().join("theirs");
    let listener = UnixListener::bind(&theirs).unwrap();
    fs::rename(&theirs, &path).unwrap();
    let taken = inode(&path);
    // The agent has had time to react: this order arrives another way.
    let tcp = target.order("panics");
    assert_eq!(tcp, "0");
    let connected = std::os::unix::net::UnixStream::connect(&path).unwrap();
    listener.accept().unwrap();
    drop(connected);
    assert_eq!(target.order("close"), "closed");
    assert_eq!(inode(&path), taken, "closing removes only what is ours");
}

#[test]
fn a_socket_with_a_long_path_is_also_recreated() {
    let directory = Directory::new();
    let deep = directory.path().join("d".repeat(120));
    let mut target = Target::start(&directory);
    let path = target.listen(&format!("directory={}", deep.display()));
    let former = inode(&path).unwrap();
    fs::remove_file(&path).unwrap();
    until("the socket is recreated", || {
        (inode(&path).is_some_and(|inode| inode != former) && connect(&path).is_ok()).then_some(())
    });
}

/// A foreign process that holds the directory's lock delays the agent, but does not stop it.
#[test]
fn a_locked_directory_delays_listening_for_a_second() {
    let directory = Directory::new();
    let mut first = Target::start(&directory);
    first.listen("");
    let open = fs::File::open(directory.sockets()).unwrap();
    open.lock().unwrap();
    let mut second = Target::start(&directory);
    let path = second.listen("");
    assert!(connect(&path).is_ok());
    drop(open);
}

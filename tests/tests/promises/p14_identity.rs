//! Promise 14: the answering process is the requested one. Root runs rgops on another user's process whose socket,
//! directory and links are swapped meanwhile, and no answer ever comes from another process.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rgops_inspect::client::ClientError;
use rgops_protocol::discovery::SocketName;
use rgops_tests::asking::connect;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::impostor;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless};

use crate::p02_listen_fails::{NOBODY, as_nobody};
use crate::p13_deleted_socket::rgops_in;

/// Number of concurrent clients. A refused one waits up to a second until the socket is the victim's again.
const CLIENTS: u32 = 6;

/// Number of requests of each client.
fn rounds() -> u32 {
    if std::env::var_os("RGOPS_LONG").is_some() { 350 } else { 10 }
}

/// A process of the other user that runs a script until the test ends.
struct Attacker(Child);

impl Attacker {
    fn start(script: &str) -> Attacker {
        let mut command = Command::new("/bin/sh");
        Attacker(command.args(["-c", script]).uid(NOBODY).gid(NOBODY).spawn().unwrap())
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs rgops on the victim again and again; every answer must be the victim's.
fn ask_under_attack(directory: &Directory, victim: &Target, script: &str) {
    let attacker = Attacker::start(script);
    let pid = victim.pid().to_string();
    let (answers, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    let ask = || {
        let answer = rgops_in(directory, &["version", &pid, "--json", "--timeout", "5"]);
        assert!(!format!("{answer:?}").contains(impostor::NAME), "{answer:?}");
        assert!([0, 3, 4].contains(&answer.code), "{answer:?}");
        if answer.code == 0 {
            assert_eq!(answer.json()["process"]["pid"], victim.pid(), "{}", answer.output);
            assert_eq!(answer.json()["process"]["name"], "victim", "{}", answer.output);
            answers.fetch_add(1, Relaxed);
        } else {
            assert!(answer.errors.contains("rgops: "), "{answer:?}");
            refused.fetch_add(1, Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| (0..rounds()).for_each(|_| ask()));
        }
    });
    println!("{answers:?} answers, {refused:?} refused");
    drop(attacker);
}

/// A victim, and a process of the same user that claims in its hello to be the victim. It listens under the victim's
/// file name in another directory, or under another name.
fn victim_and_impostor(same_name: bool) -> (Directory, Target, String, Directory, Target, String) {
    let (home, elsewhere) = (Directory::new(), Directory::new());
    let (mut victim, mut impostor) = (as_nobody(&home), as_nobody(&elsewhere));
    let own = victim.listen("name=victim");
    let name = own.rsplit('/').next().unwrap();
    let SocketName { pid, start_time } = SocketName::parse(name).unwrap();
    let file = if same_name { name } else { "another.sock" };
    let other = elsewhere.sockets().join(file).display().to_string();
    assert_eq!(impostor.order(&format!("impostor {other} {pid} {start_time}")), "listening");
    (home, victim, own, elsewhere, impostor, other)
}

#[test]
fn a_swapped_socket_is_never_mistaken_for_the_checked_one() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let (home, victim, own, _elsewhere, _impostor, other) = victim_and_impostor(false);
    let script = format!(
        "while :; do ln -f {other} {own}.new; mv {own} {own}.old; mv {own}.new {own}; \
         mv {own} {own}.new; mv {own}.old {own}; ln -sf {other} {own}.link; mv {own} {own}.old; \
         mv {own}.link {own}; mv -T {own}.old {own}; done 2>/dev/null"
    );
    ask_under_attack(&home, &victim, &script);
}

#[test]
fn a_swapped_directory_is_never_mistaken_for_the_checked_one() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let (home, victim, own, elsewhere, _impostor, other) = victim_and_impostor(true);
    // The directory above belongs to the attacker for this.
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let (name, ours, theirs) = (own.rsplit('/').next().unwrap(), home.sockets(), elsewhere.sockets());
    chown(elsewhere.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let (ours, theirs) = (ours.display(), theirs.display());
    let script = format!(
        "while :; do mv -T {ours} {ours}.old; ln -s {theirs} {ours}; \
         rm {ours}; mkdir -m 700 {ours}; ln -f {other} {ours}/{name}; rm -r {ours}; mv -T {ours}.old {ours}; \
         done 2>/dev/null"
    );
    ask_under_attack(&home, &victim, &script);
}

/// Without a race: each attack by itself, and the reported reason.
#[test]
fn a_socket_that_is_not_the_processs_own_is_refused_with_a_reason() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let (home, victim, own, elsewhere, impostor, other) = victim_and_impostor(false);
    let pid = victim.pid().to_string();
    let refused = |what: &str, parts: &[&str]| {
        let answer = rgops_in(&home, &["version", &pid]);
        println!("{what}: {} {}", answer.code, answer.errors);
        assert!([3, 4].contains(&answer.code), "{what}: {answer:?}");
        for part in parts {
            assert!(answer.errors.contains(part), "{what}: no {part} in {}", answer.errors);
        }
        assert!(answer.errors.contains("fix:") && !answer.errors.contains("chmod"), "{}", answer.errors);
    };
    let kept = format!("{own}.kept");
    fs::rename(&own, &kept).unwrap();
    // Another process's socket under the victim's name: the kernel reports who listens.
    fs::hard_link(&other, &own).unwrap();
    refused("a hard link", &[&impostor.pid().to_string()]);
    fs::remove_file(&own).unwrap();
    symlink(&other, &own).unwrap();
    refused("a link", &["is not a socket or leads through a symbolic link"]);
    fs::remove_file(&own).unwrap();
    fs::write(&own, "").unwrap();
    refused("a file", &["is not a socket or leads through a symbolic link"]);
    fs::remove_file(&own).unwrap();
    fs::rename(&kept, &own).unwrap();
    // A directory that others can write to.
    for mode in [0o777, 0o1777, 0o770, 0o720] {
        fs::set_permissions(home.sockets(), Permissions::from_mode(mode)).unwrap();
        refused("an open directory", &["other users can write"]);
    }
    fs::set_permissions(home.sockets(), Permissions::from_mode(0o700)).unwrap();
    // A link in place of the directory.
    let aside = home.path().join("aside");
    fs::rename(home.sockets(), &aside).unwrap();
    symlink(&aside, home.sockets()).unwrap();
    refused("a linked directory", &["link"]);
    fs::remove_file(home.sockets()).unwrap();
    fs::rename(&aside, home.sockets()).unwrap();
    // A directory of a third user.
    chown(home.sockets(), Some(NOBODY - 1), None).unwrap();
    refused("a third user's directory", &["65533"]);
    chown(home.sockets(), Some(NOBODY), None).unwrap();
    let answer = rgops_in(&home, &["version", &pid]);
    assert_eq!(answer.code, 0, "{answer:?}");
    drop(elsewhere);
}

/// A fork child that listens on a socket with its parent's name is not its parent.
#[test]
fn a_child_is_not_mistaken_for_its_parent() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let answer = target.order("fork listen");
    let (child, address) = answer.split_once(" listening ").unwrap();
    target.line();
    fs::remove_file(&path).unwrap();
    fs::rename(address.trim(), &path).unwrap();
    let error = rgops_in(&directory, &["version", &target.pid().to_string()]);
    println!("{} {}", error.code, error.errors);
    assert!([3, 4].contains(&error.code), "{error:?}");
    assert!(error.errors.contains(child), "{error:?}");
}

/// Other users cannot replace our socket in a sticky directory; they could replace anyone else's.
#[test]
fn a_forwarded_socket_in_tmp_is_accepted_if_it_is_our_own() {
    let path = std::env::temp_dir().join(format!("rgops-forwarded-{}.sock", std::process::id()));
    let _listener = UnixListener::bind(&path).unwrap();
    let mut timeouts = rgops_tests::asking::TIMEOUTS;
    timeouts.connect = std::time::Duration::from_millis(200);
    let endpoint = rgops_inspect::client::Endpoint::Local { path: path.clone(), expected: None };
    let error = rgops_inspect::client::Client::connect(&endpoint, timeouts).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut), "{error:?}");
    fs::remove_file(&path).unwrap();
    assert!(connect(path.to_str().unwrap()).is_err());
    let _ = built::release("rgops");
}

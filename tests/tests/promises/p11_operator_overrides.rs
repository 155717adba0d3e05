//! Promise 11: the operator decides: `RGOPS=off` opens nothing, and `close()` leaves nothing behind.

use rgops_tests::asking::{self, Raw, connect};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

#[test]
fn a_switched_off_listen_opens_nothing_and_succeeds() {
    let directory = Directory::new();
    let mut target = Target::start_with(&directory, |command| {
        command.env("RGOPS", "off");
    });
    let (descriptors, threads) = (target.descriptors(), target.threads());
    // Not even the token file is read: the operator may have removed it.
    assert_eq!(target.order("listen tcp=127.0.0.1:0 token-file=/nonexistent"), "listening off");
    assert_eq!((target.descriptors(), target.threads()), (descriptors, threads));
    assert!(!directory.sockets().exists());
    assert_eq!(target.order("close"), "closed");
    assert!(target.end().success());
}

#[test]
fn close_leaves_nothing_behind() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("tokio");
    let before = (target.descriptors(), target.threads());
    for turn in 0..20 {
        let path = target.listen("tcp=127.0.0.1:0 token=0123456789abcdef");
        // Also with connections in every state: silent, after the handshake, and answered.
        let silent = Raw::connect(&path).unwrap();
        let greeted = Raw::greeted(&path);
        asking::stats(&path);
        assert_eq!(target.order("close"), "closed");
        drop((silent, greeted));
        assert_eq!(directory.socket_names(), [""; 0], "turn {turn}");
        assert!(connect(&path).is_err());
        // The thread has ended; the kernel may need a moment to remove it from its list.
        until("no thread is left", || (target.threads() == before.1).then_some(()));
        assert_eq!(target.descriptors(), before.0, "turn {turn}");
    }
    assert!(target.end().success());
}

#[test]
fn a_second_listen_reports_the_address_of_the_first() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    let answer = target.order("listen");
    assert!(answer.starts_with("failed AlreadyListening: ") && answer.contains(&path), "{answer}");
    assert!(connect(&path).is_ok(), "the first continues");
}

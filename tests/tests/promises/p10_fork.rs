//! Promise 10: fork is safe. The child has no agent, removes nothing of the parent's, and may
//! start its own.

use rgops_tests::asking::connect;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;

#[test]
fn a_child_that_exits_removes_nothing() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    for _ in 0..5 {
        let answer = target.order("fork exit");
        assert!(answer.starts_with("forked "), "{answer}");
    }
    let client = connect(&path).unwrap();
    assert_eq!(client.hello().pid, target.pid());
}

#[test]
fn a_child_may_listen_itself_and_close_touches_only_its_own() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let parents = target.listen("");
    let child = target.order("fork listen");
    let (pid, answer) = child.split_once(' ').unwrap();
    let childs = answer.strip_prefix("listening ").unwrap_or_else(|| panic!("{answer}")).trim();
    assert_eq!(target.line(), format!("forked {pid}"));

    assert_ne!(childs, parents);
    assert_eq!(connect(childs).unwrap().hello().pid.to_string(), pid);
    assert_eq!(connect(&parents).unwrap().hello().pid, target.pid());
    assert_ne!(connect(childs).unwrap().hello().cookie, connect(&parents).unwrap().hello().cookie);
    // One agent's thread in each: the parent's was not doubled.
    assert_eq!(target.threads().iter().filter(|(_, name)| name == "rgops-agent").count(), 1);

    assert_eq!(target.order("close"), "closed");
    assert!(connect(&parents).is_err());
    assert_eq!(connect(childs).unwrap().hello().pid.to_string(), pid, "the child goes on");
}

/// A child of a program that listens has the parent's sockets open, but nobody who answers; when
/// the parent is gone, a client must be refused and not left waiting.
#[test]
fn a_child_without_an_agent_answers_for_nobody() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    target.order("fork stay");
    assert_eq!(target.order("close"), "closed");
    assert!(connect(&path).is_err());
    assert_eq!(directory.socket_names(), [""; 0]);
}

//! Promise 1: linking the agent, or any of its cargo features, opens no descriptor and starts no thread. The features
//! are linked with `cargo test -p rgops-tests --features every-feature`.

use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

#[test]
fn linking_without_listening_opens_nothing() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let numbers = |target: &Target| -> Vec<String> {
        target.descriptors().into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers(&target), ["0", "1", "2"], "{:?}", target.descriptors());
    assert_eq!(target.threads(), [(target.pid(), "target".to_owned())]);
    assert!(!directory.sockets().exists());
    // Make sure that the agent is linked at all.
    target.listen("");
    // A new thread first has the name of the thread that started it.
    until("the threads have their names", || {
        let names: Vec<String> = target.threads().into_iter().map(|(_, name)| name).collect();
        (names == ["target", "rgops-agent", "rgops-epoll"]).then_some(())
    });
    assert_eq!(numbers(&target), ["0", "1", "2", "3"], "a mark and nothing else: {:?}", target.descriptors());
    assert!(target.agents_descriptors().len() > 3);
}

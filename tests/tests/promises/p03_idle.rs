//! Promise 3: idle costs nothing. The agent's threads are not woken once, so they use no CPU.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use rgops_tests::asking::stats;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

#[test]
fn an_idle_agent_is_never_woken() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("runtime 2");
    let path = target.listen("tcp=127.0.0.1:0 token=0123456789abcdef");
    // Not only fresh: also when it was asked something.
    stats(&path);
    // And when its socket was made anew, which is watched from then on as before.
    let inode = |path: &str| std::fs::symlink_metadata(path).ok().map(|metadata| metadata.ino());
    let former = inode(&path);
    std::fs::remove_file(&path).unwrap();
    until("the socket is made anew", || inode(&path).filter(|_| inode(&path) != former));
    stats(&path);
    // The agent's, the one that waits for its sockets, and the one that starts others. What these started for
    // an answer, as the look for Tokio's thread-local, ends by itself.
    let threads = until("only the threads are left that stay", || {
        let named = target.threads().into_iter().filter(|(_, name)| name.starts_with("rgops-"));
        let ids: Vec<u32> = named.map(|(id, _)| id).collect();
        (ids.len() <= 3).then_some(ids)
    });
    assert_eq!(threads.len(), 3, "{:?}", target.threads());
    let switches = || -> u64 {
        let of = |thread, field| target.status(Some(thread), field).parse::<u64>().unwrap();
        let both = |thread| of(thread, "voluntary_ctxt_switches") + of(thread, "nonvoluntary_ctxt_switches");
        threads.iter().map(|thread| both(*thread)).sum()
    };
    // The last connection's end, and its linger.
    let mut last = switches();
    let mut since = Instant::now();
    until("the agent settles", || {
        let now = switches();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(1)).then_some(())
    });

    let seconds = if std::env::var_os("RGOPS_LONG").is_some() { 60 } else { 10 };
    // The one place where time itself is what is tested.
    std::thread::sleep(Duration::from_secs(seconds));
    assert_eq!(switches(), last, "context switches of the agent's threads in {seconds} s");
}

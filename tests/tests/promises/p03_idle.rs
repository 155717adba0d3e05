//! Promise 3: idle costs nothing. The agent's threads are never woken, so they use no CPU.

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
    // Not only after the start, but also after a request.
    stats(&path);
    // And after it recreated its socket, which it watches from then on as before.
    let inode = |path: &str| std::fs::symlink_metadata(path).ok().map(|metadata| metadata.ino());
    let former = inode(&path);
    std::fs::remove_file(&path).unwrap();
    until("the socket is recreated", || inode(&path).filter(|_| inode(&path) != former));
    stats(&path);
    // The agent's thread, the one that waits for its sockets, and the one that starts others. Threads for an answer,
    // such as the search for Tokio's thread-local, end by themselves.
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
    // Includes the end of the last connection, and its linger time.
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
    // The only place where elapsed time itself is tested.
    std::thread::sleep(Duration::from_secs(seconds));
    assert_eq!(switches(), last, "context switches of the agent's threads in {seconds} s");
}

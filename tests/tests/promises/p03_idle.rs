//! Promise 3: idle costs nothing. The agent's thread is not woken once, so it uses no CPU.

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
    let thread = target.agent_thread().unwrap();
    let switches = || {
        let of = |field| target.status(Some(thread), field).parse::<u64>().unwrap();
        of("voluntary_ctxt_switches") + of("nonvoluntary_ctxt_switches")
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
    assert_eq!(switches(), last, "context switches of the agent's thread in {seconds} s");
}

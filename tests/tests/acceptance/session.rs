//! The inspector as a library: one session asks `shop` one question after the other, also after its first connection
//! is gone, and a stop ends the command that it was meant for.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rgops_inspect::session::{
    Answer, CpuProfile, CpuProfileOptions, SchedtraceOptions, Session, SessionOptions, StackOptions, Stats,
    StatsOptions, TasksOptions,
};
use rgops_tests::built;
use rgops_tests::running::Running;
use rgops_tests::waiting::until;
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_session_asks_everything_and_a_stop_ends_one_command() {
    let _alone = crate::alone();
    let shop = Running::start(&built::release("shop"), &["--load", "100"]);
    let found = Session::find(&shop.pid().to_string(), SessionOptions::default()).unwrap();
    assert_eq!(found.unseen(), 0);
    let mut session = found.connect().unwrap();
    assert_eq!((session.name(), session.pid(), session.local_pid()), ("shop", shop.pid(), Some(shop.pid())));

    // An agent closes a connection without a request after 5 s: the session connects again.
    until("the agent closes the unused connection", || (refused_limits(&shop) == 1).then_some(()));
    let stack = session.stack(&StackOptions::default()).unwrap();
    assert!(stack.completeness().broken_off().is_none(), "{:?}", stack.completeness());
    assert!(stack.threads().iter().any(|thread| thread.name == "shop"), "{:?}", stack.threads());

    let tasks = session.tasks(&TasksOptions::default(), &mut |_| {}).unwrap();
    assert!(tasks.completeness().broken_off().is_none(), "{:?}", tasks.completeness());
    assert!(!tasks.tasks().is_empty());

    let stats = session.stats(&StatsOptions::default()).unwrap();
    assert!(stats.completeness().is_complete(), "{:?}", stats.completeness());
    let document = document(&stats);
    assert_eq!(document["process"]["pid"], shop.pid());
    // The unused connection, and no other.
    assert_eq!(document["agent"]["refused_limits"], 1, "{document:#}");

    // Without a stop this trace has no end.
    let stopper = session.stopper();
    let mut trace =
        session.schedtrace(&SchedtraceOptions::default().interval(Duration::from_millis(50))).unwrap();
    let moment = trace.next_moment().unwrap().expect("it has no end yet");
    assert!(moment.lines.iter().any(|line| line.runtime() == "main"), "{moment:?}");
    stopper.stop();
    while trace.next_moment().unwrap().is_some() {}
    assert!(trace.completeness().is_complete(), "{:?}", trace.completeness());
    drop(trace);
    has_its_whole_length(&profile(&mut session));

    stop_in_stack(&mut session, &shop);
    has_its_whole_length(&profile(&mut session));
}

/// Connections that the agent refused or closed at one of its limits, asked by another session.
fn refused_limits(shop: &Running) -> u64 {
    let stats = Session::connect(&shop.pid().to_string()).unwrap().stats(&StatsOptions::default()).unwrap();
    document(&stats)["agent"]["refused_limits"].as_u64().unwrap()
}

fn document(stats: &Stats) -> Value {
    serde_json::from_str(&stats.json(&Default::default()).to_line().unwrap()).unwrap()
}

fn profile(session: &mut Session) -> CpuProfile {
    session.cpu_profile(&CpuProfileOptions::default().duration(SECOND), &mut |_| {}).unwrap()
}

fn has_its_whole_length(profile: &CpuProfile) {
    let length = Duration::from_nanos(profile.profile().duration_nanos.try_into().unwrap());
    assert!(length >= SECOND, "{length:?}: {:?}", profile.completeness());
}

/// Stops the session while it asks for the stacks: the program stands still until then, so the answer cannot come
/// before.
fn stop_in_stack(session: &mut Session, shop: &Running) {
    let stopper = session.stopper();
    let caller = Path::new("/proc").join(fs::read_link("/proc/thread-self").unwrap());
    let is_asking = AtomicBool::new(false);
    shop.signal("STOP");
    let stack = thread::scope(|scope| {
        scope.spawn(|| {
            let is_waiting = || is_asking.load(Ordering::SeqCst) && is_asleep(&caller);
            until("the session waits for the program", || is_waiting().then_some(()));
            stopper.stop();
            shop.signal("CONT");
        });
        is_asking.store(true, Ordering::SeqCst);
        session.stack(&StackOptions::default()).unwrap()
    });
    assert!(stack.completeness().broken_off().is_none(), "{:?}", stack.completeness());
}

fn is_asleep(thread: &Path) -> bool {
    let stat = fs::read_to_string(thread.join("stat")).unwrap();
    stat.rsplit(") ").next().unwrap().starts_with('S')
}

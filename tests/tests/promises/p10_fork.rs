//! Promise 10: fork is safe. The child has no agent, removes nothing of the parent's, and may start its own agent.

use rgops_inspect::client::Event;
use rgops_protocol::reply::pprof_cpu::{CpuTotals, PprofCpuPart};
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::request::{PprofCpuRequest, Request, StackRequest};
use rgops_tests::asking::{ask, connect};
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
    // One agent thread in each process: the parent has no second one.
    assert_eq!(target.threads().iter().filter(|(_, name)| name == "rgops-agent").count(), 1);

    assert_eq!(target.order("close"), "closed");
    assert!(connect(&parents).is_err());
    assert_eq!(connect(childs).unwrap().hello().pid.to_string(), pid, "the child continues");
}

/// A child of a listening program must not keep the parent's sockets open. After the parent ends, a client is refused
/// and does not wait.
#[test]
fn a_child_without_an_agent_does_not_answer_for_its_parent() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    target.order("fork stay");
    assert_eq!(target.order("close"), "closed");
    assert!(connect(&path).is_err());
    assert_eq!(directory.socket_names(), [""; 0]);
}

fn totals(parts: Vec<PprofCpuPart>) -> CpuTotals {
    let totals = parts.into_iter().find_map(|part| match part {
        PprofCpuPart::Totals(totals) => Some(totals),
        _ => None,
    });
    totals.unwrap()
}

/// Timers and pending signals are not inherited (fork(2)). The handler is, and only forwards signals.
#[test]
fn a_child_forked_in_a_profile_has_no_timers_and_may_capture_itself() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("burn");
    let path = target.listen("");
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 600_000, hz: 999 });
    let mut answer = connect(&path).unwrap().ask(&request).unwrap();
    while !matches!(answer.next_event().unwrap(), Event::Progress(_)) {}

    let child = target.order("fork listen");
    let (child, listening) = child.split_once(' ').unwrap();
    let childs = listening.strip_prefix("listening ").unwrap_or_else(|| panic!("{listening}")).trim();
    assert_eq!(target.line(), format!("forked {child}"));
    let timers = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/timers")).unwrap();
    assert_eq!(timers(child), "");
    assert_ne!(timers(&target.pid().to_string()), "", "the parent's profile runs");
    // Not a signal of ours. The default disposition would end the child, but the inherited handler takes it.
    let pid: libc::pid_t = child.parse().unwrap();
    // SAFETY: kill(2) takes numbers. The pid belongs to the target's child, which lives as long as the target.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGPROF) }, 0);

    // The child's own captures work while the parent's profile continues.
    let stack = Request::Stack(StackRequest { max_depth: 64 });
    let dump = ask::<StackPart>(childs, &stack).unwrap();
    dump.end.unwrap();
    let Some(StackPart::Summary(summary)) = dump.parts.last() else { panic!("no summary") };
    assert_eq!((summary.threads, summary.captured), (3, 3), "its main thread and its agent's two");
    let profile =
        ask::<PprofCpuPart>(childs, &Request::PprofCpu(PprofCpuRequest { duration_ms: 100, hz: 999 }))
            .unwrap();
    profile.end.unwrap();
    assert_eq!(totals(profile.parts).timer_failures, 0);
    assert_eq!(timers(child), "");
    assert_ne!(timers(&target.pid().to_string()), "", "the parent's profile still runs");

    answer.finisher().finish();
    let profile = answer.collect::<PprofCpuPart>(&mut |_| {});
    profile.end.unwrap();
    let totals = totals(profile.parts);
    assert!(totals.weight > 0 && totals.foreign_signals == 0, "{totals:?}");
}

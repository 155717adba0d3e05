//! Promise 18: one expensive command at a time. The second one gets an error that names the running one and its
//! start. Closing the connection cancels the command and restores everything.

use rgops_inspect::client::{Client, ClientError, Event};
use rgops_protocol::error::Code;
use rgops_protocol::reply::pprof_cpu::PprofCpuPart;
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::request::{Command, PprofCpuRequest, Request, StackRequest};
use rgops_tests::asking::{ask, connect, counters};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

/// The program's POSIX timers, as the kernel lists them.
fn timers(target: &Target) -> String {
    std::fs::read_to_string(format!("/proc/{}/timers", target.pid())).unwrap()
}

fn profile(duration_ms: u64) -> Request {
    Request::PprofCpu(PprofCpuRequest { duration_ms, hz: 99 })
}

/// Starts a profile; returns when its first progress has arrived.
fn begin(client: Client, request: &Request) -> rgops_inspect::client::Answer {
    let mut answer = client.ask(request).unwrap();
    while !matches!(answer.next_event().unwrap(), Event::Progress(_)) {}
    answer
}

#[test]
fn the_second_command_is_refused_with_the_name_and_start_of_the_first() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("burn");
    let path = target.listen("");
    let running = begin(connect(&path).unwrap(), &profile(600_000));
    for request in [profile(100), Request::Stack(StackRequest { max_depth: 64 })] {
        match ask::<StackPart>(&path, &request).unwrap().end {
            Err(ClientError::Agent(error)) => {
                assert_eq!(error.code(), Code::Busy, "{error}");
                let text = error.to_string();
                assert!(text.contains("pprof-cpu has been running for "), "{text}");
                assert!(text.contains(request.command().name()), "{text}");
                for command in Command::ALL.into_iter().filter(|command| command.is_exclusive()) {
                    assert!(
                        error.fix.contains(command.name()),
                        "{} is not in: {}",
                        command.name(),
                        error.fix
                    );
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let counted = counters(&path);
    assert_eq!(counted.busy, 2, "cheap commands are answered meanwhile");
    drop(running);
}

#[test]
fn closing_the_connection_during_a_profile_restores_everything() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("burn");
    let path = target.listen("");
    assert!(!target.handles(libc::SIGPROF) && timers(&target).is_empty());
    for turn in 1..=3 {
        let running = begin(connect(&path).unwrap(), &profile(600_000));
        assert!(target.handles(libc::SIGPROF), "it samples");
        assert!(!timers(&target).is_empty(), "it samples");
        drop(running);
        until("the signal is restored", || (!target.handles(libc::SIGPROF)).then_some(()));
        until("the timers are gone", || timers(&target).is_empty().then_some(()));
        until("it is counted", || (counters(&path).cancelled == turn).then_some(()));
        let next = ask::<PprofCpuPart>(&path, &profile(50)).unwrap();
        assert!(next.end.is_ok(), "a new one can start: {:?}", next.end);
    }
    assert!(!target.handles(libc::SIGPROF) && timers(&target).is_empty());
}

/// The same if the client is a process that is killed, which sends no goodbye.
#[test]
fn killing_the_client_cancels() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("burn");
    let path = target.listen("");
    let mut client = std::process::Command::new(rgops_tests::built::release("rgops"))
        .args(["pprof-cpu", &path, "--duration", "600", "--output"])
        .arg(directory.path().join("profile.pb.gz"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("it samples", || target.handles(libc::SIGPROF).then_some(()));
    client.kill().unwrap();
    client.wait().unwrap();
    until("the signal is restored", || (!target.handles(libc::SIGPROF)).then_some(()));
    until("the timers are gone", || timers(&target).is_empty().then_some(()));
    assert!(ask::<PprofCpuPart>(&path, &profile(50)).unwrap().end.is_ok());
}

/// The same if the agent is closed during the profile.
#[test]
fn close_cancels() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("burn");
    let path = target.listen("");
    let mut running = begin(connect(&path).unwrap(), &profile(600_000));
    assert_eq!(target.order("close"), "closed");
    assert!(!target.handles(libc::SIGPROF) && timers(&target).is_empty());
    let end = loop {
        if let Err(error) = running.next_event() {
            break error;
        }
    };
    // The process lives; only its agent has ended.
    assert!(matches!(end, ClientError::Closed), "{end:?}");
}

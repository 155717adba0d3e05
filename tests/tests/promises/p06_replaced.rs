//! Promise 6: a program may replace itself, fork or change its user at any moment of a request. It continues unharmed
//! (see also `p06_exec.rs`). The client reports what happened, and never recommends a step that leads back to the
//! same error.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rgops_inspect::client::Client;
use rgops_inspect::client::Endpoint;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::request::{Request, StatsRequest};
use rgops_tests::asking::TIMEOUTS;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::running::Answer;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless, until};

use crate::p02_listen_fails::NOBODY;
use crate::p13_deleted_socket::{is_marked, rgops_in};

/// What the program does during the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Executes itself again, without an agent.
    Exec,
    /// Executes a program that is not written in Rust.
    Other,
    Ends,
}

impl Change {
    fn happen(self, target: &mut Target) {
        match self {
            Change::Exec => assert_eq!(target.order("exec"), "ready"),
            Change::Other => target.send("exec /bin/sleep 1000"),
            Change::Ends => target.kill(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Change::Exec | Change::Other => "replaced itself (execve)",
            Change::Ends => "ended",
        }
    }

    /// The fix that a client shows.
    fn fix(self) -> &'static str {
        match self {
            Change::Exec | Change::Other => {
                "run the command again if `rgops` marks the process with *: the new program then has an agent"
            }
            Change::Ends => "",
        }
    }
}

const CHANGES: [Change; 3] = [Change::Exec, Change::Other, Change::Ends];

#[test]
fn a_program_that_replaced_itself_no_longer_has_an_agent() {
    for (other, fix) in [
        ("", "fix: the program that runs now has to call rgops_agent::listen itself"),
        ("/bin/sleep 1000", "fix: to list the Rust processes, run: rgops\n"),
    ] {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        target.listen("");
        let pid = target.pid().to_string();
        assert!(is_marked(&directory, target.pid()));
        let before = fs::read(format!("/proc/{pid}/auxv")).unwrap();
        target.send(&format!("exec {other}"));
        until("it is another program", || {
            let now = fs::read(format!("/proc/{pid}/auxv")).unwrap_or_default();
            (!now.is_empty() && now != before && directory.socket_names().len() == 1).then_some(())
        });
        assert!(!is_marked(&directory, target.pid()), "exec {other}");
        let list = rgops_in(&directory, &["tree"]);
        assert!(!list.output.contains(&format!("[*]  {pid} ")), "{}", list.output);
        for command in ["stack", "tasks", "stats", "memstats", "version"] {
            let answer = rgops_in(&directory, &[command, &pid]);
            assert_eq!(answer.code, 3, "{answer:?}");
            let reason = "the program replaced itself (execve) or closed the agent's descriptors";
            assert!(answer.errors.contains(reason), "{}", answer.errors);
            assert!(answer.errors.contains(fix), "{}", answer.errors);
        }
        let info = rgops_in(&directory, &[&pid]);
        assert_eq!(info.code, 0);
        assert!(info.output.contains("agent:\tnone"), "{}", info.output);
    }
}

/// After the handshake, before and after the request was sent.
#[test]
fn a_change_between_hello_and_request_is_reported() {
    for change in CHANGES {
        let directory = Directory::new();
        let mut target = Target::start(&directory);
        let path = target.listen("");
        let endpoint = Endpoint::Local { path: path.into(), expected: None };
        let client = Client::connect(&endpoint, TIMEOUTS).unwrap();
        change.happen(&mut target);
        let request = Request::Stats(StatsRequest { window_ms: 10 });
        let error = match client.ask(&request) {
            Ok(mut answer) => answer.collect::<StatsReply>(&mut |_| {}).end.unwrap_err(),
            Err(error) => error,
        };
        println!("{change:?}: {error}; fix: {}", error.fix());
        assert!(error.to_string().contains(change.words()), "{change:?}: {error}");
        assert_eq!(error.fix(), change.fix(), "{change:?}: {error}");
    }
}

fn asking(directory: &Directory, arguments: &[&str]) -> Child {
    let mut command = Command::new(built::release("rgops"));
    command.args(arguments).env("RGOPS_DIR", directory.sockets()).current_dir(directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn answer_of(child: Child) -> Answer {
    let output = child.wait_with_output().unwrap();
    Answer {
        took: Duration::ZERO,
        code: output.status.code().expect("rgops is not killed"),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Long commands are interrupted by the change in the middle of the answer.
#[test]
fn a_change_during_an_answer_is_reported() {
    for change in CHANGES {
        for command in [
            &["pprof-cpu", "--duration", "60"][..],
            &["trace", "--duration", "60"],
            &["stats", "--duration", "2s"],
            &["schedtrace", "--interval", "100ms"],
        ] {
            let directory = Directory::new();
            let mut target = Target::start(&directory);
            target.order("runtime 2");
            target.listen("");
            target.order("burn");
            let pid = target.pid().to_string();
            let mut arguments = vec![command[0], pid.as_str()];
            arguments.extend(&command[1..]);
            let child = asking(&directory, &arguments);
            // Connected: the kernel lists the agent's end of the connection under the listener's name.
            let connected = || {
                let table = fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
                let name = directory.socket_names().pop().unwrap();
                let connections = table.lines().filter(|line| line.contains(&name)).count();
                (connections > 1).then_some(())
            };
            until("it is connected", connected);
            // This waits for nothing in particular. From here on every moment is valid; after this pause it is
            // usually during the answer.
            std::thread::sleep(Duration::from_millis(100));
            change.happen(&mut target);
            let answer = answer_of(child);
            println!("{change:?} {command:?}: {} {}", answer.code, answer.errors);
            assert!([3, 6].contains(&answer.code), "{change:?} {command:?}: {answer:?}");
            assert!(answer.errors.contains(change.words()), "{change:?} {command:?}: {answer:?}");
        }
    }
}

/// Short commands are interrupted anywhere: while they search for the process, connect, receive the answer, or
/// symbolise it.
#[test]
fn at_every_moment_the_exit_code_and_the_text_are_correct() {
    let delays: u64 = if std::env::var_os("RGOPS_LONG").is_some() { 60 } else { 4 };
    for change in CHANGES {
        for command in ["stack", "tasks", "version"] {
            for delay in 0..delays {
                let directory = Directory::new();
                let mut target = Target::start(&directory);
                target.order("runtime 2");
                target.order("spawn 100");
                target.listen("");
                let pid = target.pid().to_string();
                let child = asking(&directory, &[command, &pid]);
                std::thread::sleep(Duration::from_micros(11_000 * delay / delays));
                change.happen(&mut target);
                let answer = answer_of(child);
                assert!([0, 3, 6].contains(&answer.code), "{change:?} {command}: {answer:?}");
                if answer.code == 3 {
                    let reasons = ["replaced itself (execve)", "ended", "no such process"];
                    assert!(reasons.iter().any(|reason| answer.errors.contains(reason)), "{answer:?}");
                    assert_ne!(
                        change == Change::Ends,
                        answer.errors.contains("replaced itself"),
                        "{answer:?}"
                    );
                }
            }
        }
    }
}

/// A child keeps nothing of the parent's connections, and the parent's answers continue.
#[test]
fn forks_during_a_request_change_nothing() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.listen("");
    target.order("burn");
    let pid = target.pid().to_string();
    let child = asking(&directory, &["pprof-cpu", &pid, "--duration", "1", "--hz", "999"]);
    for _ in 0..20 {
        let forked = target.order("fork stay");
        assert!(forked.starts_with("forked "), "{forked}");
    }
    let answer = answer_of(child);
    assert!([0, 6].contains(&answer.code), "{answer:?}");
    assert!(
        !answer.errors.contains("closed the connection") && !answer.errors.contains("ended"),
        "{answer:?}"
    );
    assert_eq!(rgops_in(&directory, &["stats", &pid]).code, 0);
}

#[test]
fn a_change_of_user_during_a_request_does_not_affect_the_client() {
    if skip_unless(is_root(), "root, to give it up") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.listen("");
    target.order("burn");
    let pid = target.pid().to_string();
    let child =
        asking(&directory, &["pprof-cpu", &pid, "--duration", "1", "--hz", "999", "--output", "file"]);
    // The handler of the capture is installed: it samples.
    until("it samples", || target.handles(libc::SIGPROF).then_some(()));
    assert_eq!(target.order(&format!("setuid {NOBODY}")), "set");
    let answer = answer_of(child);
    assert!([0, 6].contains(&answer.code), "{answer:?}");
    let profile = rgops_inspect::profile::read(&fs::read(directory.path().join("file")).unwrap()).unwrap();
    assert!(
        profile.function.iter().any(|function| profile.text(function.name).contains("spin")),
        "{answer:?}"
    );
    assert_eq!(rgops_in(&directory, &["version", &pid]).code, 0);
}

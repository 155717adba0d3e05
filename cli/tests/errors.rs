//! Snapshot tests of every failure, in `snapshots/errors`: wrong command lines, failures with their exit codes, and
//! the common ones as a user sees them.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod program;

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{CommandFactory, Parser};
use program::{Directory, Target, code, rgops, stderr, stdout};
use rgops::command_line::CommandLine;
use rgops::exit::Failure;
use rgops_inspect::budget::Exhausted;
use rgops_inspect::client::{ClientError, UnsupportedCommand};
use rgops_inspect::heap::DumpError;
use rgops_inspect::processes::{LostAgent, LostBecause, ResolveError};
use rgops_inspect::session::SessionError;
use rgops_protocol::agreement::Disagreement;
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::{Code, Error as AgentError};
use rgops_tests::snapshot::{Snapshots, replaced};
use rgops_tests::waiting::until;

#[test]
#[ignore = "started by the other tests"]
fn target() {
    program::run_target();
}

fn snapshots(name: &str) -> Snapshots {
    Snapshots::of(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/errors").join(name))
}

/// Tries each option of each command with values that it may refuse.
#[test]
fn errors_of_wrong_command_lines_are_as_committed() {
    let mut snapshots = snapshots("usage");
    let whole = CommandLine::command();
    for command in whole.get_subcommands() {
        let name = command.get_name();
        let is_required = |argument: &&clap::Arg| argument.is_positional() && argument.is_required_set();
        let required: Vec<&str> = command.get_arguments().filter(is_required).map(|_| "7").collect();
        let mut text = String::new();
        let mut attempt = |arguments: &[&str]| {
            let line = [&["rgops", name], arguments].concat();
            if let Err(error) = CommandLine::try_parse_from(&line) {
                let _ = writeln!(text, "$ {}\n{}", line.join(" "), error.render());
            }
        };
        attempt(&[]);
        attempt(&[&required[..], &["--no-such-option"]].concat());
        attempt(&[&required[..], &["7", "7", "7"]].concat());
        for argument in command.get_arguments() {
            let Some(long) = argument.get_long().map(|long| format!("--{long}")) else { continue };
            let is_valued = argument.get_action().takes_values();
            match is_valued {
                true => ["wrong", "0", "99999999999999999999", ""]
                    .iter()
                    .for_each(|value| attempt(&[&required[..], &[&format!("{long}={value}")]].concat())),
                false => attempt(&[&required[..], &[&format!("{long}=1")]].concat()),
            }
            for other in command.get_arg_conflicts_with(argument) {
                let Some(other) = other.get_long() else { continue };
                attempt(&[&required[..], &[&format!("{long}=1"), &format!("--{other}=1")]].concat());
            }
        }
        let optional = command.get_positionals().filter(|argument| !argument.is_required_set());
        for _ in optional {
            attempt(&[&required[..], &["wrong"]].concat());
        }
        snapshots.compare(name, &text);
    }
    let mut text = String::new();
    for line in [&["rgops", "--no-such-option"][..], &["rgops", "7", "wrong"], &["rgops", "7", "0"]] {
        let error = CommandLine::try_parse_from(line).unwrap_err();
        let _ = writeln!(text, "$ {}\n{}", line.join(" "), error.render());
    }
    snapshots.compare("rgops", &text);
}

/// The printed text of a failure, with its exit code.
fn printed(error: impl Into<SessionError>) -> String {
    let failure = Failure::from(error.into());
    let fix = if failure.fix.is_empty() { "none".to_owned() } else { failure.fix.replace('\n', "\n     ") };
    format!("exit {}: {}: {}\nfix: {fix}\n\n", failure.exit as u8, failure.what, failure.why)
}

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn path() -> PathBuf {
    "/run/user/7/rgops/4711-99.sock".into()
}

#[test]
fn texts_of_failures_are_as_committed() {
    let mut snapshots = snapshots("failures");
    let mut text = String::new();
    let refusal = |code| ClientError::from(AgentError::new(code, "cannot answer", "a reason", "a fix"));
    for code in (0..).map_while(|number| Some(Code::from_u16(number)).filter(|code| *code as u16 == number)) {
        let _ = write!(text, "{code:?}\n{}", printed(refusal(code)));
    }
    snapshots.compare("of-agents", &text);

    let name = |pid| SocketName { pid, start_time: 99 };
    let unsupported = |why| UnsupportedCommand { command: "stack", agent: "0.0.9".to_owned(), why };
    let client = [
        ClientError::ConnectionRefused { address: "10.0.0.7:7777".to_owned(), error: denied() },
        ClientError::ForeignOwner { path: path(), uid: 1000 },
        ClientError::NotAllowed { path: path(), error: denied() },
        ClientError::AnotherProcess { expected: name(4711), found: name(4712) },
        ClientError::AnotherListens { path: path(), pid: 4711, found: 4712 },
        ClientError::Untrusted { path: path(), why: "it is a link".to_owned() },
        ClientError::AnotherAgent,
        ClientError::NotAnAgent,
        ClientError::TokenNeeded,
        ClientError::AuthenticationFailed,
        unsupported(Disagreement::ClientTooOld).into(),
        unsupported(Disagreement::AgentTooOld).into(),
        ClientError::TimedOut,
        ClientError::TookTooLong { waited: Duration::from_millis(12_340) },
        ClientError::NotFinished { seconds: 10 },
        ClientError::Exhausted(Exhausted::Memory(1 << 30)),
        ClientError::Exhausted(Exhausted::Time),
        ClientError::Exhausted(Exhausted::File(1 << 30)),
        ClientError::Connection(denied()),
        ClientError::Connection(io::ErrorKind::WouldBlock.into()),
        ClientError::Connection(io::ErrorKind::BrokenPipe.into()),
        ClientError::Disconnected,
        ClientError::Ended,
        ClientError::Replaced,
        ClientError::Closed,
        ClientError::Protocol("unknown packet kind 99".to_owned()),
        ClientError::Unsupported,
    ];
    snapshots.compare("of-asking", &client.into_iter().map(printed).collect::<String>());

    let name = || "shop".to_owned();
    let no_name = |unreadable, unanswered, as_root| ResolveError::NoSuchName {
        name: name(),
        unreadable,
        unanswered,
        as_root,
    };
    let no_agent = |is_rust, is_switched_off| ResolveError::NoAgent {
        pid: 4711,
        name: name(),
        is_rust,
        is_switched_off,
    };
    let lost = |because| ResolveError::LostAgent {
        pid: 4711,
        name: name(),
        is_rust: true,
        lost: LostAgent { path: path(), because },
    };
    let system = |kind: io::ErrorKind| ResolveError::System { target: name(), error: kind.into() };
    let resolve = [
        ResolveError::NoSuchProcess { pid: 4711 },
        no_name(0, 0, false),
        no_name(3, 2, false),
        no_name(3, 0, true),
        ResolveError::Ambiguous { name: name(), pids: vec![4711, 4712] },
        no_agent(true, false),
        no_agent(true, true),
        no_agent(false, false),
        ResolveError::Ending { pid: 4711 },
        lost(LostBecause::Deleted),
        lost(LostBecause::Silent),
        lost(LostBecause::Replaced),
        lost(LostBecause::Foreign(1000)),
        lost(LostBecause::Denied),
        lost(LostBecause::Crowded),
        ResolveError::OtherUser { pid: 4711, uid: Some(1000) },
        ResolveError::OtherUser { pid: 4711, uid: None },
        ResolveError::Denied { pid: 4711, is_elsewhere: true },
        ResolveError::Denied { pid: 4711, is_elsewhere: false },
        ResolveError::SocketDenied { path: path(), error: denied(), as_root: false },
        ResolveError::SocketDenied { path: path(), error: denied(), as_root: true },
        ResolveError::NotASocket { path: path(), why: "it is a directory".to_owned() },
        system(io::ErrorKind::Unsupported),
        system(io::ErrorKind::TimedOut),
        system(io::ErrorKind::InvalidData),
    ];
    snapshots.compare("of-finding", &resolve.into_iter().map(printed).collect::<String>());

    let session = [
        SessionError::WrongAnswer { command: "stats", why: "it is empty" },
        SessionError::NoAges,
        SessionError::OneSnapshot,
        SessionError::Dump(DumpError::TooLarge),
        SessionError::NotCounted { sample_type: "alloc_space" },
    ];
    snapshots.compare("of-sessions", &session.into_iter().map(printed).collect::<String>());
}

/// The output of commands as a user sees it, with exit codes. Texts that differ between runs are masked.
struct Seen {
    text: String,
    masks: Vec<(String, &'static str)>,
}

impl Seen {
    fn run(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
        command.args(arguments).env_remove("RGOPS_DIR").env_remove("RGOPS_TOKEN").env_remove("NO_COLOR");
        command.env_remove("COLUMNS").envs(variables.iter().copied());
        let output = rgops_tests::program::finished(&mut command);
        let variables: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let text = format!(
            "$ {variables}rgops {}\n{}{}exit {}\n\n",
            arguments.join(" "),
            stdout(&output),
            stderr(&output),
            code(&output)
        );
        let text = self.masks.iter().fold(text, |text, (from, to)| replaced(&text, from, to));
        self.text += &unseen_masked(&text).replace('\u{1b}', "\\e");
    }
}

#[test]
fn screens_of_refused_commands_are_as_committed() {
    let mut snapshots = snapshots("screens");
    let directory = Directory::new();
    let folder = directory.path().to_str().unwrap().to_owned();
    let file = |name: &str, content: &str, mode| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (short, open) = (file("short", "sesame", 0o600), file("open", "sesame", 0o644));
    let (agent, plain) = (Target::start("agent", directory.path()), Target::start("plain", directory.path()));
    let mut off = Command::new(std::env::current_exe().unwrap());
    off.env("RGOPS_DIR", directory.path()).env("RGOPS", "off");
    let off = Target::start_by(off, "plain");
    let other = rgops_tests::program::Program::start(Command::new("sleep").arg("1000"));
    let pids = [agent.pid(), plain.pid(), off.pid(), other.pid()].map(|pid| pid.to_string());
    let own = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let mut seen = Seen { text: String::new(), masks: vec![(folder.clone(), "DIR"), (own, "TEST")] };
    // The kernel truncates a name to 15 bytes.
    let comm = std::fs::read_to_string(format!("/proc/{}/comm", plain.pid())).unwrap().trim().to_owned();
    seen.masks.push((comm, "TEST"));
    for (pid, name) in pids.iter().zip(["AGENT", "PLAIN", "OFF", "SLEEP"]) {
        seen.masks.push((pid.clone(), name));
    }
    let [agent_pid, plain_pid, off_pid, other_pid] = &pids;

    for arguments in [
        &["4194305"][..],
        &["stack", "4194305"],
        &["stcak", "7"],
        &["version", "/no/such.sock"],
        &["version", &folder],
        &["version", "127.0.0.1:1"],
        &["--json", "stack", "7"],
        &["man", "nothing"],
        &["no\u{1b}[2Jname"],
        &["version", plain_pid],
        &["version", off_pid],
        &["version", other_pid],
        &["version", "127.0.0.1:1", "--token-file", "/no/such/file"],
        &["version", "127.0.0.1:1", "--token-file", &short],
        &["version", "127.0.0.1:1", "--token-file", &open],
        &["version", "127.0.0.1:1", "--token-file", &folder],
        &["heap-rate", agent_pid],
        &["heap-rate", agent_pid, "64KiB"],
        &["gc", agent_pid],
        &["pprof-heap", agent_pid],
        &["leaks", agent_pid],
        &["pprof-cpu", agent_pid, "--output", &short],
        &["pprof-cpu", agent_pid, "--output", &folder],
        &["pprof-cpu", agent_pid, "--output", "/no/such/directory/file"],
        &["pprof-cpu", agent_pid, "--output", "/dev/full"],
        &["pprof-cpu", agent_pid, "--output", "-", "--json"],
        &["trace", agent_pid, "--output", "/dev/null"],
    ] {
        seen.run(arguments, &[]);
    }
    seen.run(&["version", "127.0.0.1:1"], &[("RGOPS_TOKEN", "sesame")]);
    snapshots.compare("refused", &seen.text);
    seen.text.clear();

    // `stack` and `trace` exclude each other.
    let trace = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
        command.args(["trace", agent_pid, "--seconds", "600", "--output", "-"]).stderr(Stdio::null());
        rgops_tests::program::Program::start(&mut command)
    };
    let mut tracing = trace();
    until("the trace runs", || {
        // The trace was refused if it started during one of these requests.
        if !tracing.is_running() {
            tracing = trace();
        }
        (code(&rgops(&["stack", agent_pid])) == 4).then_some(())
    });
    seen.run(&["stack", agent_pid], &[]);
    drop(tracing);
    let text = seconds_masked(&seen.text);
    snapshots.compare("busy", &text);
    seen.text.clear();

    let kill =
        |signal: &str| assert!(Command::new("kill").args([signal, agent_pid]).status().unwrap().success());
    kill("-STOP");
    seen.run(&["version", agent_pid, "--timeout", "0.2"], &[]);
    seen.run(&["stack", agent_pid, "--timeout", "0.2"], &[]);
    snapshots.compare("stopped", &seen.text);
    kill("-CONT");
}

/// The number of unreadable processes differs between machines, and the sentence differs for root.
fn unseen_masked(text: &str) -> String {
    const LISTED: &str = "to list the Rust processes, run: rgops";
    let masked = text.split_inclusive('\n').map(|line| match line.split_once(LISTED) {
        Some((before, more)) if before.starts_with("fix: ") => format!("fix: {LISTED}{more}"),
        _ => line.to_owned(),
    });
    masked.collect()
}

/// Masks numbers of seconds, as in `has been running for 2 s`.
fn seconds_masked(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_seconds = |at: usize| {
        words[at].parse::<u64>().is_ok()
            && words.get(at + 1).is_some_and(|unit| *unit == "s" || unit.starts_with("s\n"))
    };
    let masked = (0..words.len()).map(|at| if is_seconds(at) { "N" } else { words[at] });
    masked.collect::<Vec<_>>().join(" ")
}

//! Promise 21: read-only by default, and a command the author denied is refused by name.

use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Command, MemoryRequest, Request, StackRequest, VersionRequest};
use rgops_tests::asking::{ask, connect};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;

#[test]
fn a_denied_command_is_refused_by_name() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("deny=stack deny=memstats");
    for (request, name) in [
        (Request::Stack(StackRequest { max_depth: 64 }), "stack"),
        (Request::Memory(MemoryRequest {}), "memstats"),
    ] {
        match ask::<VersionReply>(&path, &request).unwrap().end {
            Err(ClientError::Agent(error)) => {
                assert_eq!(error.code(), Code::NotAllowed);
                assert_eq!(
                    error.to_string(),
                    format!("{name} is not allowed: the program's author denied it")
                );
                assert!(error.fix.contains("Options::deny"), "{}", error.fix);
            }
            other => panic!("{other:?}"),
        }
    }
    let listed: Vec<u16> = connect(&path).unwrap().hello().commands.iter().map(|one| one.command).collect();
    assert!(!listed.contains(&(Command::Stack as u16)) && listed.contains(&(Command::Version as u16)));
    assert!(ask::<VersionReply>(&path, &Request::Version(VersionRequest {})).unwrap().end.is_ok());

    let output = std::process::Command::new(built::release("rgops")).args(["stack", &path]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(errors.contains("stack is not allowed: the program's author denied it"), "{errors}");
}

/// There is no command that changes the program: whoever adds one has to think of its default here.
#[test]
fn every_command_is_one_that_only_reads() {
    let names = Command::ALL.map(Command::name);
    assert_eq!(
        names,
        ["stack", "memstats", "stats", "version", "pprof-cpu", "trace", "tasks", "read", "schedtrace"]
    );
}

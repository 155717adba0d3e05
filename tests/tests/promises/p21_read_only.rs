//! Promise 21: commands are read-only by default, and a command that the author denied is refused by name.

use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{
    Command, Effect, GcRequest, HeapRateRequest, MemstatsRequest, Request, StackRequest, VersionRequest,
};
use rgops_tests::asking::{ask, connect};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::program::finished;
use rgops_tests::target::Target;

#[test]
fn a_denied_command_is_refused_by_name() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("deny=stack deny=memstats");
    for (request, name) in [
        (Request::Stack(StackRequest { max_depth: 64 }), "stack"),
        (Request::Memstats(MemstatsRequest {}), "memstats"),
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

    let output = finished(std::process::Command::new(built::release("rgops")).args(["stack", &path]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(errors.contains("stack is not allowed: the program's author denied it"), "{errors}");
}

/// A command that changes the program is refused, with the line that allows it, unless the author allowed it.
#[test]
fn commands_that_change_the_program_must_be_allowed() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let path = target.listen("");
    for (request, name, command) in [
        (Request::Gc(GcRequest {}), "gc", "Gc"),
        (Request::HeapRate(HeapRateRequest { set_bytes: Some(0) }), "heap-rate", "HeapRate"),
    ] {
        match ask::<VersionReply>(&path, &request).unwrap().end {
            Err(ClientError::Agent(error)) => {
                assert_eq!(error.code(), Code::NotAllowed);
                assert!(
                    error.to_string().starts_with(&format!("{name} is not allowed: it changes")),
                    "{error}"
                );
                assert!(error.fix.contains(&format!("Options::allow(Command::{command})")), "{}", error.fix);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Lists the commands that change something: a new one needs a decision about its default.
#[test]
fn every_other_command_only_reads() {
    let changing = Command::ALL.into_iter().filter(|command| command.effect() != Effect::Never);
    assert_eq!(changing.map(Command::name).collect::<Vec<_>>(), ["gc", "heap-rate"]);
    assert!(Request::Gc(GcRequest {}).changes());
    assert!(Request::HeapRate(HeapRateRequest { set_bytes: Some(1) }).changes());
    assert!(!Request::HeapRate(HeapRateRequest { set_bytes: None }).changes());
}

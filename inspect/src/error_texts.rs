//! Every error of this crate as people read it, in `snapshots/`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rgops_dwarf::Fault;
use rgops_pprof::ReadError;
use rgops_protocol::agreement::Disagreement;
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::{Code, Error as AgentError};
use rgops_protocol::error_texts;
use rgops_protocol::token_file::NoTokenFile;
use rgops_tasks::types::TypeError;

use crate::budget::Exhausted;
use crate::client::{ClientError, UnsupportedCommand};
use crate::heap::DumpError;
use crate::output::{NotAFile, OutputError, Reason};
use crate::processes::{LostAgent, LostBecause, ResolveError, Suspension};
use crate::token_file::TokenFileError;

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn path() -> PathBuf {
    "/run/user/7/rgops/4711-99.sock".into()
}

fn unsupported(why: Disagreement) -> UnsupportedCommand {
    UnsupportedCommand { command: "stack", agent: "0.0.9".to_owned(), why }
}

fn with_fix(text: &dyn std::fmt::Display, fix: &str) -> String {
    let fix = if fix.is_empty() { "none" } else { fix };
    format!("{text}\nfix: {fix}")
}

#[test]
fn client_errors_are_as_committed() {
    let name = |pid| SocketName { pid, start_time: 99 };
    let text = error_texts!(ClientError, |error| with_fix(&error, error.fix()), {
        ClientError::Agent(_) =>
            [AgentError::new(Code::Busy, "cannot start stack", "trace runs", "try again").into()],
        ClientError::ConnectionRefused { .. } =>
            [ClientError::ConnectionRefused { address: "10.0.0.7:7777".to_owned(), error: denied() }],
        ClientError::ForeignOwner { .. } => [ClientError::ForeignOwner { path: path(), uid: 1000 }],
        ClientError::NotAllowed { .. } => [ClientError::NotAllowed { path: path(), error: denied() }],
        ClientError::AnotherProcess { .. } =>
            [ClientError::AnotherProcess { expected: name(4711), found: name(4712) }],
        ClientError::AnotherListens { .. } => [
            ClientError::AnotherListens { path: path(), pid: 4711, found: 4712 },
            ClientError::AnotherListens { path: path(), pid: 4711, found: 0 },
        ],
        ClientError::Untrusted { .. } =>
            [ClientError::Untrusted { path: path(), why: "it is a symbolic link".to_owned() }],
        ClientError::AnotherAgent => [ClientError::AnotherAgent],
        ClientError::NotAnAgent => [ClientError::NotAnAgent],
        ClientError::TokenNeeded => [ClientError::TokenNeeded],
        ClientError::AuthenticationFailed => [ClientError::AuthenticationFailed],
        ClientError::UnsupportedCommand(_) => [
            unsupported(Disagreement::ClientTooOld).into(),
            unsupported(Disagreement::AgentTooOld).into(),
        ],
        ClientError::TimedOut => [ClientError::TimedOut],
        ClientError::TookTooLong { .. } => [ClientError::TookTooLong { waited: Duration::from_millis(12_340) }],
        ClientError::NotFinished { .. } => [ClientError::NotFinished { seconds: 10 }],
        ClientError::Exhausted(_) => [
            ClientError::Exhausted(Exhausted::Memory(1 << 30)),
            ClientError::Exhausted(Exhausted::Time),
            ClientError::Exhausted(Exhausted::File(1 << 30)),
        ],
        ClientError::Connection(_) => [ClientError::Connection(denied())],
        ClientError::Disconnected => [ClientError::Disconnected],
        ClientError::Ended => [ClientError::Ended],
        ClientError::Replaced => [ClientError::Replaced],
        ClientError::Closed => [ClientError::Closed],
        ClientError::Protocol(_) => [ClientError::Protocol("unknown packet kind 99".to_owned())],
        ClientError::Unsupported => [ClientError::Unsupported],
    });
    insta::assert_snapshot!(text);
}

/// Without their fixes, which the command line has.
#[test]
fn resolve_errors_are_as_committed() {
    let lost = || LostAgent { path: path(), because: LostBecause::Deleted };
    let name = || "shop".to_owned();
    let suspended = |suspension| ResolveError::Suspended { pid: 4711, name: name(), suspension };
    let mut text = error_texts!(ResolveError, |error| error.to_string(), {
        ResolveError::NoSuchProcess { .. } => [ResolveError::NoSuchProcess { pid: 4711 }],
        ResolveError::NoSuchName { .. } =>
            [ResolveError::NoSuchName { name: name(), unreadable: 1, unanswered: 1, as_root: false }],
        ResolveError::Ambiguous { .. } => [ResolveError::Ambiguous { name: name(), pids: vec![4711, 4712] }],
        ResolveError::NoAgent { .. } => [
            ResolveError::NoAgent { pid: 4711, name: name(), is_rust: true, is_switched_off: false },
            ResolveError::NoAgent { pid: 4711, name: name(), is_rust: false, is_switched_off: false },
        ],
        ResolveError::Zombie { .. } => [ResolveError::Zombie { pid: 4711, parent: 1 }],
        ResolveError::Suspended { .. } => [
            suspended(Suspension::Stopped),
            suspended(Suspension::Traced(Some(4712))),
            suspended(Suspension::Traced(None)),
            suspended(Suspension::Frozen("/sys/fs/cgroup/shop/cgroup.freeze".into(), "0")),
        ],
        ResolveError::OtherNamespace { .. } =>
            [ResolveError::OtherNamespace { pid: 4711, uid: 100_000, has_root: true }],
        ResolveError::Ending { .. } => [ResolveError::Ending { pid: 4711 }],
        ResolveError::LostAgent { .. } =>
            [ResolveError::LostAgent { pid: 4711, name: name(), is_rust: true, lost: lost() }],
        ResolveError::OtherUser { .. } => [
            ResolveError::OtherUser { pid: 4711, uid: Some(1000) },
            ResolveError::OtherUser { pid: 4711, uid: None },
        ],
        ResolveError::Denied { .. } => [
            ResolveError::Denied { pid: 4711, is_elsewhere: true },
            ResolveError::Denied { pid: 4711, is_elsewhere: false },
        ],
        ResolveError::SocketDenied { .. } =>
            [ResolveError::SocketDenied { path: path(), error: denied(), as_root: false }],
        ResolveError::NotASocket { .. } =>
            [ResolveError::NotASocket { path: path(), why: "it is a directory".to_owned() }],
        ResolveError::System { .. } => [ResolveError::System { target: name(), error: denied() }],
    });
    let read = |because| {
        let lost = LostAgent { path: path(), because };
        with_fix(&lost, lost.fix())
    };
    text += &error_texts!(LostBecause, read, {
        LostBecause::Deleted => [LostBecause::Deleted],
        LostBecause::Silent => [LostBecause::Silent],
        LostBecause::Replaced => [LostBecause::Replaced],
        LostBecause::Foreign(_) => [LostBecause::Foreign(1000)],
        LostBecause::Denied => [LostBecause::Denied],
        LostBecause::NoSocket => [LostBecause::NoSocket],
        LostBecause::Forked => [LostBecause::Forked],
        LostBecause::Crowded => [LostBecause::Crowded],
    });
    insta::assert_snapshot!(text);
}

#[test]
fn errors_of_files_are_as_committed() {
    let of_reason = |reason| {
        let error = OutputError { path: "/srv/my profiles/cpu.pb.gz".into(), reason };
        with_fix(&error, &error.fix())
    };
    let leads_to = || PathBuf::from("/home/other/cpu.pb.gz");
    let mut text = error_texts!(Reason, of_reason, {
        Reason::Exists => [Reason::Exists],
        Reason::NotAFile(_) => [Reason::NotAFile(NotAFile::Directory)],
        Reason::ForeignLink { .. } => [
            Reason::ForeignLink { link: None, uid: 1000, leads_to: leads_to() },
            Reason::ForeignLink { link: Some("/srv/my profiles".into()), uid: 1000, leads_to: leads_to() },
        ],
        Reason::ReplaceableLink { .. } => [Reason::ReplaceableLink { link: None, leads_to: leads_to() }],
        Reason::KeptBeside { .. } => [Reason::KeptBeside { kept: "/srv/my profiles/.rgops-1".into() }],
        Reason::System(_) => [
            Reason::System(io::ErrorKind::NotFound.into()),
            Reason::System(denied()),
            Reason::System(io::ErrorKind::StorageFull.into()),
            Reason::System(io::ErrorKind::FileTooLarge.into()),
            Reason::System(io::ErrorKind::Other.into()),
        ],
    });
    let of_kind = |what| {
        let error = OutputError { path: "/dev/fd/7".into(), reason: Reason::NotAFile(what) };
        with_fix(&error, &error.fix())
    };
    text += &error_texts!(NotAFile, of_kind, {
        NotAFile::Directory => [NotAFile::Directory],
        NotAFile::Device => [NotAFile::Device],
        NotAFile::Pipe => [NotAFile::Pipe],
        NotAFile::Socket => [NotAFile::Socket],
        NotAFile::Descriptor => [NotAFile::Descriptor],
        NotAFile::Other => [NotAFile::Other],
    });
    text += &error_texts!(TokenFileError, |error| with_fix(&error, error.fix()), {
        TokenFileError::System(_) => [TokenFileError::System(denied())],
        TokenFileError::Refused(_) => [
            NoTokenFile::NotAFile.into(),
            NoTokenFile::ForeignOwner(1000).into(),
            NoTokenFile::Open(0o644).into(),
        ],
    });
    insta::assert_snapshot!(text);
}

#[test]
fn errors_of_what_is_read_are_as_committed() {
    let mut text = error_texts!(ReadError, |error| error.to_string(), {
        ReadError::Decompress(_) => [ReadError::Decompress(io::ErrorKind::UnexpectedEof.into())],
        ReadError::TooLarge => [ReadError::TooLarge],
        ReadError::Decode(_) => [rgops_pprof::read(&[0x0a, 9]).expect_err("cut short")],
        ReadError::Invalid(_) => [ReadError::Invalid("it has no sample type".to_owned())],
        ReadError::Memory(_) => [ReadError::Memory(2 << 30)],
        ReadError::Bomb(_) => [ReadError::Bomb(200)],
        ReadError::Other(_) => [ReadError::Other("JSON")],
    });
    text += &error_texts!(DumpError, |error| error.to_string(), {
        DumpError::Header(_) => [DumpError::Header("heap_v3".to_owned())],
        DumpError::Line { .. } => [DumpError::Line { line: 7, text: "@ what".to_owned() }],
        DumpError::TooLarge => [DumpError::TooLarge],
    });
    text += &error_texts!(TypeError, |error| error.to_string(), {
        TypeError::Damaged { .. } => [TypeError::Damaged { offset: 0x1f, why: "no such form".to_owned() }],
        TypeError::NotDescribed { .. } => [TypeError::NotDescribed { name: "Cell".to_owned() }],
        TypeError::Exhausted(_) => [TypeError::Exhausted(Exhausted::Time)],
    });
    text += &error_texts!(Fault, |fault| fault.to_string(), {
        Fault::Damaged(_) => [Fault::Damaged(gimli::Error::TypeMismatch)],
        Fault::Exhausted(_) => [Fault::Exhausted(Exhausted::Time)],
        Fault::Refused(_) => [Fault::refused("its package is not there")],
    });
    insta::assert_snapshot!(text);
}

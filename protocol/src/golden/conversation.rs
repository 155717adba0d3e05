//! What every command has: the envelope of a request, progress, the end, an error.

use super::golden;
use crate::error;
use crate::reply::{End, Note, NoteKind, Progress};
use crate::request::Envelope;

golden!(
    error,
    error::Error,
    error::Error::new(error::Code::Busy, "cannot start pprof-cpu", "trace runs since 2 s", "try again")
);
golden!(request_envelope, Envelope, Envelope { command: 5, version: 1, body: vec![0xfb, 0x10, 0x27, 99] });
golden!(progress, Progress, Progress { elapsed_ms: 1000, total_ms: 30_000, gathered: 99 });
golden!(
    end,
    End,
    End {
        notes: [
            NoteKind::Dropped,
            NoteKind::Truncated,
            NoteKind::Missing,
            NoteKind::Approximate,
            NoteKind::EndedEarly
        ]
        .into_iter()
        .map(|kind| Note { kind, what: "samples".into(), count: 300, why: "the ring was full".into() })
        .collect()
    }
);

/// What an agent of another age may send is refused with the command and version at fault.
#[test]
fn unknown_commands_and_versions_are_told_apart() {
    use crate::request::{Command, Request, RequestError};
    let newer = Envelope { command: Command::PprofCpu as u16, version: 2, body: vec![1, 2, 3] };
    assert_eq!(
        Request::from_envelope(&newer),
        Err(RequestError::UnknownVersion { command: Command::PprofCpu, version: 2 })
    );
    let unknown = Envelope { command: 77, version: 1, body: vec![] };
    assert_eq!(Request::from_envelope(&unknown), Err(RequestError::UnknownCommand(77)));
    let malformed = Envelope { command: Command::PprofCpu as u16, version: 1, body: vec![0xff] };
    assert!(matches!(Request::from_envelope(&malformed), Err(RequestError::Body(_))));
}

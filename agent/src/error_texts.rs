//! Snapshot tests of the texts of every error of this crate, in `snapshots/`.

use std::io;

use rgops_protocol::error_texts;

use crate::ListenError;

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

#[test]
fn listen_errors_are_as_committed() {
    let address = || "0.0.0.0:7777".to_owned();
    let text = error_texts!(ListenError, |error| error.to_string(), {
        ListenError::AlreadyListening(_) => [ListenError::AlreadyListening("/run/rgops/4711-99.sock".to_owned())],
        ListenError::Underway => [ListenError::Underway],
        ListenError::Directory { .. } => [ListenError::Directory { path: "/run/rgops".into(), error: denied() }],
        ListenError::UnsafeDirectory { .. } => [
            ListenError::UnsafeDirectory { path: "/run/rgops".into(), why: "it is a symbolic link".to_owned() },
        ],
        ListenError::Socket { .. } => [ListenError::Socket { address: address(), error: denied() }],
        ListenError::Address { .. } => [ListenError::Address { address: address(), why: "no reason".to_owned() }],
        ListenError::NoToken(_) => [ListenError::NoToken(address())],
        ListenError::Token(_) => [ListenError::Token("no reason".to_owned())],
        ListenError::Signal { .. } => [ListenError::Signal { number: 9, why: "no program can handle it" }],
        ListenError::Engine { .. } => [ListenError::Engine { name: "pprof", why: "no reason" }],
        ListenError::Thread(_) => [ListenError::Thread(denied())],
        ListenError::Nowhere => [ListenError::Nowhere],
        ListenError::Unsupported => [ListenError::Unsupported],
    });
    insta::assert_snapshot!(text);
}

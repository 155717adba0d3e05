//! Snapshot tests of the texts of every error of this crate, in `snapshots/`.

/// The texts of an enum, one paragraph for each variant: its name, then the text of each example. A missing variant
/// is a compile error.
macro_rules! texts {
    ($type:ty, $read:expr, { $($pattern:pat => [$($example:expr),+ $(,)?]),+ $(,)? }) => {{
        fn _all_variants(error: &$type) {
            match error {
                $($pattern => {})+
            }
        }
        let read: fn($type) -> String = $read;
        let mut text = String::new();
        $(
            let name = stringify!($pattern).split([' ', '(']).next().unwrap_or_default();
            text.push_str(&format!("{name}\n"));
            $(
                let example: $type = $example;
                assert!(matches!(&example, $pattern), "{example:?} is not a {name}");
                for line in read(example).lines() {
                    text.push_str(&format!("  {line}\n"));
                }
            )+
            text.push('\n');
        )+
        text
    }};
}

use std::io;

#[cfg(not(pprof_engine))]
use rgops_capture::EngineError;
#[cfg(not(pprof_engine))]
use rgops_protocol::error::Error;

use crate::ListenError;

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

/// The text of an error that is sent to the client.
#[cfg(not(pprof_engine))]
fn answer(error: Error) -> String {
    let fix = if error.fix.is_empty() { "none" } else { &error.fix };
    format!("{:?}: {error}\nfix: {fix}", error.code())
}

#[test]
fn listen_errors_are_as_committed() {
    let address = || "0.0.0.0:7777".to_owned();
    let text = texts!(ListenError, |error| error.to_string(), {
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

/// Errors of the native engine. The other engine adds variants of its own.
#[test]
#[cfg(not(pprof_engine))]
fn engine_errors_are_as_committed() {
    let read = |error: EngineError| answer(error.into_answer("cannot capture stacks"));
    let refused_by_the_system = || io::Error::from_raw_os_error(libc::EPERM);
    let text = texts!(EngineError, read, {
        EngineError::Busy => [EngineError::Busy],
        EngineError::Proc { .. } => [EngineError::Proc { file: "maps", error: denied() }],
        EngineError::Handler(_) =>
            [EngineError::Handler(refused_by_the_system()), EngineError::Handler(denied())],
        EngineError::Random(_) => [EngineError::Random("no reason".to_owned())],
        EngineError::Timer(_) => [
            EngineError::Timer(refused_by_the_system()),
            EngineError::Timer(io::ErrorKind::WouldBlock.into()),
            EngineError::Timer(denied()),
        ],
        EngineError::Inside => [EngineError::Inside],
        EngineError::Memory(_) => [EngineError::Memory(denied())],
    });
    insta::assert_snapshot!(text);
}

//! Every error of this crate as people read it, in `snapshots/`.

use std::io;

use rgops_protocol::error_texts;

use crate::EngineError;

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

/// As the client is told.
fn engine_errors() -> String {
    let read = |error: EngineError| {
        let error = error.into_answer("cannot capture stacks");
        let fix = if error.fix.is_empty() { "none" } else { &error.fix };
        format!("{:?}: {error}\nfix: {fix}", error.code())
    };
    let refused_by_the_system = || io::Error::from_raw_os_error(libc::EPERM);
    error_texts!(EngineError, read, {
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
        #[cfg(pprof_engine)]
        EngineError::Occupied(_) => [EngineError::Occupied("it has a SIGPROF handler")],
        #[cfg(pprof_engine)]
        EngineError::Pprof(_) => [EngineError::Pprof("no reason".to_owned())],
        #[cfg(pprof_engine)]
        EngineError::Stuck => [EngineError::Stuck],
        #[cfg(pprof_engine)]
        EngineError::Thread(_) => [EngineError::Thread(denied())],
    })
}

#[test]
#[cfg(not(pprof_engine))]
fn engine_errors_are_as_committed() {
    insta::assert_snapshot!(engine_errors());
}

/// With those of the other engine.
#[test]
#[cfg(pprof_engine)]
fn engine_pprof_errors_are_as_committed() {
    insta::assert_snapshot!(engine_errors());
}

//! Stand-ins for collectors that this system cannot have: it is not Linux, or the native engine does not support
//! the processor. They refuse every request.

use rgops_protocol::error::{Code, Error};

/// The error of a collector that needs Linux and a processor the native engine supports.
fn unsupported_here(command: &str) -> Error {
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    Error::new(
        Code::Unsupported,
        format!("cannot answer {command}"),
        format!("it needs Linux on x86_64 or aarch64; this is {system} on {processor}"),
        "",
    )
}

/// A module whose `collect` refuses. It takes `memory` if the real collector does.
macro_rules! unsupported {
    ($($(#[$where:meta])* $module:ident $request:ident $(, $memory:ty)?;)*) => {$(
        $(#[$where])*
        pub(super) mod $module {
            use std::sync::Arc;

            use rgops_protocol::reply::End;
            use rgops_protocol::request::{Arguments as _, $request};

            use crate::collect::{Context, Finish, Sink, Stop};

            pub(crate) async fn collect(
                _arguments: $request,
                $(_memory: $memory,)?
                _context: &Arc<Context>,
                _sink: &Sink,
                _finish: &mut Finish,
            ) -> Result<End, Stop> {
                Err(super::unsupported_here($request::COMMAND.name()).into())
            }
        }
    )*};
}

unsupported! {
    stack StackRequest;
    tasks TasksRequest, Result<(), rgops_protocol::reply::Unavailable>;
    read ReadRequest;
    words WordsRequest;
    pprof_heap PprofHeapRequest;
    heap_rate HeapRateRequest;
    #[cfg(not(target_os = "linux"))]
    schedtrace SchedtraceRequest, Result<(), rgops_protocol::reply::Unavailable>;
    #[cfg(not(target_os = "linux"))]
    gc GcRequest;
    #[cfg(not(target_os = "linux"))]
    memstats MemstatsRequest;
    #[cfg(not(target_os = "linux"))]
    stats StatsRequest;
    trace TraceRequest;
    #[cfg(not(target_os = "linux"))]
    version VersionRequest;
}

#[cfg(not(pprof_engine))]
pub(super) mod pprof_cpu {
    use std::sync::Arc;

    use rgops_protocol::reply::End;
    use rgops_protocol::request::PprofCpuRequest;

    use crate::collect::{Context, Finish, Sink, Stop};

    pub(crate) async fn collect(
        _arguments: PprofCpuRequest,
        context: &Arc<Context>,
        _sink: &Sink,
        _finish: &mut Finish,
    ) -> Result<End, Stop> {
        Err(context.cpu_engine.unsupported().into())
    }
}

//! Collectors: one file a question. Each is an `async fn` on the agent's own runtime that sends
//! parts into a [`Sink`] and is cancelled by being dropped, so whatever it changes in the process
//! (signal handlers, timers) it must give back in `Drop`.

#[cfg(native_engine)]
mod frame_pointers;
#[cfg(target_os = "linux")]
pub(crate) mod gc;
#[cfg(native_engine)]
pub(crate) mod heap_rate;
pub(crate) mod memstats;
#[cfg(any(native_engine, pprof_engine))]
pub(crate) mod pprof_cpu;
#[cfg(native_engine)]
pub(crate) mod pprof_heap;
#[cfg(native_engine)]
pub(crate) mod read;
#[cfg(target_os = "linux")]
pub(crate) mod schedtrace;
#[cfg(native_engine)]
pub(crate) mod stack;
pub(crate) mod stats;
#[cfg(native_engine)]
pub(crate) mod tasks;
pub(crate) mod trace;
pub(crate) mod version;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use rgops_protocol::codec::{self, Encode};
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::{End, Progress, Unavailable};
use rgops_protocol::request::Request;
use rgops_protocol::wire::{self, Kind};
use tokio::sync::{mpsc, watch};

use crate::CpuEngine;
use crate::allocator::Allocators;
use crate::counters::Counters;
use crate::watched::WatchedRuntimes;

/// Why stacks end before the root, and what mends it.
#[cfg(native_engine)]
fn callers_hidden() -> &'static str {
    if crate::engine::stack_bounds::is_denied() {
        "a seccomp filter denies rt_sigprocmask, with which stacks are looked at: only innermost frames are known; allow it"
    } else if cfg!(target_env = "musl") {
        "a frame without unwind data or frame pointer hides its callers; Rust's musl comes without such data, a build for a gnu target has it"
    } else {
        "a frame without unwind data or frame pointer hides its callers"
    }
}

/// Of how many stacks it has to be said that nothing was known of them, and what. Where a filter denies the question
/// nothing is known of any, and [`callers_hidden`] says that.
#[cfg(native_engine)]
fn unknown_stacks(count: u64) -> (u64, &'static str) {
    let count = if crate::engine::stack_bounds::is_denied() { 0 } else { count };
    (
        count,
        "they are on a stack whose bounds are not known, as a coroutine's: of such a stack no more is read than what is sure to be there",
    )
}

/// What collectors know about the agent they work for.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) started: Instant,
    /// As shown to people: a socket path or `host:port`.
    pub(crate) address: String,
    /// `crate version` as the program's author gave it to `Options::program`.
    pub(crate) program: Option<String>,
    pub(crate) counters: Counters,
    pub(crate) runtimes: WatchedRuntimes,
    /// Allocators the author told of, for `memstats`.
    pub(crate) allocators: Allocators,
    /// What takes CPU profiles.
    pub(crate) cpu_engine: CpuEngine,
    /// Whether the program's author denied `tasks`: then nothing walks through them for `stats` either.
    pub(crate) tasks_denied: bool,
    /// Whether those on TCP may read the program's memory.
    pub(crate) memory_over_tcp: bool,
    /// Why the heap is not sampled though the allocator is wrapped.
    pub(crate) heap_failure: Option<String>,
}

#[cfg(test)]
impl Context {
    /// A context that no listener stands behind.
    pub(crate) fn for_tests() -> Context {
        Context {
            started: Instant::now(),
            address: "test".to_owned(),
            program: None,
            counters: Counters::default(),
            runtimes: WatchedRuntimes::default(),
            allocators: Allocators::default(),
            cpu_engine: CpuEngine::DEFAULT,
            tasks_denied: false,
            memory_over_tcp: false,
            heap_failure: None,
        }
    }
}

/// Why a collector stopped without an answer.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client hung up; nobody is left to tell.
    Gone,
    /// It failed; the client is told.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

/// Where a collector sends its answer. Bounded: a slow client slows the collector, not the program.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    packets: mpsc::Sender<Vec<u8>>,
}

impl Sink {
    pub(crate) fn new(packets: mpsc::Sender<Vec<u8>>) -> Sink {
        Sink { packets }
    }

    /// Sends one part of the answer as a `Data` packet. A part that exceeds a packet is a bug of
    /// the collector: it must send its lists in pieces.
    pub(crate) async fn data<T: Encode>(&self, part: &T) -> Result<(), Stop> {
        self.send(Kind::Data, part).await
    }

    pub(crate) async fn progress(&self, progress: &Progress) -> Result<(), Stop> {
        self.send(Kind::Progress, progress).await
    }

    async fn send<T: Encode>(&self, kind: Kind, part: &T) -> Result<(), Stop> {
        let payload = codec::encode(part).map_err(|error| {
            Error::new(
                Code::Internal,
                "cannot send a part of the answer",
                error.to_string(),
                "report this as a bug",
            )
        })?;
        self.packets.send(wire::packet(kind, &payload)).await.map_err(|_| Stop::Gone)
    }
}

/// Tells a collector that the client wants what was gathered so far (`Finish` packet, Ctrl-C).
#[derive(Debug, Clone)]
pub(crate) struct Finish(watch::Receiver<bool>);

impl Finish {
    pub(crate) fn new(receiver: watch::Receiver<bool>) -> Finish {
        Finish(receiver)
    }

    /// Completes when the client asks to finish; never completes otherwise. Cancel-safe.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|finish| *finish).await.is_err() {
            std::future::pending().await
        }
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}

/// Who asks, as far as it decides what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Over the local socket: the same user, or root, who could read the program's memory anyway.
    Local,
    /// Over TCP: whoever knows the token.
    Remote,
}

impl Asker {
    /// Why the program's memory is not read for it; `None` when it is.
    pub(crate) fn memory_refused(self, context: &Context) -> Option<Unavailable> {
        match self {
            Asker::Local => None,
            Asker::Remote if context.memory_over_tcp => None,
            Asker::Remote => Some(Unavailable {
                reason: "memory of the program is not read over TCP".to_owned(),
                fix:
                    "ask on the program's host, as its user; or call Options::memory_over_tcp in the program"
                        .to_owned(),
            }),
        }
    }
}

/// Answers one request: parts go to `sink`, the returned [`End`] closes the answer.
///
/// Boxed, so that a connection is not as large as the largest collector, and what moves it is
/// compiled once.
pub(crate) fn answer<'a>(
    request: Request,
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "nothing asks there"))]
    asker: Asker,
    context: &'a Arc<Context>,
    sink: &'a Sink,
    finish: &'a mut Finish,
) -> Pin<Box<dyn Future<Output = Result<End, Stop>> + Send + 'a>> {
    match request {
        #[cfg(native_engine)]
        Request::Stack(arguments) => Box::pin(stack::collect(arguments, context, sink, finish)),
        Request::Memstats(arguments) => Box::pin(memstats::collect(arguments, context, sink, finish)),
        Request::Stats(arguments) => Box::pin(stats::collect(arguments, context, sink, finish)),
        Request::Version(arguments) => Box::pin(version::collect(arguments, context, sink, finish)),
        #[cfg(any(native_engine, pprof_engine))]
        Request::PprofCpu(arguments) => Box::pin(pprof_cpu::collect(arguments, context, sink, finish)),
        Request::Trace(arguments) => Box::pin(trace::collect(arguments, context, sink, finish)),
        #[cfg(native_engine)]
        Request::Tasks(arguments) => Box::pin(tasks::collect(arguments, asker, context, sink, finish)),
        #[cfg(not(native_engine))]
        Request::Tasks(_) => Box::pin(std::future::ready(Err(unsupported_here("tasks").into()))),
        #[cfg(native_engine)]
        Request::Read(arguments) => Box::pin(read::collect(arguments, asker, context, sink, finish)),
        #[cfg(not(native_engine))]
        Request::Read(_) => Box::pin(std::future::ready(Err(unsupported_here("read").into()))),
        #[cfg(target_os = "linux")]
        Request::Schedtrace(arguments) => {
            Box::pin(schedtrace::collect(arguments, asker, context, sink, finish))
        }
        #[cfg(not(target_os = "linux"))]
        Request::Schedtrace(_) => Box::pin(std::future::ready(Err(unsupported_here("schedtrace").into()))),
        #[cfg(native_engine)]
        Request::PprofHeap(arguments) => Box::pin(pprof_heap::collect(arguments, context, sink, finish)),
        #[cfg(not(native_engine))]
        Request::PprofHeap(_) => Box::pin(std::future::ready(Err(unsupported_here("pprof-heap").into()))),
        #[cfg(native_engine)]
        Request::HeapRate(arguments) => Box::pin(heap_rate::collect(arguments, context, sink, finish)),
        #[cfg(not(native_engine))]
        Request::HeapRate(_) => Box::pin(std::future::ready(Err(unsupported_here("heap-rate").into()))),
        #[cfg(target_os = "linux")]
        Request::Gc(arguments) => Box::pin(gc::collect(arguments, context, sink, finish)),
        #[cfg(not(target_os = "linux"))]
        Request::Gc(_) => Box::pin(std::future::ready(Err(unsupported_here("gc").into()))),
        #[cfg(not(native_engine))]
        Request::Stack(_) => Box::pin(std::future::ready(Err(unsupported_here("stack").into()))),
        #[cfg(not(any(native_engine, pprof_engine)))]
        Request::PprofCpu(_) => Box::pin(std::future::ready(Err(context.cpu_engine.unsupported().into()))),
    }
}

#[cfg(not(native_engine))]
/// The error of a collector that needs what only Linux has, on a processor the engine knows.
fn unsupported_here(command: &str) -> Error {
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    Error::new(
        Code::Unsupported,
        format!("cannot answer {command}"),
        format!("it needs Linux on x86_64 or aarch64; this is {system} on {processor}"),
        "",
    )
}

//! The JSON contract `rgops.stack/1`.

use rgops_protocol::reply::stack::Capture;
use rgops_protocol::reply::{End, StackEnd};
use serde::Serialize;

use super::report::StackReport;
use super::thread::{Activity, Polled, Role, Thread};
use crate::locks::{LockKind, LockPlace, LockWait};
use crate::report::document::Document;
use crate::report::known::{JsonKnown, JsonProcess};
use crate::report::screen::Room;
use crate::symbols::{Frame, ModuleSymbols};

/// The whole report. Times are nanoseconds; addresses and offsets are numbers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonStack<'a> {
    /// The process, in its own pid namespace.
    pid: u32,
    name: &'a str,
    /// When the dump started, since the Unix epoch; `null` if the answer ended early.
    unix_ns: Option<u64>,
    /// From the first capture to the last.
    capture_ns: Option<u64>,
    /// Threads that ended during the dump and are not listed.
    vanished: Option<u32>,
    threads: Vec<JsonThread<'a>>,
    /// Which names each module provides, and why not more.
    modules: &'a [ModuleSymbols],
    /// Locks that threads wait for. Who holds them is not known.
    locks: Vec<JsonLock>,
}

/// A lock, and the threads that wait for it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonLock {
    kind: LockKind,
    /// `null` if it is not known: then this is a place in the program, which may use several locks.
    address: Option<u64>,
    threads: Vec<u32>,
    places: Vec<JsonPlace>,
}

/// Where threads wait for a lock.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonPlace {
    function: String,
    file: Option<String>,
    line: Option<u32>,
    threads: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonThread<'a> {
    tid: u32,
    name: &'a str,
    role: Role,
    activity: Activity,
    state: &'a str,
    state_letter: char,
    /// Empty if it is not in one.
    system_call: JsonKnown<String>,
    wchan: &'a str,
    cpu_ns: JsonKnown<u64>,
    /// The Tokio task it polls, or whose blocking function it runs; `null` for none.
    polls: Option<&'a Polled>,
    /// `signal`, `quiet`, `own_thread` or `failed`.
    capture: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_captured_because: Option<&'a str>,
    /// Why a sleeping thread was captured by signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_signal_because: Option<&'a str>,
    /// `root`, `depth_limit`, `lost` or `not_captured`.
    end: &'static str,
    frames: Vec<JsonFrame<'a>>,
}

/// Innermost first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct JsonFrame<'a> {
    function: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u16>,
    inlined: bool,
    module: Option<&'a str>,
    /// Address as stated in the module's file.
    module_offset: u64,
    function_offset: Option<u64>,
    /// Other functions with the same code, which the compiler or the linker folded into one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'a str>,
}

impl<'a> JsonStack<'a> {
    /// The report with the answer's notes, or with the reason why the answer ended early. If memory or time does not
    /// suffice for all threads, the rest is left out, and that is the reason unless there is another one.
    pub fn document(report: &'a StackReport, end: Result<&End, String>) -> Document<JsonStack<'a>> {
        let summary = report.summary.as_ref();
        let mut room = Room::new(&report.budget);
        let threads = room.fill(report.threads.iter().map(JsonThread::from));
        let body = JsonStack {
            pid: report.pid,
            name: &report.process,
            unix_ns: summary.map(|summary| summary.unix_ns),
            capture_ns: summary.map(|summary| summary.capture_ns),
            vanished: summary.map(|summary| summary.vanished),
            threads,
            modules: &report.modules,
            locks: room.fill(report.lock_waits().into_iter().map(JsonLock::from)),
        };
        let process = JsonProcess { pid: report.pid, name: report.process.clone() };
        Document::new("rgops.stack/1", process, end, body, room.cut())
    }
}

impl From<LockWait> for JsonLock {
    fn from(wait: LockWait) -> JsonLock {
        let place = |place: LockPlace| JsonPlace {
            function: place.function,
            file: place.file.map(|file| file.to_string()),
            line: place.line,
            threads: place.threads,
        };
        JsonLock {
            kind: wait.kind,
            address: wait.address,
            threads: wait.threads,
            places: wait.places.into_iter().map(place).collect(),
        }
    }
}

impl<'a> From<&'a Thread> for JsonThread<'a> {
    fn from(thread: &'a Thread) -> JsonThread<'a> {
        let (capture, because) = match &thread.capture {
            Capture::Signal { because } => ("signal", Some(because.as_str())),
            Capture::Quiet => ("quiet", None),
            Capture::OwnThread => ("own_thread", None),
            Capture::Failed { reason } => ("failed", Some(reason.as_str())),
        };
        JsonThread {
            tid: thread.tid,
            name: &thread.name,
            role: thread.role,
            activity: thread.activity,
            state: &thread.state,
            state_letter: thread.state_letter,
            system_call: thread.system_call.clone().into(),
            wchan: &thread.wchan,
            cpu_ns: thread.cpu_ns.clone().into(),
            polls: thread.polls.as_ref(),
            capture,
            not_captured_because: because.filter(|_| capture == "failed"),
            by_signal_because: because.filter(|because| capture == "signal" && !because.is_empty()),
            end: match thread.end {
                StackEnd::Root => "root",
                StackEnd::DepthLimit => "depth_limit",
                StackEnd::Lost => "lost",
                StackEnd::NotCaptured => "not_captured",
            },
            frames: thread.frames.iter().map(JsonFrame::from).collect(),
        }
    }
}

impl<'a> From<&'a Frame> for JsonFrame<'a> {
    fn from(frame: &'a Frame) -> JsonFrame<'a> {
        JsonFrame {
            function: frame.function.as_deref(),
            file: frame.file.as_deref(),
            line: frame.line,
            column: frame.column,
            inlined: frame.is_inlined,
            module: frame.module.as_deref(),
            module_offset: frame.module_offset,
            function_offset: frame.function_offset,
            aliases: frame.aliases.iter().map(|alias| &**alias).collect(),
        }
    }
}

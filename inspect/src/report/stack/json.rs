//! The JSON contract `rgops.stack/1`.

use rgops_protocol::reply::stack::Capture;
use rgops_protocol::reply::{End, StackEnd};
use serde::Serialize;

use super::report::StackReport;
use super::role::Role;
use super::thread::{Activity, Moved, Polled, Thread};
use crate::locks::{Holder, LockKind, LockPlace, LockWait, NotSearched, ThreadRing, rings};
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
    /// Locks that threads wait for.
    locks: Vec<JsonLock>,
    /// Threads that wait for each other: each for a lock that the next one holds, the last for one of the first.
    deadlocks: Vec<JsonRing>,
    /// Why no holder of a lock could be looked for; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    holders_missing: Option<&'a str>,
    /// What was not searched for holders; absent if all was.
    #[serde(skip_serializing_if = "Option::is_none")]
    holders_not_searched: Option<NotSearched>,
}

/// Threads that wait for each other.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonRing {
    threads: Vec<u32>,
    /// Whether each lock says itself who holds it. Otherwise it is likely.
    is_certain: bool,
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
    /// The threads that hold it, as far as `holder` says; empty if that is not known.
    held_by: Vec<u32>,
    /// `owner`: the lock itself says so. `likely`: the only thread that refers to it and does not wait for it. `one_of`:
    /// several do. `null`: not known.
    holder: Option<&'static str>,
    /// Why the holder is not known; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder_unknown_because: Option<String>,
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
    /// For how long it had the same stack and used no CPU, while it was watched; `null` if it ran, or that is not known.
    /// Absent if it was not watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmoved_seconds: Option<Option<f64>>,
    /// At least for how long it has waited: it did not run since an earlier `stack` command. Absent if it ran, or nobody
    /// asked before.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_seconds: Option<f64>,
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
        let waits = report.lock_waits();
        let body = JsonStack {
            pid: report.pid,
            name: &report.process,
            unix_ns: summary.map(|summary| summary.unix_ns),
            capture_ns: summary.map(|summary| summary.capture_ns),
            vanished: summary.map(|summary| summary.vanished),
            threads,
            modules: &report.modules,
            deadlocks: rings(&waits).into_iter().map(JsonRing::from).collect(),
            holders_missing: Some(report.holders.missing.as_str()).filter(|why| !why.is_empty()),
            holders_not_searched: report.holders.not_searched,
            locks: room.fill(waits.into_iter().map(JsonLock::from)),
        };
        let process = JsonProcess { pid: report.pid, name: report.process.clone() };
        Document::new("rgops.stack/1", process, end, body, room.cut())
    }
}

impl From<ThreadRing> for JsonRing {
    fn from(ring: ThreadRing) -> JsonRing {
        JsonRing { threads: ring.threads, is_certain: ring.is_certain }
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
        let (holder, because) = match &wait.holder {
            Some(Holder::Owner(_)) => (Some("owner"), None),
            Some(Holder::Likely(_)) => (Some("likely"), None),
            Some(Holder::OneOf(_)) => (Some("one_of"), None),
            Some(Holder::Unknown(why)) => (None, Some(why.clone())),
            None => (None, None),
        };
        JsonLock {
            held_by: wait.holder.as_ref().map(Holder::threads).unwrap_or_default(),
            holder,
            holder_unknown_because: because,
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
            unmoved_seconds: thread.moved.map(|moved| match moved {
                Moved::Not { for_ns } => Some(for_ns as f64 / 1e9),
                Moved::Ran | Moved::Unknown => None,
            }),
            waiting_seconds: thread.waiting_ns.map(|ns| ns as f64 / 1e9),
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

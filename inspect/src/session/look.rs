//! The looks of a diagnosis: which commands are asked, in which order, and what is kept of their answers.
//!
//! Expensive commands are asked one after the other; the stacks of all threads are taken three times, twice together
//! with the tasks. Names are resolved outside the measured windows, so that rgops uses hardly any CPU while it measures
//! who gets one.

use std::time::{Duration, Instant};

use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::{Known, Unavailable};
use rgops_protocol::request::{MemstatsRequest, Request, StackRequest, StatsRequest};

use super::answer::Answer as _;
use super::connect::Session;
use super::error::SessionError;
use super::leaks::LeaksOptions;
use super::progress::Progress;
use super::tasks::TasksOptions;
use crate::diagnose::{
    Diagnosis, Dump, Growing, Kind, Limits, MemoryLook, Seen, SeenThread, TaskLook, place, wants_longer,
};
use crate::report::stack::{Role, StackReport, Thread};
use crate::schedtrace::{Next, Options, RuntimeLine, Tracer};
use crate::symbols::own_frame;

/// Frames per stack.
const DEPTH: u32 = 128;
/// Moments of the schedulers at the start and at the end, and the time between them.
const MOMENTS: u32 = 2;
const BETWEEN_MOMENTS: Duration = Duration::from_millis(150);
/// Measured windows of `stats`.
const WINDOWS: u32 = 3;
/// A suspicion of a worker in one poll needs this much more, and if it gets little CPU, that several times.
const LONGER: Duration = Duration::from_millis(1900);
const MOST_LONGER: u32 = 4;
/// An agent that gets no CPU answers late: looks that would begin after this many windows are left out.
const MOST_WINDOWS: u32 = 3;
/// How long growing lines are searched for.
const GROWING: Duration = Duration::from_secs(2);
/// Growing lines that are kept.
const MOST_LINES: usize = 5;

/// By the functions on the stacks of its threads.
const WITHOUT_TOKIO: &str = "the program has no Tokio runtime of its own";
const NO_TOKIO: &str = "no Tokio runtime is watched";
const NO_TOKIO_FIX: &str = "call rgops_agent::listen inside a runtime, or pass its handle to Agent::watch";

/// Answers, and the first failure of each kind of command.
#[derive(Debug)]
pub(super) struct Looks {
    began: Instant,
    /// Those that came with a list of tasks have names already.
    named: Vec<Dump>,
    dumps: Vec<(u64, Vec<StackPart>)>,
    tasks: Vec<TaskLook>,
    stats: Vec<StatsReply>,
    memory: Vec<MemoryLook>,
    schedulers: Vec<Vec<RuntimeLine>>,
    failures: Vec<(&'static str, SessionError)>,
    incomplete: Vec<String>,
}

impl Looks {
    pub(super) fn new(began: Instant) -> Looks {
        Looks {
            began,
            named: Vec::new(),
            dumps: Vec::new(),
            tasks: Vec::new(),
            stats: Vec::new(),
            memory: Vec::new(),
            schedulers: Vec::new(),
            failures: Vec::new(),
            incomplete: Vec::new(),
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Looks for about the time `window`.
    ///
    /// # Errors
    /// If no command was answered.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        window: Duration,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), SessionError> {
        progress(Progress::Started);
        self.tasks_and_threads(session, progress);
        self.memory(session);
        self.schedulers(session);
        self.dump(session);
        self.memory(session);
        let measured = window.saturating_sub(self.began.elapsed()).max(Duration::from_millis(600)) / WINDOWS;
        for number in 0..WINDOWS {
            progress(Progress::Gathering { elapsed: self.began.elapsed(), total: window, gathered: 0 });
            if number > 0 && self.began.elapsed() > window * MOST_WINDOWS {
                self.note(Vec::new(), "the agent answers late: looks were left out");
                break;
            }
            self.stats(session, measured);
            self.memory(session);
        }
        for _ in 0..MOST_LONGER {
            if wants_longer(self.named.first(), &self.stats) {
                progress(Progress::Watching);
                self.stats(session, LONGER);
            }
        }
        self.schedulers(session);
        self.tasks_and_threads(session, progress);
        let is_nothing = self.dumps.is_empty()
            && self.named.is_empty()
            && self.tasks.is_empty()
            && self.stats.is_empty()
            && self.memory.is_empty();
        match self.failures.is_empty() || !is_nothing {
            true => Ok(()),
            false => Err(self.failures.remove(0).1),
        }
    }

    fn keep<T>(&mut self, command: &'static str, answer: Result<T, SessionError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                if self.failures.iter().all(|(known, _)| *known != command) {
                    self.failures.push((command, error));
                }
                None
            }
        }
    }

    fn has_failed(&self, command: &str) -> bool {
        self.failures.iter().any(|(known, _)| *known == command)
    }

    /// The tasks and the threads; the threads alone if tasks are not answered.
    fn tasks_and_threads(&mut self, session: &mut Session, progress: &mut dyn FnMut(Progress)) {
        if self.has_failed("tasks") {
            return self.dump(session);
        }
        let at_ns = self.now_ns();
        let answer = session.tasks(&TasksOptions::default().depth(DEPTH), progress);
        let Some(tasks) = self.keep("tasks", answer) else { return self.dump(session) };
        self.tasks.push(TaskLook::new(at_ns, tasks.list(), tasks.graph()));
        match tasks.threads() {
            [] => self.dump(session),
            threads => self.named.push(Dump::new(at_ns, threads.iter().cloned().map(seen_thread).collect())),
        }
        let incomplete = tasks.completeness();
        if !incomplete.is_complete() {
            self.note(incomplete.sentences(), "some tasks are missing");
        }
        tasks.leak();
    }

    fn note(&mut self, mut sentences: Vec<String>, otherwise: &str) {
        if sentences.is_empty() {
            sentences.push(otherwise.to_owned());
        }
        sentences.retain(|sentence| !self.incomplete.contains(sentence));
        self.incomplete.append(&mut sentences);
    }

    fn dump(&mut self, session: &mut Session) {
        if self.has_failed("stack") {
            return;
        }
        let at_ns = self.now_ns();
        let answer = stacks(session);
        if let Some(parts) = self.keep("stack", answer) {
            self.dumps.push((at_ns, parts));
        }
    }

    fn memory(&mut self, session: &mut Session) {
        if self.has_failed("memstats") {
            return;
        }
        let at_ns = self.now_ns();
        let answer = session.ask_single(&Request::Memstats(MemstatsRequest {}), Duration::ZERO);
        if let Some(single) = self.keep("memstats", answer) {
            self.memory.push(MemoryLook::new(at_ns, single.reply));
        }
    }

    fn stats(&mut self, session: &mut Session, window: Duration) {
        if self.has_failed("stats") {
            return;
        }
        let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        let answer = session.ask_single(&Request::Stats(StatsRequest { window_ms }), window);
        if let Some(single) = self.keep("stats", answer) {
            self.stats.push(single.reply);
        }
    }

    fn schedulers(&mut self, session: &mut Session) {
        if self.has_failed("schedtrace") || self.stats.last().is_some_and(|window| window.runtimes.is_empty())
        {
            return;
        }
        let answer = moments(session);
        if let Some(moments) = self.keep("schedtrace", answer) {
            self.schedulers.extend(moments);
        }
    }

    /// Everything that was seen, with names, and which commands failed or were incomplete.
    pub(super) fn seen(self, session: &Session) -> (Seen, Vec<String>) {
        let window_ns = self.now_ns();
        let Looks { named: mut all, dumps, tasks, stats, memory, schedulers, failures, incomplete, .. } =
            self;
        let mut failed = incomplete;
        let runtimes = stats.last().map(|window| window.runtimes.len());
        // A program without Tokio lacks nothing.
        let is_lack = |command: &str| runtimes != Some(0) || !["tasks", "schedtrace"].contains(&command);
        let lacks = failures.iter().filter(|(command, _)| is_lack(command));
        failed.extend(lacks.map(|(command, error)| format!("{command}: {error}")));
        let named = named(session, dumps);
        failed.extend(named.left_out);
        all.extend(named.dumps);
        all.sort_by_key(|dump| dump.at_ns);
        let mut seen = Seen::nothing("", "");
        seen.window_ns = window_ns;
        seen.dumps = known(&failures, "stack", all);
        seen.tasks = known(&failures, "tasks", tasks);
        seen.memory = known(&failures, "memstats", memory);
        seen.schedulers = known(&failures, "schedtrace", schedulers);
        seen.stats = known(&failures, "stats", stats);
        if runtimes == Some(0) {
            let has_none = |(_, error): &(_, SessionError)| matches!(error, SessionError::NoTokio { .. });
            let (why, fix) = match failures.iter().any(has_none) {
                true => (WITHOUT_TOKIO, ""),
                false => (NO_TOKIO, NO_TOKIO_FIX),
            };
            seen.tasks = Known::unavailable(why, fix);
            seen.schedulers = Known::unavailable(why, fix);
        }
        seen.limits = limits(session.local_pid());
        let budget = session.options().new_budget();
        seen.parked_at = session.parked_at(&seen.lock_threads(), &budget);
        let holders = session.lock_holders(seen.lock_threads(), &budget);
        seen.set_holders(holders);
        (seen, failed)
    }
}

/// What was kept, or why there is nothing.
fn known<T>(failures: &[(&str, SessionError)], command: &str, kept: Vec<T>) -> Known<Vec<T>> {
    match failures.iter().find(|(known, _)| *known == command) {
        Some((_, error)) if kept.is_empty() => {
            Known::Unavailable(Unavailable { reason: error.to_string(), fix: error.fix() })
        }
        _ => Known::Value(kept),
    }
}

impl Session {
    /// The likeliest growing lines, if a diagnosis says that the heap grows.
    pub(super) fn growing_lines(
        &mut self,
        diagnosis: &Diagnosis,
        progress: &mut dyn FnMut(Progress),
    ) -> Option<Vec<Growing>> {
        diagnosis.findings.iter().find(|finding| finding.kind == Kind::GrowingHeap)?;
        let leaks = self.leaks(&LeaksOptions::default().window(GROWING), progress).ok()?;
        let growth = leaks.growth();
        let grown = growth.grown.iter().chain(&growth.unsure).filter(|grown| grown.bytes() > 0);
        let lines = grown.take(MOST_LINES).filter_map(|grown| {
            let frames: Vec<_> = leaks.heap().frames(grown.stack).cloned().collect();
            own_frame(&frames)?;
            Some(Growing::new(place(&frames)?, grown.bytes(), grown.confidence))
        });
        Some(lines.collect())
    }
}

/// The stacks, not named yet.
fn stacks(session: &mut Session) -> Result<Vec<StackPart>, SessionError> {
    let (client, _running) = session.begin(Duration::ZERO)?;
    let mut answer = client.ask(&Request::Stack(StackRequest { max_depth: DEPTH }))?;
    let collected = answer.collect::<StackPart>(&mut |_| {});
    match collected.end {
        Err(error) if collected.parts.is_empty() => Err(error.into()),
        _ => Ok(collected.parts),
    }
}

fn moments(session: &mut Session) -> Result<Vec<Vec<RuntimeLine>>, SessionError> {
    let asked = BETWEEN_MOMENTS * MOMENTS;
    let (client, running) = session.begin(asked)?;
    let budget = client.budget().clone();
    let session = &*session;
    let options = Options {
        interval_ms: u32::try_from(BETWEEN_MOMENTS.as_millis()).unwrap_or(u32::MAX),
        count: MOMENTS,
        detail: false,
        local_pid: session.local_pid(),
        symbol_directories: session.options().symbols.clone(),
        patience: session.options().timeout,
    };
    let reconnect = Box::new(move || session.connect_again(&budget));
    let mut tracer = Tracer::start(client, reconnect, options, running)?;
    let mut moments = Vec::new();
    while let Next::Lines(lines) = tracer.next_lines()? {
        moments.push(lines);
    }
    Ok(moments)
}

/// Dumps with names.
struct Named {
    dumps: Vec<Dump>,
    left_out: Option<String>,
}

/// Names the frames of all dumps at once: they have nearly the same addresses.
fn named(session: &Session, dumps: Vec<(u64, Vec<StackPart>)>) -> Named {
    let mut parts = Vec::new();
    let mut moments = Vec::new();
    for (at_ns, dump) in dumps {
        let mut count = 0;
        for part in dump {
            match part {
                StackPart::Modules(modules) if moments.is_empty() => parts.push(StackPart::Modules(modules)),
                StackPart::Threads(threads) => {
                    count += threads.len();
                    parts.push(StackPart::Threads(threads));
                }
                _ => {}
            }
        }
        moments.push((at_ns, count));
    }
    let budget = session.options().new_budget();
    let (hello, symbols) = (session.hello(), &session.options().symbols);
    let report = StackReport::within(&budget, hello, session.local_pid(), symbols, parts);
    let left_out =
        report.left_out.map(|(count, why)| format!("{count} threads left out: {}", crate::text::reason(why)));
    let mut threads = report.threads.into_iter();
    let mut named = Vec::new();
    for (at_ns, count) in moments {
        let of_dump = threads.by_ref().take(count).filter(|thread| thread.role != Role::Agent);
        named.push(Dump::new(at_ns, of_dump.map(seen_thread).collect()));
    }
    Named { dumps: named, left_out }
}

fn seen_thread(thread: Thread) -> SeenThread {
    let (task, task_name) = thread.polls.map_or((None, None), |polled| (polled.task, polled.name));
    SeenThread {
        tid: thread.tid,
        name: thread.name,
        role: thread.role,
        activity: thread.activity,
        state: thread.state,
        state_letter: thread.state_letter,
        futex: thread.futex,
        cpu_ns: thread.cpu_ns.value().copied(),
        task,
        task_name,
        addresses: thread.addresses,
        frames: thread.frames,
    }
}

/// The limits of the process, if it runs here.
#[cfg(target_os = "linux")]
fn limits(local_pid: Option<u32>) -> Known<Limits> {
    let Some(pid) = local_pid else {
        return Known::unavailable("the program runs on another machine or in another namespace", "");
    };
    match crate::procfs::read(pid, "limits") {
        Ok(bytes) => Known::Value(Limits::parse(&String::from_utf8_lossy(&bytes))),
        Err(error) => Known::unavailable(format!("/proc/{pid}/limits: {error}"), ""),
    }
}

#[cfg(not(target_os = "linux"))]
fn limits(_local_pid: Option<u32>) -> Known<Limits> {
    Known::unavailable("the limits of a process are read on Linux only", "")
}

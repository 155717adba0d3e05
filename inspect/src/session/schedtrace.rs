//! `schedtrace`: the state of the Tokio schedulers at regular moments.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;

use super::answer::Answer;
use super::completeness::Completeness;
use super::connect::{Session, end_by};
use super::error::SessionError;
use crate::budget::Budget;
use crate::report::Document;
use crate::report::known::JsonProcess;
use crate::report::schedtrace::{JsonSchedtrace, missing, render};
use crate::report::screen::Screen;
use crate::schedtrace::{Next, Options, RuntimeLine, Tracer};

/// Maximum distinct notes: a hostile agent could send a new one each time.
const MAX_NOTES: usize = 100;

const NO_RUNTIME: &str = "no Tokio runtime is watched; call rgops_agent::listen inside a runtime, or pass its handle to Options::watch or Agent::watch";

/// Interval and number of moments.
#[derive(Debug, Clone)]
pub struct SchedtraceOptions {
    interval: Duration,
    count: u32,
    detail: bool,
}

impl Default for SchedtraceOptions {
    fn default() -> SchedtraceOptions {
        SchedtraceOptions { interval: Duration::from_secs(1), count: 0, detail: false }
    }
}

impl SchedtraceOptions {
    /// Time between two moments: 1 s by default, from 10 ms to 1 h.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> SchedtraceOptions {
        self.interval = interval;
        self
    }

    /// Number of moments; 0, the default, continues until it is stopped.
    #[must_use]
    pub fn count(mut self, moments: u32) -> SchedtraceOptions {
        self.count = moments;
        self
    }

    /// Also the thread and task of each worker, and the tasks that are not idle.
    #[must_use]
    pub fn detail(mut self, detail: bool) -> SchedtraceOptions {
        self.detail = detail;
        self
    }

    /// The time of the whole trace; for a trace without an end, the time of one moment.
    fn asked(&self) -> Duration {
        self.interval.saturating_mul(self.count.max(1))
    }
}

/// A running trace, until it is dropped. [`Session::stopper`] ends it from another thread.
pub struct SchedtraceStream<'s> {
    tracer: Tracer<'s>,
    hello: AgentHello,
    /// Time limit of a moment, in a trace without an end.
    whole: Option<Duration>,
    budget: Budget,
    reported: BTreeSet<String>,
    is_partial: bool,
    /// Whether there was a runtime at any moment so far; `None` before the first moment.
    had_runtimes: Option<bool>,
    end: Option<End>,
}

/// One line per runtime, all of the same moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Moment {
    /// What is missing, each reason once per trace.
    pub notes: Vec<String>,
    /// The runtimes.
    pub lines: Vec<SchedtraceLine>,
}

/// The state of the scheduler of one runtime at one moment.
#[derive(Debug)]
pub struct SchedtraceLine {
    process: JsonProcess,
    line: RuntimeLine,
}

impl Session {
    /// Traces the Tokio schedulers.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn schedtrace(&mut self, options: &SchedtraceOptions) -> Result<SchedtraceStream<'_>, SessionError> {
        let (client, running) = self.begin(options.asked())?;
        let session = &*self;
        let budget = client.budget().clone();
        // The longest interval is an hour.
        let interval_ms = u32::try_from(options.interval.as_millis()).unwrap_or(u32::MAX);
        let what = Options {
            interval_ms,
            count: options.count,
            detail: options.detail,
            local_pid: session.local_pid(),
            symbol_directories: session.options().symbols.clone(),
            patience: session.options().timeout,
        };
        let (hello, whole) = (session.hello().clone(), session.options().whole(options.asked()));
        let of_reconnect = budget.clone();
        let reconnect = Box::new(move || session.connect_again(&of_reconnect));
        let tracer = Tracer::start(client, reconnect, what, running)?;
        if tracer.has_no_runtime()
            && let Some(error) = session.without_tokio(&budget)
        {
            return Err(error);
        }
        Ok(SchedtraceStream {
            tracer,
            hello,
            whole: (options.count == 0).then_some(whole),
            budget,
            reported: BTreeSet::new(),
            is_partial: false,
            had_runtimes: None,
            end: None,
        })
    }
}

impl SchedtraceStream<'_> {
    /// Waits for the next moment; `None` at the end of the trace.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn next_moment(&mut self) -> Result<Option<Moment>, SessionError> {
        if let Some(whole) = self.whole {
            end_by(&self.budget, Instant::now(), whole);
        }
        let lines = match self.tracer.next_lines()? {
            Next::Lines(lines) => lines,
            Next::End(end) => {
                self.end = Some(end);
                return Ok(None);
            }
        };
        self.had_runtimes = Some(self.had_runtimes == Some(true) || !lines.is_empty());
        let (shown, left_out) = (lines.len(), self.tracer.runtimes_left_out());
        let note = match lines.is_empty() {
            true => Some(NO_RUNTIME.to_owned()),
            false if left_out > 0 => {
                let all = left_out.saturating_add(shown as u64);
                Some(format!("{shown} of {all} runtimes shown"))
            }
            false => None,
        };
        self.is_partial |= !lines.is_empty() && left_out > 0;
        self.is_partial |= lines.iter().any(|line| line.workers_left_out > 0);
        let process = JsonProcess::from(&self.hello);
        let lines = lines.into_iter().map(|line| SchedtraceLine { process: process.clone(), line }).collect();
        Ok(Some(Moment { notes: self.unreported(note), lines }))
    }

    /// Why numbers of a line are missing, each reason once per trace. The JSON document has the reasons itself.
    pub fn notes(&mut self, line: &SchedtraceLine) -> Vec<String> {
        self.unreported(missing(&line.line))
    }

    /// What the trace lacked so far.
    pub fn completeness(&self) -> Completeness<'_> {
        let end = self.end.as_ref().map_or(&NO_NOTES, |end| end);
        Completeness::of(Ok(end)).partial_if(self.is_partial || self.had_runtimes == Some(false))
    }

    fn unreported(&mut self, notes: impl IntoIterator<Item = String>) -> Vec<String> {
        let reported = &mut self.reported;
        notes.into_iter().filter(|note| reported.len() < MAX_NOTES && reported.insert(note.clone())).collect()
    }
}

/// The end of a trace that is still running.
static NO_NOTES: End = End { notes: Vec::new() };

impl SchedtraceLine {
    /// Name of the runtime.
    pub fn runtime(&self) -> &str {
        &self.line.runtime
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonSchedtrace>;

impl Answer for SchedtraceLine {
    type View = ();
    type Body<'a> = JsonSchedtrace;

    fn text(&self, (): &()) -> Screen {
        render(&self.line).into()
    }

    fn json(&self, (): &()) -> Document<JsonSchedtrace> {
        JsonSchedtrace::document(self.process.clone(), &self.line)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(Ok(&NO_NOTES)).partial_if(self.line.workers_left_out > 0)
    }
}

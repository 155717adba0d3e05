//! `trace`: the states of every thread over time as a Perfetto file, and a summary.

use std::io::Write;
use std::time::Duration;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::request::{Request, TraceRequest};

use super::answer::{Answer, end_of};
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::gathering::{Gathered, milliseconds};
use super::progress::Progress;
use crate::report::Document;
use crate::report::pprof_cpu::missing_names;
use crate::report::screen::Screen;
use crate::report::trace::{JsonTrace, screen};
use crate::trace::{Process, Recorder};

/// What to trace.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    duration: Duration,
    interval: Duration,
    hz: u32,
}

impl Default for TraceOptions {
    fn default() -> TraceOptions {
        TraceOptions { duration: Duration::from_secs(5), interval: Duration::from_millis(5), hz: 99 }
    }
}

impl TraceOptions {
    /// How long to trace, 5 s by default.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> TraceOptions {
        self.duration = duration;
        self
    }

    /// Time between two readings of the threads, 5 ms by default; the agent reads less often if that costs too much.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> TraceOptions {
        self.interval = interval;
        self
    }

    /// Sampling rate in Hz of CPU time, 99 by default; 0 for no samples.
    #[must_use]
    pub fn hz(mut self, hz: u32) -> TraceOptions {
        self.hz = hz;
        self
    }
}

/// A written trace and its summary.
#[derive(Debug)]
pub struct Trace<W> {
    hello: AgentHello,
    recorder: Recorder<W>,
    end: Result<End, SessionError>,
}

/// What to show of the summary.
#[derive(Debug, Clone, Default)]
pub struct TraceView {
    all: bool,
    file: Option<String>,
}

impl TraceView {
    /// Every thread, not only the busiest.
    #[must_use]
    pub fn all(mut self, all: bool) -> TraceView {
        self.all = all;
        self
    }

    /// The file it was saved in, for the JSON document.
    #[must_use]
    pub fn file(mut self, file: Option<String>) -> TraceView {
        self.file = file;
        self
    }
}

impl<W: Write> Trace<W> {
    /// The writer.
    pub fn output_mut(&mut self) -> &mut W {
        self.recorder.output_mut()
    }
}

impl Session {
    /// Traces the states of every thread over time, and writes the trace to `out` in the format of Perfetto while
    /// it arrives.
    ///
    /// An error of the writer does not stop the trace: the writer has to keep it.
    ///
    /// # Errors
    /// [`SessionError`], if nothing was received.
    pub fn trace<W: Write>(
        &mut self,
        options: &TraceOptions,
        out: W,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Trace<W>, SessionError> {
        let request = TraceRequest {
            duration_ms: milliseconds(options.duration),
            hz: options.hz,
            interval_us: u32::try_from(options.interval.as_micros()).unwrap_or(u32::MAX),
        };
        let (mut answer, _running) = self.ask(&Request::Trace(request), options.duration)?;
        let process = Process {
            name: self.hello().name.clone(),
            local_pid: self.local_pid(),
            symbol_directories: self.options().symbols.clone(),
            budget: answer.budget().clone(),
        };
        let mut recorder = Recorder::new(out, process);
        let gathered = Gathered::from_answer(&mut answer, progress, |part| {
            let _ = recorder.add(part);
            recorder.exhausted().map_or(Ok(()), |exhausted| Err(exhausted.into()))
        });
        let end = match gathered.end {
            Err(error) if recorder.start().is_none() => return Err(error),
            end => end,
        };
        let _ = recorder.finish();
        Ok(Trace { hello: self.hello().clone(), recorder, end })
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonTrace<'static>>;

impl<W: Write> Answer for Trace<W> {
    type View = TraceView;
    type Body<'a>
        = JsonTrace<'a>
    where
        W: 'a;

    fn text(&self, view: &TraceView) -> Screen {
        let mut text = screen(&self.recorder, view.all);
        text.push_last(&missing_names(self.recorder.module_symbols()));
        text
    }

    fn json<'a>(&'a self, view: &'a TraceView) -> Document<JsonTrace<'a>> {
        let end = end_of(&self.end);
        JsonTrace::document(&self.hello, view.file.as_deref(), &self.recorder, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(self.end.as_ref())
    }
}

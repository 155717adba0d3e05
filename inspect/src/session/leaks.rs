//! `leaks`: the lines of the program whose memory keeps growing.

use std::time::Duration;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::pprof_heap::HeapSource;
use rgops_protocol::request::{PprofHeapRequest, Request};

use super::answer::{Answer, end_of};
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::gathering::{Gathered, milliseconds};
use super::progress::Progress;
use crate::heap::{Growth, Heap, NoGrowth, growth};
use crate::report::Document;
use crate::report::leaks::{JsonLeaks, render};
use crate::report::pprof_cpu::missing_names;
use crate::report::screen::Screen;

/// Snapshots in a window, without the first.
const INTERVALS: u64 = 12;
/// Shortest time between two snapshots of the agent.
const MIN_INTERVAL_MS: u64 = 100;

/// How long to watch.
#[derive(Debug, Clone)]
pub struct LeaksOptions {
    window: Duration,
}

impl Default for LeaksOptions {
    fn default() -> LeaksOptions {
        LeaksOptions { window: Duration::from_secs(60) }
    }
}

impl LeaksOptions {
    /// How long to watch, 60 s by default.
    #[must_use]
    pub fn window(mut self, window: Duration) -> LeaksOptions {
        self.window = window;
        self
    }
}

/// The lines whose memory keeps growing.
#[derive(Debug)]
pub struct Leaks {
    hello: AgentHello,
    heap: Heap,
    growth: Growth,
    end: Result<End, SessionError>,
    /// The target as the user typed it.
    typed: String,
}

impl Leaks {
    /// The lines that grew, and with which confidence.
    pub fn growth(&self) -> &Growth {
        &self.growth
    }

    /// The snapshots that were compared.
    pub(super) fn heap(&self) -> &Heap {
        &self.heap
    }
}

impl Session {
    /// Finds the lines of the program whose memory keeps growing.
    ///
    /// # Errors
    /// [`SessionError`], if there are not enough snapshots to compare, or the samples do not have the ages of blocks.
    pub fn leaks(
        &mut self,
        options: &LeaksOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Leaks, SessionError> {
        let duration_ms = milliseconds(options.window);
        let interval_ms = duration_ms.div_ceil(INTERVALS).max(MIN_INTERVAL_MS);
        let interval_ms = u32::try_from(interval_ms).unwrap_or(u32::MAX);
        let asked = PprofHeapRequest { duration_ms, interval_ms, live: true };
        let (mut answer, _running) = self.ask(&Request::PprofHeap(asked.clone()), options.window)?;
        let mut heap = Heap::new(self.process(answer.budget())).asked(&asked);
        let gathered = Gathered::from_answer(&mut answer, progress, |part| {
            heap.add(part);
            if let Some(refused) = heap.refused() {
                return Err(refused.into());
            }
            match heap.start().is_some_and(|start| start.source == HeapSource::Jemalloc) {
                true => Err(SessionError::NoAges),
                false => Ok(()),
            }
        });
        let end = match gathered.end {
            Err(SessionError::NoAges) => return Err(SessionError::NoAges),
            Err(error) if heap.snapshots().len() < 2 => return Err(error),
            end => end,
        };
        let growth = match growth(&heap) {
            Ok(growth) => growth,
            Err(NoGrowth::TooFewSnapshots) => return Err(SessionError::OneSnapshot),
            // The error that ended the answer came first.
            Err(NoGrowth::Exhausted(exhausted)) => return Err(end.err().unwrap_or_else(|| exhausted.into())),
        };
        Ok(Leaks { hello: self.hello().clone(), heap, growth, end, typed: self.typed().to_owned() })
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonLeaks<'static>>;

impl Answer for Leaks {
    type View = ();
    type Body<'a> = JsonLeaks<'a>;

    fn text(&self, (): &()) -> Screen {
        let Leaks { heap, growth, typed, .. } = self;
        (render(heap, growth, typed) + &missing_names(heap.module_symbols())).into()
    }

    fn json<'a>(&'a self, (): &'a ()) -> Document<JsonLeaks<'a>> {
        let end = end_of(&self.end);
        JsonLeaks::document(&self.hello, &self.heap, &self.growth, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        let heap = &self.heap;
        let off = "sampling is off: no new samples were taken (to turn it on: rgops heap-rate PID 512KiB)";
        Completeness::of(self.end.as_ref())
            .partial_if(heap.lost() > 0)
            .with_note((heap.mean_bytes() == 0).then(|| off.to_owned()))
    }
}

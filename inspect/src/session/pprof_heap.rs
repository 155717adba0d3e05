//! `pprof-heap`: a heap profile in pprof's format, and its top functions.

use std::io::{self, Write};
use std::time::Duration;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::request::{PprofHeapRequest, Request};

use super::answer::{Answer, end_of};
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::gathering::{Gathered, milliseconds};
use super::kept_profile::KeptProfile;
use super::profile_view::{ProfileView, table};
use super::progress::Progress;
use crate::heap::{Heap, HeapKind};
use crate::profile::proto::Profile;
use crate::profile::top::{self, Top};
use crate::report::Document;
use crate::report::pprof_cpu::missing_names;
use crate::report::pprof_heap::{JsonPprofHeap, Reconciliation};
use crate::report::screen::Screen;

/// What to profile.
#[derive(Debug, Clone)]
pub struct HeapProfileOptions {
    window: Option<Duration>,
    kind: HeapKind,
    rows: usize,
}

impl Default for HeapProfileOptions {
    fn default() -> HeapProfileOptions {
        HeapProfileOptions { window: None, kind: HeapKind::InuseSpace, rows: 10 }
    }
}

impl HeapProfileOptions {
    /// Profiles the changes in this time instead of the current state.
    #[must_use]
    pub fn window(mut self, window: Option<Duration>) -> HeapProfileOptions {
        self.window = window;
        self
    }

    /// What the table of functions counts: bytes in use by default.
    #[must_use]
    pub fn kind(mut self, kind: HeapKind) -> HeapProfileOptions {
        self.kind = kind;
        self
    }

    /// Rows of the table of functions, 10 by default; 0 for all.
    #[must_use]
    pub fn rows(mut self, rows: usize) -> HeapProfileOptions {
        self.rows = rows;
        self
    }
}

/// A heap profile.
#[derive(Debug)]
pub struct HeapProfile {
    hello: AgentHello,
    kept: KeptProfile,
    /// Whether the source of the samples counts the sample type of the table.
    is_counted: bool,
    reconciliation: Reconciliation,
    /// Why functions have no names, as lines.
    nameless: String,
    /// Number of lost samples.
    lost: u64,
    end: Result<End, SessionError>,
}

impl HeapProfile {
    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.kept.profile
    }

    /// Functions by descending flat value. They are summed up at the first call, so that the profile can be saved before,
    /// and within the memory and the deadline of the command, so call it soon.
    ///
    /// # Errors
    /// [`SessionError::NotCounted`], if the source of the samples does not count the requested sample type. The
    /// profile still has the types that it counts.
    pub fn top(&self) -> Result<&Top, SessionError> {
        match self.is_counted {
            true => Ok(self.kept.top()),
            false => Err(SessionError::NotCounted { sample_type: self.kept.sample_type() }),
        }
    }

    /// Writes the profile in the format of `go tool pprof`: gzipped protocol buffers.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        self.kept.write_to(out)
    }
}

impl Session {
    /// Reads the memory in use by the functions that allocated it, or its changes in a window.
    ///
    /// # Errors
    /// [`SessionError`], if nothing was received, or jemalloc's dump cannot be read.
    pub fn heap_profile(
        &mut self,
        options: &HeapProfileOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<HeapProfile, SessionError> {
        let is_window = options.window.is_some();
        let duration_ms = options.window.map_or(0, milliseconds);
        let asked = PprofHeapRequest { duration_ms, interval_ms: 0, live: false };
        let (mut answer, _running) =
            self.ask(&Request::PprofHeap(asked.clone()), options.window.unwrap_or_default())?;
        let mut heap = Heap::new(self.process(answer.budget())).asked(&asked);
        let gathered = Gathered::from_answer(&mut answer, progress, |part| {
            heap.add(part);
            heap.refused().map_or(Ok(()), |refused| Err(refused.into()))
        });
        let incomplete = gathered.incomplete();
        let end = match gathered.end {
            Err(error) if heap.snapshots().is_empty() => return Err(error),
            end => end,
        };
        if let Ok(end) = &end {
            heap.end(end);
        }
        if let Some(error) = heap.dump_error() {
            return Err(SessionError::Dump(error.clone()));
        }
        let is_counted = heap.has_allocated() || !options.kind.is_allocated();
        let lost = heap.lost();
        let reconciliation = Reconciliation::new(&heap, is_window);
        let nameless = missing_names(heap.module_symbols());
        let budget = heap.budget().clone();
        let profile = heap.into_profile(is_window, incomplete.as_ref());
        let top = top::Options { sample_type: options.kind.name(), rows: options.rows, by_cum: false };
        let kept = KeptProfile::new(profile, top, budget);
        Ok(HeapProfile { hello: self.hello().clone(), kept, is_counted, reconciliation, nameless, lost, end })
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonPprofHeap<'static>>;

impl Answer for HeapProfile {
    type View = ProfileView;
    type Body<'a> = JsonPprofHeap<'a>;

    fn text(&self, _: &ProfileView) -> Screen {
        format!("{}\n{}{}", table(self.kept.top()), self.reconciliation.text(), self.nameless).into()
    }

    fn json<'a>(&'a self, view: &'a ProfileView) -> Document<JsonPprofHeap<'a>> {
        let end = end_of(&self.end);
        let (file, reconciliation) = (view.saved_in(), &self.reconciliation);
        JsonPprofHeap::document(&self.hello, file, self.profile(), self.kept.top(), reconciliation, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(self.end.as_ref()).partial_if(self.lost > 0 || self.kept.top().left_out.is_some())
    }
}

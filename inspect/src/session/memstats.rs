//! `memstats`: the breakdown of resident memory, and the numbers of the process, its cgroup and its allocators.

use std::time::Duration;

use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::request::{Command, MemstatsRequest, Request};

use super::answer::Answer;
use super::completeness::{Completeness, is_missing, most_are_missing};
use super::connect::Session;
use super::error::SessionError;
use super::single::Single;
use crate::report::Document;
use crate::report::memstats::{JsonMemstats, explain, render};
use crate::report::screen::Screen;

/// The memory of the process.
#[derive(Debug)]
pub struct Memstats(pub(super) Single<MemstatsReply>);

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct MemstatsView {
    sources: bool,
}

impl MemstatsView {
    /// Also the source of each number.
    #[must_use]
    pub fn sources(mut self, sources: bool) -> MemstatsView {
        self.sources = sources;
        self
    }
}

impl Memstats {
    /// The answer as the agent sent it, with texts cut and sentences of other users' programs marked.
    pub fn reply(&self) -> &MemstatsReply {
        &self.0.reply
    }
}

impl Session {
    /// Reads the memory of the process, its cgroup and its allocators.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn memstats(&mut self) -> Result<Memstats, SessionError> {
        self.ask_single(&Request::Memstats(MemstatsRequest {}), Duration::ZERO).map(Memstats)
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonMemstats>;

impl Answer for Memstats {
    type View = MemstatsView;
    type Body<'a> = JsonMemstats;

    fn text(&self, view: &MemstatsView) -> Screen {
        let Single { hello, typed, reply, .. } = &self.0;
        let gc_is_allowed = hello.versions(Command::Gc).is_some();
        let explanation = explain(reply).map(|explanation| explanation.text(typed, gc_is_allowed) + "\n");
        (explanation.unwrap_or_default() + &render(reply, view.sources)).into()
    }

    fn json(&self, _: &MemstatsView) -> Document<JsonMemstats> {
        let Single { hello, reply, end, .. } = &self.0;
        JsonMemstats::document(hello, reply, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        let fields = self.0.reply.sections.iter().flat_map(|section| &section.fields);
        Completeness::of(Ok(&self.0.end))
            .partial_if(most_are_missing(fields.map(|field| is_missing(&field.value))))
    }
}

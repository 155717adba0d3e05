//! `version`: how the program was built.

use std::time::Duration;

use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{Request, VersionRequest};

use super::answer::Answer;
use super::completeness::{Completeness, is_missing, most_are_missing};
use super::connect::Session;
use super::error::SessionError;
use super::single::Single;
use crate::report::Document;
use crate::report::screen::Screen;
use crate::report::version::{JsonVersion, render};

/// How the program was built.
#[derive(Debug)]
pub struct Version(Single<VersionReply>);

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct VersionView {
    dependencies: bool,
}

impl VersionView {
    /// Also the crates in the program, one per line.
    #[must_use]
    pub fn dependencies(mut self, dependencies: bool) -> VersionView {
        self.dependencies = dependencies;
        self
    }
}

impl Session {
    /// Reads how the program was built: compiler, profile, debug information, Tokio, allocator, crates.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn version(&mut self) -> Result<Version, SessionError> {
        self.ask_single(&Request::Version(VersionRequest {}), Duration::ZERO).map(Version)
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonVersion>;

impl Answer for Version {
    type View = VersionView;
    type Body<'a> = JsonVersion;

    fn text(&self, view: &VersionView) -> Screen {
        render(&self.0.reply, view.dependencies).into()
    }

    fn json(&self, _: &VersionView) -> Document<JsonVersion> {
        let Single { hello, reply, end, .. } = &self.0;
        JsonVersion::document(hello, reply, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        let reply = &self.0.reply;
        let missing = [
            is_missing(&reply.executable),
            is_missing(&reply.comment),
            is_missing(&reply.sections),
            is_missing(&reply.symbols),
        ];
        Completeness::of(Ok(&self.0.end)).partial_if(most_are_missing(missing.into_iter()))
    }
}

//! The interface of every answer, so that one function can print any of them.

use rgops_protocol::reply::End;
use serde::Serialize;

use super::completeness::Completeness;
use super::error::SessionError;
use crate::report::Document;
use crate::report::screen::Screen;

/// An answer, complete or partial.
pub trait Answer {
    /// What to show; `()` if everything is always shown.
    type View;
    /// The command-specific part of its JSON document.
    type Body<'a>: Serialize
    where
        Self: 'a;

    /// The answer as text. Text from the program is escaped. It may be cut at the memory limit: [`Screen::is_cut`].
    fn text(&self, view: &Self::View) -> Screen;

    /// The answer as JSON. It may be cut at the memory limit: [`Document::is_cut`].
    fn json<'a>(&'a self, view: &'a Self::View) -> Document<Self::Body<'a>>;

    /// Whether it is complete, and what is missing if it is not.
    fn completeness(&self) -> Completeness<'_>;
}

/// The end of an answer for its JSON document.
pub(super) fn end_of(end: &Result<End, SessionError>) -> Result<&End, String> {
    end.as_ref().map_err(ToString::to_string)
}

//! What every answer can do, so that one function can print any of them.

use serde::Serialize;

use super::completeness::Completeness;
use crate::report::Document;
use crate::report::screen::Screen;

/// An answer, complete or in part.
pub trait Answer {
    /// How much of it is shown; `()` when it is always all of it.
    type View;
    /// What its JSON document has besides what all documents have.
    type Body<'a>: Serialize
    where
        Self: 'a;

    /// The answer as people read it. Text that comes from the program is escaped. It may be cut at the limit of
    /// memory: [`Screen::is_cut`].
    fn text(&self, view: &Self::View) -> Screen;

    /// The answer as programs read it. It may be cut at the limit of memory: [`Document::is_cut`].
    fn json<'a>(&'a self, view: &'a Self::View) -> Document<Self::Body<'a>>;

    /// Whether it is complete, and what is missing if it is not.
    fn completeness(&self) -> Completeness<'_>;
}

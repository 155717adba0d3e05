//! `gc`: the program's allocators release free memory to the system.

use std::time::Duration;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::gc::GcReply;
use rgops_protocol::request::{GcRequest, Request};

use super::answer::Answer;
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::single::Single;
use crate::report::Document;
use crate::report::gc::{JsonGc, render};
use crate::report::screen::Screen;

/// The memory that each allocator released.
#[derive(Debug)]
pub struct Gc(Single<GcReply>);

impl Gc {
    /// Whether any allocator supports releasing memory on request.
    pub fn is_possible(&self) -> bool {
        self.0.reply.allocators.iter().any(|released| matches!(released.called, Known::Value(_)))
    }
}

impl Session {
    /// Makes the program's allocators release free memory to the system. The program's author has to allow it.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn gc(&mut self) -> Result<Gc, SessionError> {
        self.ask_single(&Request::Gc(GcRequest {}), Duration::ZERO).map(Gc)
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonGc>;

impl Answer for Gc {
    type View = ();
    type Body<'a> = JsonGc;

    fn text(&self, _: &()) -> Screen {
        render(&self.0.reply).into()
    }

    fn json(&self, _: &()) -> Document<JsonGc> {
        let Single { hello, reply, end, .. } = &self.0;
        JsonGc::document(hello, reply.clone(), end)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(Ok(&self.0.end))
    }
}

//! `heap-rate`: reads or sets how often blocks are sampled.

use std::time::Duration;

use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::request::{HeapRateRequest, Request};

use super::answer::Answer;
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::single::Single;
use crate::report::Document;
use crate::report::heap_rate::{JsonHeapRate, render};
use crate::report::screen::Screen;

/// Whether to read or to set the rate.
#[derive(Debug, Clone, Default)]
pub struct HeapRateOptions {
    set_bytes: Option<u64>,
}

impl HeapRateOptions {
    /// Sets the rate: mean bytes between two samples, 0 to turn sampling off. The program's author has to allow it.
    /// With `None`, the rate is only read.
    #[must_use]
    pub fn set_bytes(mut self, bytes: Option<u64>) -> HeapRateOptions {
        self.set_bytes = bytes;
        self
    }
}

/// How often blocks are sampled.
#[derive(Debug)]
pub struct HeapRate {
    answer: Single<HeapRateReply>,
    was_set: bool,
}

impl HeapRate {
    /// Mean bytes between two samples, 0 for off.
    pub fn bytes(&self) -> u64 {
        self.answer.reply.now_bytes
    }
}

impl Session {
    /// Reads, or sets, how often blocks are sampled.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn heap_rate(&mut self, options: &HeapRateOptions) -> Result<HeapRate, SessionError> {
        let HeapRateOptions { set_bytes } = *options;
        let request = Request::HeapRate(HeapRateRequest { set_bytes });
        let answer = self.ask_single(&request, Duration::ZERO)?;
        Ok(HeapRate { answer, was_set: set_bytes.is_some() })
    }
}

impl Answer for HeapRate {
    type View = ();
    type Body<'a> = JsonHeapRate;

    fn text(&self, _: &()) -> Screen {
        render(&self.answer.reply, self.was_set).into()
    }

    fn json(&self, _: &()) -> Document<JsonHeapRate> {
        let Single { hello, reply, end, .. } = &self.answer;
        JsonHeapRate::document(hello, reply, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(Ok(&self.answer.end))
    }
}

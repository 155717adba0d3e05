//! `heap-rate`: reads or sets how often blocks are sampled.

use std::time::Duration;

use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::request::{HeapRateRequest, Request};
use serde::Serialize;

use super::answer::Answer;
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::single::Single;
use crate::report::Document;
use crate::report::screen::Screen;
use crate::text::bytes_short;

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

/// The JSON contract `rgops.heap-rate/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonHeapRate {
    /// Mean bytes between two samples, 0 for off: before the request, now, and when the program started.
    before_bytes: u64,
    now_bytes: u64,
    default_bytes: u64,
}

#[cfg(test)]
pub(super) type Json = Document<JsonHeapRate>;

impl Answer for HeapRate {
    type View = ();
    type Body<'a> = JsonHeapRate;

    fn text(&self, _: &()) -> Screen {
        render(&self.answer.reply, self.was_set).into()
    }

    fn json(&self, _: &()) -> Document<JsonHeapRate> {
        let Single { hello, reply, end, .. } = &self.answer;
        let HeapRateReply { before_bytes, now_bytes, default_bytes } = *reply;
        let body = JsonHeapRate { before_bytes, now_bytes, default_bytes };
        Document::new("rgops.heap-rate/1", hello.into(), Ok(end), body, None)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(Ok(&self.answer.end))
    }
}

/// The answer as one line; with `was_set`, also the previous rate.
fn render(reply: &HeapRateReply, was_set: bool) -> String {
    let HeapRateReply { before_bytes, now_bytes, default_bytes } = *reply;
    let mut text = match now_bytes {
        0 => "heap-rate: off".to_owned(),
        bytes => format!("heap-rate: one sample per {} ({bytes} bytes) on average", bytes_short(bytes)),
    };
    if was_set {
        text.push_str(&format!("; previously {}", rate(before_bytes)));
    }
    if default_bytes != now_bytes {
        text.push_str(&format!("; at program start {}", rate(default_bytes)));
    }
    text.push('\n');
    text
}

fn rate(bytes: u64) -> String {
    if bytes == 0 { "off".to_owned() } else { bytes_short(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_one_line() {
        let reply = HeapRateReply { before_bytes: 524_288, now_bytes: 524_288, default_bytes: 524_288 };
        assert_eq!(render(&reply, false), "heap-rate: one sample per 512.00KB (524288 bytes) on average\n");
        let reply = HeapRateReply { now_bytes: 0, ..reply };
        assert_eq!(render(&reply, true), "heap-rate: off; previously 512.00KB; at program start 512.00KB\n");
    }
}

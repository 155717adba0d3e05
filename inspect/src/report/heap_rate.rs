//! `rgops heap-rate`: how often blocks are sampled.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::heap_rate::HeapRateReply;
use serde::Serialize;

use super::document::Document;
use crate::text::bytes_short;

/// The answer as one line; with `was_set`, also the previous rate.
pub fn render(reply: &HeapRateReply, was_set: bool) -> String {
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

impl JsonHeapRate {
    /// The JSON form of an answer.
    pub fn document(hello: &AgentHello, reply: &HeapRateReply, end: &End) -> Document<JsonHeapRate> {
        let HeapRateReply { before_bytes, now_bytes, default_bytes } = *reply;
        let body = JsonHeapRate { before_bytes, now_bytes, default_bytes };
        Document::new("rgops.heap-rate/1", hello.into(), Ok(end), body, None)
    }
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

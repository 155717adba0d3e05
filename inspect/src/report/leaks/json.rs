//! The answer as JSON.

use std::borrow::Cow;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use serde::{Serialize, Serializer};

use super::text::{exact, per_minute};
use crate::heap::{Grown, Growth, Heap};
use crate::report::document::Document;
use crate::report::pprof_heap::JsonEstimate;
use crate::report::screen::Room;
use crate::symbols::{Frame, own_frame};

/// The JSON contract `rgops.leaks/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonLeaks<'a> {
    /// Time of the first snapshot since the Unix epoch.
    unix_ns: u64,
    /// From the first snapshot to the last.
    window_ns: u64,
    snapshots: usize,
    /// Mean bytes between two samples.
    mean_bytes: u64,
    /// Younger blocks are not compared: they count as neither gained nor lost.
    young_ns: u64,
    /// Lines with enough samples to be compared.
    compared: usize,
    /// All blocks that are live at the end.
    live: JsonEstimate,
    /// The young part of `live`.
    young: JsonEstimate,
    /// Lines that grew, largest growth first.
    grown: Vec<JsonGrown<'a>>,
    /// Lines that may have grown.
    unsure: Vec<JsonGrown<'a>>,
    /// By how much the heap grew in the window, from exact counters of all allocations; `null` without them.
    exact_growth_bytes: Option<i64>,
}

/// A line that grew.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonGrown<'a> {
    /// The function, file and line, as far as known.
    function: Cow<'a, str>,
    file: Option<&'a str>,
    line: Option<u32>,
    growth_bytes: i64,
    growth_bytes_per_minute: f64,
    /// With 95 % confidence; may be negative.
    least_bytes_per_minute: f64,
    growth_objects: f64,
    /// 1 minus the probability of this many gains by chance.
    confidence: f64,
    gained: JsonEstimate,
    lost: JsonEstimate,
    live: JsonEstimate,
    young: JsonEstimate,
    /// Number of intervals between snapshots in which it grew.
    growing_intervals: usize,
    /// Number of stacks that reach the line, and the stack that grew most, leaf first.
    stacks: usize,
    #[cfg_attr(test, schemars(with = "Vec<JsonFrame<'static>>"))]
    stack: JsonFrames<'a>,
}

/// A stack's frames, created while they are written: one address may have hundreds of inlined functions.
#[derive(Debug)]
struct JsonFrames<'a> {
    heap: &'a Heap,
    stack: u32,
}

impl Serialize for JsonFrames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.heap.frames(self.stack).map(|frame| JsonFrame {
            function: frame.shared_name(),
            file: frame.file.as_deref(),
            line: frame.line,
            inlined: frame.is_inlined,
        }))
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonFrame<'a> {
    function: Cow<'a, str>,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: bool,
}

impl<'a> JsonLeaks<'a> {
    /// The report with the answer's notes, or with the reason why the answer ended early. If memory or time does not
    /// suffice for all lines, the rest is left out, and that is the reason unless there is another one.
    pub fn document(
        hello: &AgentHello,
        heap: &'a Heap,
        growth: &Growth,
        end: Result<&End, String>,
    ) -> Document<JsonLeaks<'a>> {
        let mut room = Room::new(heap.budget());
        let mut fill =
            |list: &[Grown]| room.fill(list.iter().map(|grown| JsonGrown::new(heap, growth, grown)));
        let (grown, unsure) = (fill(&growth.grown), fill(&growth.unsure));
        let body = JsonLeaks {
            unix_ns: heap.start().map_or(0, |start| start.unix_ns),
            window_ns: growth.window_ns,
            snapshots: growth.snapshots,
            mean_bytes: heap.mean_bytes(),
            young_ns: growth.young_ns,
            compared: growth.compared,
            live: growth.live.into(),
            young: growth.young.into(),
            grown,
            unsure,
            exact_growth_bytes: exact(heap).map(|bytes| bytes as i64),
        };
        Document::new("rgops.leaks/1", hello.into(), end, body, room.cut())
    }
}

impl<'a> JsonGrown<'a> {
    fn new(heap: &'a Heap, growth: &Growth, grown: &Grown) -> JsonGrown<'a> {
        let own = own_frame(heap.frames(grown.stack)).or_else(|| heap.frames(grown.stack).next());
        JsonGrown {
            function: own.map_or(Cow::Borrowed("<stack not kept>"), Frame::shared_name),
            file: own.and_then(|frame| frame.file.as_deref()),
            line: own.and_then(|frame| frame.line),
            growth_bytes: grown.bytes(),
            growth_bytes_per_minute: per_minute(growth, grown.bytes() as f64),
            least_bytes_per_minute: per_minute(growth, grown.least_bytes()),
            growth_objects: grown.objects(),
            confidence: grown.confidence,
            gained: grown.gained.into(),
            lost: grown.lost.into(),
            live: grown.live.into(),
            young: grown.young.into(),
            growing_intervals: grown.growing_intervals,
            stacks: grown.stacks,
            stack: JsonFrames { heap, stack: grown.stack },
        }
    }
}

//! `rgops leaks`: the lines of the program whose memory keeps growing, by how much per minute, and with which
//! confidence.

use std::borrow::Cow;
use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use serde::{Serialize, Serializer};

use super::document::Document;
use super::pprof_heap::{JsonEstimate, rounded};
use super::screen::Room;
use crate::heap::{Grown, Growth, Heap, own_frame};
use crate::symbols::Frame;
use crate::text::{self, bytes_short, counted, duration, escape};

/// Maximum lines shown with their stacks, and maximum frames per stack.
const SHOWN_LINES: usize = 10;
const SHOWN_FRAMES: usize = 30;

const HEADER: [&str; 7] = ["growth", "per minute", "at least", "confidence", "in use", "samples", "grew in"];

/// The answer as text: the lines that grew, largest first, then the stacks that allocate there.
pub fn render(heap: &Heap, growth: &Growth) -> String {
    let mut text = headline(growth);
    let shown = growth.grown.len().min(SHOWN_LINES);
    if shown > 0 {
        let rows: Vec<[String; 7]> = growth.grown[..shown].iter().map(|grown| row(growth, grown)).collect();
        let mut widths = HEADER.map(|word| word.len());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(text::width([cell.as_str()]));
            }
        }
        let mut line = |cells: [&str; 7], place: &str| {
            for (cell, width) in cells.iter().zip(widths) {
                // Writing to a string cannot fail, here and below.
                let _ = write!(text, "{cell:>width$}  ");
            }
            let _ = writeln!(text, "{place}");
        };
        line(HEADER, "line");
        for (row, grown) in rows.iter().zip(&growth.grown) {
            line(row.each_ref().map(String::as_str), &place(heap, grown));
        }
        for (number, grown) in growth.grown[..shown].iter().enumerate() {
            let _ = writeln!(text, "\n{}. {}", number + 1, place(heap, grown));
            if grown.stacks > 1 {
                let _ = writeln!(text, "   reached by {} stacks; the one that grew most:", grown.stacks);
            }
            stack(&mut text, heap, grown.stack);
        }
    }
    if shown < growth.grown.len() {
        let more = counted((growth.grown.len() - shown) as u64, "more line");
        let _ = writeln!(text, "\nand {more}: --json lists all");
    }
    unsure(&mut text, heap, growth);
    text
}

fn headline(growth: &Growth) -> String {
    let window = duration(rounded(growth.window_ns));
    let grown = match growth.grown.len() {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let mut text = format!(
        "In {window}, {grown} of {} compared {} grew ({} snapshots).\n",
        growth.compared,
        if growth.compared == 1 { "line" } else { "lines" },
        growth.snapshots
    );
    let _ = writeln!(
        text,
        "{} of {} in use is younger than {} and is not compared.\n",
        bytes_short(growth.young.bytes),
        bytes_short(growth.live.bytes),
        duration(rounded(growth.young_ns))
    );
    text
}

fn row(growth: &Growth, grown: &Grown) -> [String; 7] {
    let intervals = growth.snapshots.saturating_sub(1);
    [
        signed(grown.bytes() as f64),
        signed(per_minute(growth, grown.bytes() as f64)),
        signed(per_minute(growth, grown.least_bytes()).max(0.0)),
        confidence(grown.confidence),
        bytes_short(grown.live.bytes),
        format!("+{} -{}", grown.gained.samples, grown.lost.samples),
        format!("{} of {intervals}", grown.growing_intervals),
    ]
}

/// The function, file and line; the stack's leaf if no frame belongs to the program's own code.
fn place(heap: &Heap, grown: &Grown) -> String {
    let own = own_frame(heap.frames(grown.stack)).or_else(|| heap.frames(grown.stack).next());
    let Some(frame) = own else { return "<stack not kept>".to_owned() };
    let name = frame.name();
    match line_of(frame) {
        Some(line) => format!("{} ({})", escape(&name), escape(&line)),
        None => escape(&name).into_owned(),
    }
}

fn line_of(frame: &Frame) -> Option<String> {
    Some(format!("{}:{}", frame.file.as_deref()?, frame.line?))
}

fn stack(text: &mut String, heap: &Heap, stack: u32) {
    let total = heap.frames(stack).count();
    for frame in heap.frames(stack).take(SHOWN_FRAMES) {
        let _ = writeln!(text, "   {}", escape(&frame.name()));
        if let Some(line) = line_of(frame) {
            let _ = writeln!(text, "   \t{}", escape(&line));
        }
    }
    if total > SHOWN_FRAMES {
        let _ = writeln!(text, "   … {} more frames", total - SHOWN_FRAMES);
    }
}

fn unsure(text: &mut String, heap: &Heap, growth: &Growth) {
    let Some(first) = growth.unsure.first() else { return };
    let bytes: f64 = growth.unsure.iter().map(|grown| grown.bytes() as f64).sum();
    let gap = if growth.grown.is_empty() { "" } else { "\n" };
    let (lines, most) = (counted(growth.unsure.len() as u64, "line"), place(heap, first));
    let _ = writeln!(
        text,
        "{gap}{lines} grew by {}, which may be chance or did not continue in the second half; largest: {most}",
        signed(bytes)
    );
}

fn per_minute(growth: &Growth, bytes: f64) -> f64 {
    bytes * 60e9 / growth.window_ns.max(1) as f64
}

fn signed(bytes: f64) -> String {
    let sign = if bytes < 0.0 { "-" } else { "" };
    format!("{sign}{}", bytes_short(bytes.abs().round() as u64))
}

fn confidence(confidence: f64) -> String {
    if confidence > 0.999 { "> 99.9%".to_owned() } else { format!("{:.1}%", confidence * 100.0) }
}

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

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::pprof_heap::{
        HeapCounters, HeapSnapshot, HeapStack, LiveBlock, PprofHeapPart,
    };
    use rgops_protocol::reply::{Stack, StackEnd};

    use super::*;
    use crate::budget;
    use crate::budget::{Budget, Exhausted};
    use crate::heap::growth;
    use crate::profile::Process;

    /// A minute in which one line gains a block every three seconds, and another line gains a single block.
    fn watched() -> Heap {
        watched_within(budget::standard())
    }

    fn watched_within(budget: Budget) -> Heap {
        let mut heap = Heap::new(Process { budget, ..Process::default() });
        let stack = |id, frames: &[u64]| HeapStack {
            id,
            stack: Stack { frames: frames.to_vec(), end: StackEnd::Root },
        };
        heap.add(PprofHeapPart::Stacks(vec![stack(1, &[0x11, 0x12]), stack(2, &[0x21])]));
        for second in (0..=60_u64).step_by(5) {
            heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns: second * 1_000_000_000 }));
            let block = |stack, born: u64| LiveBlock {
                stack,
                size_bytes: 1 << 20,
                mean_bytes: 1,
                age_ns: (second - born) * 1_000_000_000,
            };
            let mut live: Vec<_> = (0..second).step_by(3).map(|born| block(1, born)).collect();
            live.extend((second > 30).then(|| block(2, 30)));
            heap.add(PprofHeapPart::Live(live));
            heap.add(PprofHeapPart::Counters(HeapCounters::default()));
        }
        heap
    }

    #[test]
    fn the_screen_names_the_line_and_what_may_be_chance() {
        let heap = watched();
        let growth = growth(&heap).unwrap_or_else(|_| unreachable!("there are snapshots"));
        let expected = "\
In 1m00s, 1 of 1 compared line grew (13 snapshots).
1.00MB of 21.00MB in use is younger than 6s and is not compared.

 growth  per minute  at least  confidence   in use  samples   grew in  line
19.00MB     19.00MB   19.00MB     > 99.9%  20.00MB   +19 -0  11 of 12  0x11

1. 0x11
   0x11
   0x12

1 line grew by 1.00MB, which may be chance or did not continue in the second half; largest: 0x21
";
        assert_eq!(render(&heap, &growth), expected);
        let hello = crate::made::hello();
        let json = serde_json::to_value(JsonLeaks::document(&hello, &heap, &growth, Ok(&End::default())));
        let json = json.unwrap_or_default();
        assert_eq!(json["schema"], "rgops.leaks/1");
        assert_eq!(json["grown"][0]["growth_bytes"], 19 << 20);
        assert_eq!(json["grown"][0]["stack"][1]["function"], "0x12");
        assert_eq!(json["unsure"][0]["gained"]["samples"], 1);
    }

    #[test]
    fn lines_beyond_the_budget_are_left_out_of_the_json_with_the_reason() {
        let mut heap = watched_within(budget::standard());
        let growth = growth(&heap).unwrap_or_else(|_| unreachable!("there are snapshots"));
        heap.process.budget = Budget::new(1_500);
        let hello = crate::made::hello();
        let json = JsonLeaks::document(&hello, &heap, &growth, Ok(&End::default()));
        assert_eq!(json.cut(), Some(Exhausted::Memory(1_500)));
        let json = serde_json::to_value(json).unwrap_or_default();
        assert_eq!(
            (json["grown"].as_array().map(Vec::len), json["unsure"].as_array().map(Vec::len)),
            (Some(1), Some(0))
        );
        assert!(json["broken_off"].as_str().is_some_and(|why| why.starts_with("the rest is left out: ")));
    }
}

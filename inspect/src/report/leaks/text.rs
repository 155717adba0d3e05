//! The answer as text.

use std::fmt::Write as _;

use crate::heap::{Grown, Growth, Heap, Snapshot};
use crate::report::pprof_heap::rounded;
use crate::symbols::{Frame, own_frame};
use crate::text::{self, bytes_short, counted, duration, escape, shown_name};

/// Maximum lines shown with their stacks, and maximum frames per stack.
const SHOWN_LINES: usize = 10;
const SHOWN_FRAMES: usize = 30;

const HEADER: [&str; 7] = ["growth", "per minute", "at least", "confidence", "in use", "samples", "grew in"];

/// Likeliest lines that are shown when no growth is certain.
const LIKELIEST: usize = 3;

/// The answer as text: how much the heap grew, exactly; the lines that grew, largest first, or the likeliest ones and
/// what to run to be sure; then the stacks that allocate there. `target` is as the user typed it.
pub fn render(heap: &Heap, growth: &Growth, target: &str) -> String {
    let mut text = headline(heap, growth);
    let shown = growth.grown.len().min(SHOWN_LINES);
    if shown > 0 {
        table(&mut text, heap, growth, &growth.grown[..shown]);
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
    match (shown, exact(heap)) {
        (0, Some(bytes)) if bytes > 0.0 => likeliest(&mut text, heap, growth, target),
        _ => unsure(&mut text, heap, growth),
    }
    text
}

fn table(text: &mut String, heap: &Heap, growth: &Growth, lines: &[Grown]) {
    let rows: Vec<[String; 7]> = lines.iter().map(|grown| row(growth, grown)).collect();
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
    for (row, grown) in rows.iter().zip(lines) {
        line(row.each_ref().map(String::as_str), &place(heap, grown));
    }
}

/// By how many bytes the heap grew in the window, from the wrapper's exact counters; `None` without them.
pub(super) fn exact(heap: &Heap) -> Option<f64> {
    let live = |snapshot: &Snapshot| {
        let counters = snapshot.counters.exact.as_ref()?;
        Some(counters.allocated_bytes.saturating_sub(counters.freed_bytes) as f64)
    };
    let (first, last) = (heap.snapshots().first()?, heap.snapshots().last()?);
    Some(live(last)? - live(first)?)
}

/// The heap grew, and no line did for certain: the likeliest lines, and what makes it certain.
fn likeliest(text: &mut String, heap: &Heap, growth: &Growth, target: &str) {
    let lines = &growth.unsure[..growth.unsure.len().min(LIKELIEST)];
    let rate = heap.mean_bytes();
    if lines.is_empty() {
        let _ = writeln!(
            text,
            "No sampled block of this growth was kept: one in {} of allocated memory is sampled.",
            bytes_short(rate)
        );
    } else {
        let _ = writeln!(text, "The likeliest lines; with so few samples, each may be chance:");
        table(text, heap, growth, lines);
    }
    let target = escape(target);
    let longer = growth.window_ns.saturating_mul(2).div_ceil(60_000_000_000).max(2);
    let _ = writeln!(text, "to be sure, watch longer: rgops leaks {target} --duration {longer}m");
    if rate > 64 * 1024 {
        let _ = writeln!(
            text,
            "or, if the program allows it, take more samples first: rgops heap-rate {target} {}KiB",
            (rate / 8).max(16 * 1024) / 1024
        );
    }
}

fn headline(heap: &Heap, growth: &Growth) -> String {
    let window = duration(rounded(growth.window_ns));
    let mut text = String::new();
    if let Some(bytes) = exact(heap) {
        let what = match bytes {
            0.0 => "the heap did not grow".to_owned(),
            bytes => {
                let word = if bytes < 0.0 { "shrank" } else { "grew" };
                let minute = bytes_short(per_minute(growth, bytes.abs()).round() as u64);
                format!("the heap {word} by {} ({minute} a minute)", bytes_short(bytes.abs() as u64))
            }
        };
        let _ = writeln!(text, "In {window} {what}, exact.");
    }
    let grown = match growth.grown.len() {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let _ = writeln!(
        text,
        "In {window}, {grown} of {} compared {} grew ({} snapshots).",
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
    let name = shown_name(&frame.name());
    match line_of(frame) {
        Some(line) => format!("{name} ({})", escape(&line)),
        None => name,
    }
}

fn line_of(frame: &Frame) -> Option<String> {
    Some(format!("{}:{}", frame.file.as_deref()?, frame.line?))
}

fn stack(text: &mut String, heap: &Heap, stack: u32) {
    let total = heap.frames(stack).count();
    for frame in heap.frames(stack).take(SHOWN_FRAMES) {
        let _ = writeln!(text, "   {}", shown_name(&frame.name()));
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

pub(super) fn per_minute(growth: &Growth, bytes: f64) -> f64 {
    bytes * 60e9 / growth.window_ns.max(1) as f64
}

fn signed(bytes: f64) -> String {
    let sign = if bytes < 0.0 { "-" } else { "" };
    format!("{sign}{}", bytes_short(bytes.abs().round() as u64))
}

fn confidence(confidence: f64) -> String {
    if confidence > 0.999 { "> 99.9%".to_owned() } else { format!("{:.1}%", confidence * 100.0) }
}

//! `debug=1`: a profile as Go's text, which people read, and old readers of `pprof`, too.
//!
//! Where it is not Go's: functions have no `+0x…`, because a profile does not say where they begin; a frame without an
//! address has the number of its location; values of heap are scaled already, so the header says `heap/2`, by which
//! `pprof` does not scale them again.
//!
//! As in Go, what is behind `@` are return addresses: one more than the addresses of calls in the lines below. `pprof`
//! subtracts the one again. It reads no line of more than 64 KiB, so none is that long.

use std::collections::HashMap;
use std::fmt::Write as _;

use rgops_pprof::proto::{Location, Profile, Sample};

use super::escape::without_controls;
use super::table::aligned;
use crate::ask::Kind;

/// The most bytes of a text before its last stack. What is left out is said in its last line.
const MAX_BYTES: usize = 64 << 20;
/// The most labels of a stack.
const MAX_LABELS: usize = 64;
/// The most addresses of a stack.
const MAX_FRAMES: usize = 2048;
/// The most bytes of a name, a file and the labels of a stack.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// The text of `debug=1` of a profile that has names. The text of `goroutine?debug=2` is not made of a profile; this
/// gives that of 1 for it, and for 0.
pub fn debug_text(kind: Kind, profile: &Profile, debug: u32) -> String {
    let _ = debug;
    let locations = profile.location.iter().map(|location| (location.id, location)).collect();
    let functions = profile.function.iter().map(|of| (of.id, (of.name, of.filename))).collect();
    let text = Text { profile, locations, functions };
    match kind {
        Kind::Allocs | Kind::Heap => text.heap(),
        Kind::Block => text.waits("contention"),
        Kind::Mutex => text.waits("mutex"),
        Kind::Goroutine | Kind::Threadcreate => text.counts(kind.name()),
    }
}

struct Text<'a> {
    profile: &'a Profile,
    locations: HashMap<u64, &'a Location>,
    /// Name and file, by id.
    functions: HashMap<u64, (i64, i64)>,
}

impl Text<'_> {
    /// Largest first, as Go before 1.23; since then it is the smallest.
    fn heap(&self) -> String {
        let at =
            ["inuse_objects", "inuse_space", "alloc_objects", "alloc_space"].map(|name| self.position(name));
        let rows = self.profile.sample.iter().map(|sample| (at.map(|at| value(sample, at)), sample));
        let mut rows: Vec<([i64; 4], &Sample)> = rows.collect();
        rows.sort_by_key(|(values, _)| std::cmp::Reverse((values[1], values[3])));
        let mut sums = [0i64; 4];
        for (values, _) in &rows {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = sum.saturating_add(*value);
            }
        }
        // Equal sums are for pprof a profile that does not tell the two apart. Go does the same.
        if sums[1] == sums[3] {
            sums[3] = sums[3].saturating_add(1);
        }
        let line = |[objects, bytes, all_objects, all_bytes]: [i64; 4]| {
            format!("{objects}: {bytes} [{all_objects}: {all_bytes}] @")
        };
        let mut text = format!("heap profile: {} heap/2\n", line(sums));
        self.rows(&mut text, rows.iter().map(|(values, sample)| (line(*values), *sample)));
        if self.profile.period > 1 {
            let _ = writeln!(
                text,
                "\n# one allocation in {} bytes was sampled; the numbers are scaled to all",
                self.profile.period
            );
        }
        text
    }

    fn waits(&self, name: &str) -> String {
        let (delay, count) = (self.position("delay"), self.position("contentions"));
        let mut rows: Vec<&Sample> = self.profile.sample.iter().collect();
        rows.sort_by_key(|sample| std::cmp::Reverse(value(sample, delay)));
        // A cycle is a nanosecond.
        let mut text = format!("--- {name}:\ncycles/second=1000000000\n");
        if name == "mutex" {
            text.push_str("sampling period=1\n");
        }
        let line = |sample: &Sample| format!("{} {} @", value(sample, delay), value(sample, count));
        self.rows(&mut text, rows.iter().map(|sample| (line(sample), *sample)));
        text
    }

    fn counts(&self, name: &str) -> String {
        let mut rows: Vec<(i64, &Sample)> =
            self.profile.sample.iter().map(|sample| (value(sample, Some(0)), sample)).collect();
        rows.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let total = rows.iter().fold(0i64, |sum, (count, _)| sum.saturating_add(*count));
        let mut text = format!("{name} profile: total {total}\n");
        self.rows(&mut text, rows.iter().map(|(count, sample)| (format!("{count} @"), *sample)));
        text
    }

    /// For each sample its values, the addresses of its stack, its labels and its frames.
    fn rows<'s>(&self, text: &mut String, rows: impl ExactSizeIterator<Item = (String, &'s Sample)>) {
        let all = rows.len();
        for (at, (values, sample)) in rows.enumerate() {
            if text.len() > MAX_BYTES {
                let _ = writeln!(text, "# {} of {all} stacks are left out: the text is too long", all - at);
                return;
            }
            // The line after each has no columns, so those of one do not depend on those of others.
            text.push_str(&aligned(&self.row(values, sample)));
        }
    }

    fn row(&self, mut text: String, sample: &Sample) -> String {
        let stack = sample.location_id.get(..MAX_FRAMES).unwrap_or(&sample.location_id);
        for id in stack {
            let _ = write!(text, " {:#x}", self.address(*id).saturating_add(1));
        }
        // Without an address pprof does not take the line.
        text.push_str(if stack.is_empty() { " 0x1\n" } else { "\n" });
        self.labels(&mut text, sample);
        for id in stack {
            self.frames(&mut text, *id);
        }
        match sample.location_id.len() - stack.len() {
            0 => {}
            left_out => {
                let _ = writeln!(text, "# {left_out} outer frames are left out");
            }
        }
        text.push('\n');
        text
    }

    /// As Go writes those of goroutines: `# labels: {"key":"value", …}`.
    fn labels(&self, text: &mut String, sample: &Sample) {
        let of = |text| beginning_of(self.profile.text(text));
        let pairs = sample.label.iter().take(MAX_LABELS).map(|label| {
            let (key, unit) = (of(label.key), of(label.num_unit));
            match label.str {
                0 if unit.is_empty() => format!("{key:?}:\"{}\"", label.num),
                0 => format!("{key:?}:\"{} {unit}\"", label.num),
                value => format!("{key:?}:{:?}", of(value)),
            }
        });
        let mut pairs: Vec<String> = pairs.collect();
        if !pairs.is_empty() {
            pairs.sort_unstable();
            let _ = writeln!(text, "# labels: {{{}}}", shown(&pairs.join(", ")));
        }
    }

    fn frames(&self, text: &mut String, id: u64) {
        let address = self.address(id);
        let lines = self.locations.get(&id).map_or(&[][..], |location| &location.line);
        if lines.is_empty() {
            let _ = writeln!(text, "#\t{address:#x}");
        }
        for line in lines {
            let (name, file) = self.functions.get(&line.function_id).copied().unwrap_or_default();
            let (name, file) = (self.profile.text(name), self.profile.text(file));
            let _ = write!(text, "#\t{address:#x}\t{}", shown(name));
            match file {
                "" => text.push('\n'),
                file => {
                    let _ = writeln!(text, "\t{}:{}", shown(file), line.line);
                }
            }
        }
    }

    /// Frames of tasks may have none: then it is what tells them apart.
    fn address(&self, id: u64) -> u64 {
        self.locations.get(&id).map(|location| location.address).filter(|address| *address != 0).unwrap_or(id)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.profile.sample_type.iter().position(|of| self.profile.text(of.r#type) == name)
    }
}

/// A text of the profile: of a length that fits a line, and harmless on a terminal.
fn shown(text: &str) -> String {
    // Escapes make it longer, so it is cut before and after.
    let beginning = beginning_of(text);
    let mut shown = without_controls(beginning);
    if beginning.len() < text.len() || shown.len() > MAX_TEXT_BYTES {
        shown.truncate(beginning_of(&shown).len());
        shown.push('…');
    }
    shown
}

/// At most [`MAX_TEXT_BYTES`], and whole letters.
fn beginning_of(text: &str) -> &str {
    // A letter has at most four bytes.
    let mut ends = (0..=MAX_TEXT_BYTES.min(text.len())).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or_default()
}

/// A count; a difference may have negative ones, which the format does not have.
fn value(sample: &Sample, at: Option<usize>) -> i64 {
    at.and_then(|at| sample.value.get(at)).copied().unwrap_or_default().max(0)
}

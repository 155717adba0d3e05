//! The breakdown of resident memory, from the numbers of a `memstats` answer: parts that add up to it exactly,
//! including an unexplained rest.
//!
//! The kernel reports how much of it is files and shared memory; the rest is anonymous. For the anonymous part, the
//! wrapper or the allocator reports how much the program holds, the allocator how much more it holds itself, and
//! the agent how much of the threads' stacks is resident. Allocators count addresses, not pages: memory that was
//! allocated and never touched is not resident and is subtracted.

use std::fmt::Write as _;

use rgops_protocol::reply::memstats::{MemstatsReply, Section};
use rgops_protocol::reply::{Known, Unavailable};
use serde::Serialize;

use crate::report::known::JsonKnown;
use crate::text::{bytes, bytes_short, escape, label};
use rgops_pprof::measurement::percentage;

/// Sections that do not belong to an allocator.
const NOT_ALLOCATORS: [&str; 3] = ["process", "cgroup", HEAP];
/// The wrapper's exact counters.
const HEAP: &str = "heap";

/// Resident memory in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Resident memory, in bytes.
    pub rss: u64,
    /// They add up to `rss`; the unexplained rest is in `other`.
    pub parts: Vec<Part>,
    /// Upper limit of the bytes that can be released to the system.
    pub releasable: Known<u64>,
    /// Allocators that do not report their free memory: the limit is then all of the slack.
    pub unreported: Vec<String>,
}

/// Maximum allocators that are named. A program has one or two.
const SHOWN_NAMES: usize = 8;

/// A part of resident memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// `live-heap`, `allocator-slack`, `stacks`, `files`, `shared-memory`, `other`, `not-resident`.
    pub name: &'static str,
    /// Negative for memory that is counted in another part and is not resident.
    pub bytes: Known<i64>,
    /// What it is, and who reports it.
    pub what: String,
}

/// Explains an answer; `None` if it does not have the resident memory.
pub fn explain(reply: &MemstatsReply) -> Option<Explanation> {
    let process = section(reply, "process")?;
    let rss = *value(process, "rss").value()?;
    let heap = heap(reply);
    let known = |name: &str| value(process, name).value().copied().unwrap_or(0);
    // What an allocator holds beyond that is not resident: never touched, or already released.
    let live = heap.live.value().copied().unwrap_or(0);
    let room = known("rss-anonymous").saturating_sub(live).saturating_sub(known("stack-in-use"));
    let (slack, mut slack_is) = (heap.slack.clone().map(|bytes| bytes.min(room)), heap.slack_is.to_owned());
    if let Known::Value(held @ 1..) = heap.slack
        && held > room
    {
        slack_is = format!("at most; {} is {slack_is}, not all of it resident", bytes_short(held));
    }
    let mut parts = vec![
        Part { name: "live-heap", bytes: signed(&heap.live), what: heap.live_is },
        Part { name: "allocator-slack", bytes: signed(&slack), what: slack_is },
        Part {
            name: "stacks",
            bytes: signed(&value(process, "stack-in-use")),
            what: "thread stacks, touched pages only".to_owned(),
        },
        Part {
            name: "files",
            bytes: signed(&value(process, "rss-file")),
            what: "code and mapped files; the kernel drops clean pages when it needs memory".to_owned(),
        },
        Part {
            name: "shared-memory",
            bytes: signed(&value(process, "rss-shared-memory")),
            what: "tmpfs and shared mappings".to_owned(),
        },
    ];
    let explained =
        parts.iter().filter_map(|part| part.bytes.value()).fold(0_i64, |sum, part| sum.saturating_add(*part));
    let rest = rss.cast_signed().saturating_sub(explained);
    let missing: Vec<&str> =
        parts.iter().filter(|part| part.bytes.value().is_none()).map(|part| part.name).collect();
    let with =
        if missing.is_empty() { String::new() } else { format!(", including {}", missing.join(" and ")) };
    parts.push(if rest >= 0 {
        let what = format!("not explained: statics, mappings of the loader and of the program{with}");
        Part { name: "other", bytes: Known::Value(rest), what }
    } else {
        // By subtraction: which of the parts above contains it is not measured.
        let what = "counted above but not resident: never touched, or swapped out".to_owned();
        Part { name: "not-resident", bytes: Known::Value(rest), what }
    });
    let releasable = if heap.unreported.is_empty() { heap.releasable } else { heap.slack };
    Some(Explanation {
        rss,
        parts,
        releasable: releasable.map(|bytes| bytes.min(room)),
        unreported: heap.unreported,
    })
}

/// What the program holds, and what its allocators hold in addition.
struct Heap {
    live: Known<u64>,
    live_is: String,
    slack: Known<u64>,
    slack_is: &'static str,
    releasable: Known<u64>,
    unreported: Vec<String>,
}

fn heap(reply: &MemstatsReply) -> Heap {
    let allocators: Vec<&Section> =
        reply.sections.iter().filter(|section| !NOT_ALLOCATORS.contains(&section.name.as_str())).collect();
    let counted = section(reply, HEAP).map(|section| value(section, "alloc"));
    let (live, live_is) = match counted {
        Some(Known::Value(live)) => {
            (Known::Value(live), "requested and not freed; exact, from the wrapper's counters".to_owned())
        }
        _ => (sum(&allocators, |section| value(section, "alloc")), in_use_is(&allocators)),
    };
    let held = sum(&allocators, held_by);
    let slack = match (&held, &live) {
        (Known::Value(held), Known::Value(live)) => Known::Value(held.saturating_sub(*live)),
        // Without the live part: all memory that the allocators hold, live or not.
        (Known::Value(held), Known::Unavailable(_)) => Known::Value(*held),
        (Known::Unavailable(missing), _) => Known::Unavailable(missing.clone()),
    };
    let slack_is = match live {
        Known::Value(_) => "free or cached by the allocator, rounding, and its own tables",
        Known::Unavailable(_) => "held by the allocator, including live blocks",
    };
    let releasable = sum(&allocators, releasable_of);
    let is_unreported = |section: &&&Section| {
        releasable_of(section).value().is_none() && held_by(section).value().is_some_and(|bytes| *bytes > 0)
    };
    let unreported = allocators.iter().filter(is_unreported).map(|section| section.name.clone()).collect();
    Heap { live, live_is, slack, slack_is, releasable, unreported }
}

/// Memory that an allocator got from the system.
pub(super) fn held_by(section: &Section) -> Known<u64> {
    const NAMES: [&str; 3] = ["heap-resident", "sys", "heap-sys"];
    let mut reported = NAMES.iter().filter_map(|name| field(section, name));
    let Some(first) = reported.next() else { return value(section, NAMES[0]) };
    // If none is known, the first field that is present has the reason.
    std::iter::once(first).chain(reported).find(|known| known.value().is_some()).unwrap_or(first).clone()
}

fn in_use_is(allocators: &[&Section]) -> String {
    let names = listed(allocators.iter().map(|section| section.name.as_str()), " and ");
    format!("in use as reported by {names}; rgops_agent::alloc::Sampling counts exactly")
}

/// Names of allocators as they are shown; only the first ones if there are many.
fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>, between: &str) -> String {
    let more = names.len().saturating_sub(SHOWN_NAMES);
    let mut shown: Vec<_> = names.take(SHOWN_NAMES).map(label).collect();
    if more > 0 {
        shown.push(format!("{more} more").into());
    }
    shown.join(between)
}

/// Free memory that an allocator can release: glibc's free chunks, jemalloc's pages without blocks.
fn releasable_of(section: &Section) -> Known<u64> {
    if let (Known::Value(resident), Known::Value(active)) =
        (value(section, "heap-resident"), value(section, "heap-in-use"))
    {
        let metadata = value(section, "metadata").value().copied().unwrap_or(0);
        return Known::Value(resident.saturating_sub(active).saturating_sub(metadata));
    }
    value(section, "heap-idle")
}

fn section<'r>(reply: &'r MemstatsReply, name: &str) -> Option<&'r Section> {
    reply.sections.iter().find(|section| section.name == name)
}

fn field<'s>(section: &'s Section, name: &str) -> Option<&'s Known<u64>> {
    section.fields.iter().find(|field| field.name == name).map(|field| &field.value)
}

fn value(section: &Section, name: &str) -> Known<u64> {
    let missing = || Known::unavailable(format!("{} does not report {name}", label(&section.name)), "");
    field(section, name).cloned().unwrap_or_else(missing)
}

/// The sum over the sections that report it; the reason if none does.
fn sum(sections: &[&Section], of: impl Fn(&Section) -> Known<u64>) -> Known<u64> {
    let mut total: Option<u64> = None;
    let mut missing: Option<Unavailable> = None;
    for section in sections {
        match of(section) {
            Known::Value(value) => total = Some(total.unwrap_or(0).saturating_add(value)),
            Known::Unavailable(reason) => missing = missing.or(Some(reason)),
        }
    }
    match (total, missing) {
        (Some(total), _) => Known::Value(total),
        (None, Some(missing)) => Known::Unavailable(missing),
        (None, None) => Known::unavailable("no allocator reports its numbers", ""),
    }
}

fn signed(bytes: &Known<u64>) -> Known<i64> {
    bytes.clone().map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
}

impl Explanation {
    /// The parts as text, below their sum; `target`, as the user typed it, is in the command that releases memory, if
    /// the program allows it.
    pub fn text(&self, target: &str, gc_is_allowed: bool) -> String {
        let mut text = format!("[rss breakdown]\nrss: {}\n", bytes(self.rss));
        let total = self.rss.cast_signed();
        for Part { name, bytes, what } in &self.parts {
            // Writing to a string cannot fail, here and below.
            let _ = match bytes {
                Known::Value(bytes) => {
                    let sign = if *bytes < 0 { "-" } else { "" };
                    let size = format!("{sign}{}", bytes_short(bytes.unsigned_abs()));
                    writeln!(
                        text,
                        "{:<16} {size:>10} {:>7}  {what}",
                        format!("{name}:"),
                        percentage(*bytes, total)
                    )
                }
                Known::Unavailable(missing) => {
                    writeln!(text, "{:<16} {}", format!("{name}:"), crate::text::known::unavailable(missing))
                }
            };
        }
        let _ = match &self.releasable {
            Known::Value(0) => writeln!(text, "reclaimable: none reported by the allocators"),
            Known::Value(bytes) => {
                let (size, target) = (bytes_short(*bytes), escape(target));
                let unreported = match &*self.unreported {
                    [] => String::new(),
                    unreported => {
                        let names = listed(unreported.iter().map(String::as_str), ", ");
                        format!("; free memory not reported by {names}")
                    }
                };
                let how = match gc_is_allowed {
                    true => format!("run: rgops gc {target}"),
                    false => "gc is not allowed: Options::allow(Command::Gc) in the program".to_owned(),
                };
                writeln!(text, "reclaimable: up to {size} ({how}){unreported}")
            }
            Known::Unavailable(missing) => {
                writeln!(text, "reclaimable: {}", crate::text::known::unavailable(missing))
            }
        };
        text
    }
}

/// [`Explanation`] in the JSON of `memstats`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonExplanation {
    /// Resident memory.
    pub rss_bytes: u64,
    /// The known ones add up to it.
    pub parts: Vec<JsonPart>,
    /// Upper limit of what `rgops gc` can release.
    pub releasable_bytes: JsonKnown<u64>,
}

/// A part of resident memory.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonPart {
    /// `live-heap`, `allocator-slack`, `stacks`, `files`, `shared-memory`, `other`, `not-resident`.
    pub name: &'static str,
    /// Negative for `not-resident`.
    pub bytes: JsonKnown<i64>,
    /// What it is.
    pub what: String,
}

impl From<Explanation> for JsonExplanation {
    fn from(explanation: Explanation) -> JsonExplanation {
        let part = |part: Part| JsonPart { name: part.name, bytes: part.bytes.into(), what: part.what };
        JsonExplanation {
            rss_bytes: explanation.rss,
            parts: explanation.parts.into_iter().map(part).collect(),
            releasable_bytes: explanation.releasable.into(),
        }
    }
}

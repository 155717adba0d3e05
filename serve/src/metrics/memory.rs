//! The answer of `memstats` as samples: the process, its cgroup, its resident memory in parts, its allocators.

use rgops_inspect::report::memstats::explain;
use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};

use super::labels::Names;
use super::samples::{Reason, Samples, Value};
use super::table::Metric;

/// Allocators, and numbers of each. A program has one or two.
const MAX_ALLOCATORS: usize = 16;
const MAX_FIELDS: usize = 64;

/// Sections that are not of an allocator.
const PROCESS: &str = "process";
const CGROUP: &str = "cgroup";
const HEAP: &str = "heap";

const OF_PROCESS: [(Metric, &str); 5] = [
    (Metric::ProcessResident, "rss"),
    (Metric::ProcessVirtual, "virtual"),
    (Metric::ResidentPeak, "rss-peak"),
    (Metric::Proportional, "pss"),
    (Metric::Swap, "swap"),
];
const OF_CGROUP: [(Metric, &str); 3] =
    [(Metric::CgroupMemory, "current"), (Metric::CgroupLimit, "limit"), (Metric::CgroupHeadroom, "headroom")];
const OF_HEAP: [(Metric, &str); 7] = [
    (Metric::HeapLive, "alloc"),
    (Metric::HeapObjects, "heap-objects"),
    (Metric::HeapAllocated, "total-alloc"),
    (Metric::HeapAllocations, "mallocs"),
    (Metric::HeapFrees, "frees"),
    (Metric::HeapReallocations, "reallocs"),
    (Metric::HeapInterval, "heap-sample-rate"),
];

/// Puts the numbers of an answer.
pub(super) fn put(samples: &mut Samples, reply: &MemstatsReply) {
    of_section(samples, reply, PROCESS, &OF_PROCESS, Reason::NotReadable);
    for kind in ["minor", "major"] {
        match number(reply, PROCESS, &format!("page-faults-{kind}")) {
            Some(Known::Value(count)) => {
                samples.put_with(Metric::PageFaults, &[kind], Value::Integer(*count));
            }
            _ => samples.missing(Metric::PageFaults, Reason::NotReadable),
        }
    }
    of_section(samples, reply, CGROUP, &OF_CGROUP, Reason::NotReadable);
    of_section(samples, reply, HEAP, &OF_HEAP, Reason::NoSampling);
    parts(samples, reply);
    allocators(samples, reply);
}

/// There is no answer.
pub(super) fn missing(samples: &mut Samples, reason: Reason) {
    for (metric, _) in OF_PROCESS.iter().chain(&OF_CGROUP).chain(&OF_HEAP) {
        samples.missing(*metric, reason);
    }
}

fn of_section(
    samples: &mut Samples,
    reply: &MemstatsReply,
    section: &str,
    rows: &[(Metric, &str)],
    without: Reason,
) {
    for (metric, name) in rows {
        match number(reply, section, name) {
            Some(known) => samples.known(*metric, known, Value::Integer),
            None => samples.missing(*metric, without),
        }
    }
}

fn number<'r>(reply: &'r MemstatsReply, section: &str, name: &str) -> Option<&'r Known<u64>> {
    let section = reply.sections.iter().find(|one| one.name == section)?;
    section.fields.iter().find(|field| field.name == name).map(|field| &field.value)
}

fn parts(samples: &mut Samples, reply: &MemstatsReply) {
    let Some(explanation) = explain(reply) else {
        return samples.missing(Metric::ResidentPart, Reason::NotReadable);
    };
    for part in &explanation.parts {
        match &part.bytes {
            Known::Value(bytes) => {
                samples.put_with(Metric::ResidentPart, &[part.name], Value::Signed(*bytes));
            }
            Known::Unavailable(_) => samples.missing(Metric::ResidentPart, Reason::NotReadable),
        }
    }
    samples.known(Metric::Releasable, &explanation.releasable, Value::Integer);
}

fn allocators(samples: &mut Samples, reply: &MemstatsReply) {
    let is_allocator = |section: &&Section| ![PROCESS, CGROUP, HEAP].contains(&section.name.as_str());
    let mut names = Names::default();
    let mut left_out = 0_u64;
    for (index, section) in reply.sections.iter().filter(is_allocator).enumerate() {
        if index >= MAX_ALLOCATORS {
            left_out = left_out.saturating_add(section.fields.len() as u64);
            continue;
        }
        let name = names.distinct(&section.name);
        let mut fields = Names::default();
        for field in section.fields.iter().take(MAX_FIELDS) {
            let Field { name: field, unit, value, .. } = field;
            let metric = match unit {
                Unit::Bytes => Metric::AllocatorBytes,
                Unit::Count => Metric::AllocatorItems,
            };
            // What an allocator does not count is in the table of `rgops memstats`, with the reason.
            if let Known::Value(value) = value {
                samples.put_with(metric, &[&name, &fields.distinct(field)], Value::Integer(*value));
            }
        }
        left_out = left_out.saturating_add(section.fields.len().saturating_sub(MAX_FIELDS) as u64);
    }
    samples.left_out(left_out);
}

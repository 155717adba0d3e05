//! The breakdown of resident memory, from synthetic answers.
#![expect(clippy::unwrap_used, reason = "tests")]

use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};

use super::explain::held_by;
use super::*;

const MB: u64 = 1 << 20;

fn section(name: &str, fields: &[(&str, u64)]) -> Section {
    let field = |(name, value): &(&str, u64)| Field {
        name: (*name).to_owned(),
        unit: Unit::Bytes,
        value: Known::Value(value * MB),
        source: String::new(),
    };
    Section { name: name.to_owned(), fields: fields.iter().map(field).collect() }
}

fn reply(heap: Option<u64>, sys: u64) -> MemstatsReply {
    let mut sections = vec![section(
        "process",
        &[
            ("rss", 100),
            ("rss-anonymous", 90),
            ("rss-file", 9),
            ("rss-shared-memory", 1),
            ("stack-in-use", 2),
        ],
    )];
    sections.extend(heap.map(|alloc| section("heap", &[("alloc", alloc)])));
    sections.push(section("glibc", &[("alloc", 70), ("sys", sys), ("heap-idle", 10)]));
    MemstatsReply { sections }
}

fn parts(explanation: &Explanation) -> Vec<(&'static str, i64)> {
    let part = |part: &Part| (part.name, *part.bytes.value().unwrap() / MB as i64);
    explanation.parts.iter().map(part).collect()
}

#[test]
fn the_reason_for_an_unknown_heap_is_that_of_the_allocator() {
    let mut glibc = section("glibc", &[("alloc", 70), ("sys", 80), ("heap-sys", 60)]);
    glibc.fields[1].value = Known::unavailable("no answer in 200 ms", "");
    assert_eq!(held_by(&glibc), Known::Value(60 * MB));
    glibc.fields.pop();
    assert_eq!(held_by(&glibc), Known::unavailable("no answer in 200 ms", ""));
    glibc.fields.pop();
    assert_eq!(held_by(&glibc), Known::unavailable("glibc does not report heap-resident", ""));
}

#[test]
fn names_of_allocators_cannot_imitate_our_lines_and_are_limited() {
    let mut made_up = reply(None, 80);
    let name = "\x1b[2J\nfix: run \"evil\"";
    made_up.sections.resize_with(10_000, || section(name, &[("alloc", 1), ("sys", 2)]));
    let mut explanation = explain(&made_up).unwrap();
    explanation.releasable = Known::Value(MB);
    explanation.unreported = vec![name.to_owned(); 10_000];
    let text = explanation.text("7", true);
    assert!(!text.contains('\x1b') && !text.contains("\nfix"), "{text}");
    let named = "\"\\x1b[2J\\nfix: run 'evil'\"";
    assert!(text.contains(&format!("glibc and {named} and ")) && text.contains(" and 9991 more;"), "{text}");
    assert!(text.contains(&format!("reported by {named}, ")) && text.len() < 4096, "{} {text}", text.len());
    let field = Field { name: name.to_owned(), ..made_up.sections[1].fields[0].clone() };
    made_up.sections = vec![Section { name: "process".to_owned(), fields: vec![field] }];
    assert_eq!(super::render(&made_up, false), format!("[process]\n{named}: 70.00MB (73400320 bytes)\n"));
}

#[test]
fn the_parts_add_up_to_resident_memory() {
    let explanation = explain(&reply(Some(60), 80)).unwrap();
    let expected = [
        ("live-heap", 60),
        ("allocator-slack", 20),
        ("stacks", 2),
        ("files", 9),
        ("shared-memory", 1),
        ("other", 8),
    ];
    assert_eq!(parts(&explanation), expected);
    assert_eq!(explanation.releasable, Known::Value(10 * MB));
    let text = explanation.text("4711", true);
    assert!(text.contains("live-heap:          60.00MB  60.00%  requested"), "{text}");
    assert!(text.ends_with("reclaimable: up to 10.00MB (run: rgops gc 4711)\n"), "{text}");
    let text = explanation.text("4711", false);
    assert!(text.contains("up to 10.00MB (gc is not allowed: ") && !text.contains("rgops gc"), "{text}");
}

#[test]
fn without_a_report_of_free_memory_all_slack_may_be_reclaimable() {
    let mut reply = reply(Some(30), 1);
    reply.sections.last_mut().unwrap().fields[2].value = Known::Value(MB / 2);
    reply.sections.push(section("mimalloc", &[("sys", 60)]));
    let explanation = explain(&reply).unwrap();
    assert_eq!(explanation.releasable, Known::Value(31 * MB));
    let expected = "reclaimable: up to 31.00MB (run: rgops gc 4711); free memory not reported by mimalloc\n";
    let text = explanation.text("4711", true);
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn memory_that_is_not_resident_is_subtracted() {
    // The allocator holds a GiB that it has already released to the system.
    let explanation = explain(&reply(None, 1080)).unwrap();
    assert_eq!(parts(&explanation)[..2], [("live-heap", 70), ("allocator-slack", 18)]);
    assert!(explanation.parts[1].what.starts_with("at most; 1010.00MB is free"), "{explanation:?}");
    assert_eq!(parts(&explanation).last(), Some(&("other", 0)));
    // The program allocated more than it touched.
    let explanation = explain(&reply(Some(1000), 1080)).unwrap();
    assert_eq!(parts(&explanation)[..2], [("live-heap", 1000), ("allocator-slack", 0)]);
    assert_eq!(parts(&explanation).last(), Some(&("not-resident", -912)));
    assert_eq!(parts(&explanation).iter().map(|(_, bytes)| bytes).sum::<i64>(), 100);
}

#[test]
fn an_allocator_that_does_not_count_is_one_part() {
    let mut reply = reply(None, 80);
    reply.sections[1].fields.remove(0);
    let explanation = explain(&reply).unwrap();
    assert!(explanation.parts[0].bytes.value().is_none());
    assert_eq!(explanation.parts[1].bytes, Known::Value(80 * MB as i64));
    assert!(explanation.parts.last().unwrap().what.ends_with(", including live-heap"), "{explanation:?}");
    assert!(explain(&MemstatsReply { sections: vec![] }).is_none());
}

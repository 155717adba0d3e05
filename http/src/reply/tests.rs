//! Tests of answers.

use std::time::Duration;

use base64::Engine as _;
use http::StatusCode;
use rgops_pprof::proto::{Function, Label, Line, Location, Profile, Sample, ValueType};
use rgops_pprof::write::Tables;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::ask::{Kind, Refusal};

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn body(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.body()).into_owned()
}

/// A profile of these sample types with one stack: `name` called by `shop::main`.
fn profile(types: &[(&str, &str)], value: &[i64], name: &str) -> Profile {
    let mut tables = Tables::new();
    let mut location = |name: &str, address: u64, line: i64| {
        let (name, filename) = (tables.text(name), tables.text("/src/shop.rs"));
        let function_id = tables.add_function(Function { name, filename, ..Function::default() });
        let line = vec![Line { function_id, line, column: 0 }];
        tables.add_location(Location { address, line, ..Location::default() })
    };
    let location_id = vec![location(name, 0x1000, 12), location("shop::main", 0x0056_1234_5678, 7)];
    let sample_type = types
        .iter()
        .map(|(kind, unit)| ValueType { r#type: tables.text(kind), unit: tables.text(unit) })
        .collect();
    let label = vec![Label { key: tables.text("state"), str: tables.text("sleeping"), ..Label::default() }];
    let sample = vec![Sample { location_id, value: value.to_vec(), label }];
    Profile { sample_type, sample, period: 524_288, ..tables.into_profile(None) }
}

const HEAP: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

#[test]
fn the_policy_has_the_hash_of_the_style() {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let page = index(&Index::new());
    assert!(
        header(&page, "content-security-policy").contains(&format!("style-src 'sha256-{hash}'")),
        "{hash}"
    );
    assert_eq!(body(&page).matches(&format!("<style>{STYLE}</style>")).count(), 1);
    assert!(!body(&page).contains(" style=") && !body(&page).contains("<script"));
}

#[test]
fn the_index_has_counts_links_and_no_text_of_others_as_html() {
    let page = Index::new().about("<b>shop</b>, pid 7\u{1b}").count(Kind::Heap, 42).unavailable(
        "block",
        "<no> sampling",
        "ask for it",
    );
    let page = body(&index(&page));
    assert!(page.contains("&lt;b&gt;shop&lt;/b&gt;, pid 7\\u{1b}"), "{page}");
    let heap = "<td class=\"count\">42</td><td class=\"name\"><a href=\"heap?debug=1\">heap</a></td>";
    assert!(page.contains(heap), "{page}");
    assert!(
        page.contains("<span class=\"dim\">unavailable (&lt;no&gt; sampling, ask for it)</span></td>"),
        "{page}"
    );
    assert!(page.contains("<a href=\"goroutine?debug=2\">full goroutine stack dump</a>"));
    for kind in Kind::ALL {
        assert!(page.contains(&format!("<a href=\"{0}?debug=1\">{0}</a>", kind.name())));
    }
    for view in crate::ask::View::ALL {
        assert!(page.contains(&format!("<a href=\"{0}\">{0}</a>", view.name())));
    }
}

#[test]
fn errors_say_when_to_ask_again_and_have_no_control_characters() {
    let reply = try_again("a CPU profile of\x1b[31m pid 7 is taken", Duration::from_millis(1_200));
    assert_eq!((reply.status(), header(&reply, "retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "2"));
    assert_eq!(body(&reply), "unavailable (a CPU profile of\\u{1b}[31m pid 7 is taken, ask again in 2 s)\n");
    assert_eq!(header(&try_again("", Duration::ZERO), "retry-after"), "1");
    assert_eq!(header(&reply, "x-go-pprof"), "1");
    let reply = unavailable("the program does not sample its heap", "use rgops_agent::heap");
    assert_eq!(reply.status(), StatusCode::NOT_IMPLEMENTED);
    assert_eq!(body(&reply), "unavailable (the program does not sample its heap, use rgops_agent::heap)\n");
    assert_eq!(header(&refused(&Refusal::Method { allowed: "GET, HEAD" }), "allow"), "GET, HEAD");
    assert_eq!(
        header(&file("a\"b\r\nc", Vec::new()), "content-disposition"),
        "attachment; filename=\"a_b__c\""
    );
    assert_eq!(body(&cmdline(["shop", "x"])), "shop\0x");
    assert_eq!(body(&symbol([(0x1f, "a::b"), (1, "c\nd")])), "num_symbols: 1\n0x1f a::b\n0x1 c\\nd\n");
}

#[test]
fn texts_of_profiles_have_the_shape_of_go() {
    let stack = "#\t0x1000\t\tshop::cart\t/src/shop.rs:12\n#\t0x5612345678\tshop::main\t/src/shop.rs:7\n\n";
    let addresses = "0x1001 0x5612345679\n# labels: {\"state\":\"sleeping\"}\n";
    let heap = debug_text(Kind::Heap, &profile(&HEAP, &[5, 500, 2, 200], "shop::cart"), 1);
    let expected = format!(
        "heap profile: 2: 200 [5: 500] @ heap/2\n2: 200 [5: 500] @ {addresses}{stack}\n\
         # one allocation in 524288 bytes was sampled; the numbers are scaled to all\n"
    );
    assert_eq!(heap, expected);
    let heap = debug_text(Kind::Allocs, &profile(&HEAP, &[2, 200, 2, 200], "shop::cart"), 1);
    assert!(heap.starts_with("heap profile: 2: 200 [2: 201] @ heap/2\n2: 200 [2: 200] @ "), "{heap}");
    let counts = profile(&[("goroutine", "count")], &[3], "shop::cart");
    let expected = format!("goroutine profile: total 3\n3 @ {addresses}{stack}");
    assert_eq!(debug_text(Kind::Goroutine, &counts, 1), expected);
    let waits = profile(&[("contentions", "count"), ("delay", "nanoseconds")], &[3, 1_500], "shop::cart");
    let expected = format!("--- contention:\ncycles/second=1000000000\n1500 3 @ {addresses}{stack}");
    assert_eq!(debug_text(Kind::Block, &waits, 1), expected);
    let expected =
        format!("--- mutex:\ncycles/second=1000000000\nsampling period=1\n1500 3 @ {addresses}{stack}");
    assert_eq!(debug_text(Kind::Mutex, &waits, 2), expected);
    let hostile = profile(&[("goroutine", "count")], &[-3], "a\tb\nc\x1b");
    let text = debug_text(Kind::Goroutine, &hostile, 1);
    assert!(text.contains("\ta b\\nc\\u{1b}\t") && text.contains("total 0\n0 @ "), "{text}");
}

#[test]
fn no_line_is_longer_than_what_pprof_reads() {
    let mut long = profile(&[("goroutine", "count")], &[1], &"é\n".repeat(100_000));
    long.sample[0].location_id = long.sample[0].location_id.repeat(10_000);
    long.sample[0].label = long.sample[0].label.repeat(10_000);
    long.sample.push(Sample { value: vec![1], ..Sample::default() });
    let text = debug_text(Kind::Threadcreate, &long, 1);
    assert!(text.lines().all(|line| line.len() < 64 << 10));
    assert!(text.contains("\n# 17952 outer frames are left out\n") && text.contains("\n1 @ 0x1\n"));
}

#[test]
fn a_delta_is_what_happened_between() {
    let (mut before, mut after) =
        (profile(&HEAP, &[5, 500, 2, 200], "shop::cart"), profile(&HEAP, &[9, 900, 1, 100], "shop::cart"));
    (before.time_nanos, after.time_nanos) = (1_000, 3_500);
    let difference = delta(&before, &after).expect("they are of one kind");
    assert_eq!(difference.samples.values, [4, 400, -1, -100]);
    assert_eq!((difference.time_ns, difference.duration_ns), (3_500, 2_500));
    assert!(delta(&after, &after).expect("they are equal").samples.values.is_empty());
    let other = profile(&[("cpu", "nanoseconds")], &[1], "shop::cart");
    let error = delta(&before, &other).expect_err("they have nothing in common").to_string();
    assert!(error.starts_with("failed to compute delta: "), "{error}");
}

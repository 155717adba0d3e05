//! `go tool pprof` reads our texts of `debug=1`: the values, the addresses and the stacks are those of the profile.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "go/is_there.rs"]
mod is_there;

use std::process::Command;

use rgops_http::ask::Kind;
use rgops_http::reply::debug_text;
use rgops_pprof::proto::{Function, Line, Location, Profile, Sample, ValueType};
use rgops_pprof::write::Tables;

/// A kind, its sample types, the values of two samples, and these as pprof writes them with their stacks.
type Case<'a> = (Kind, &'a [(&'a str, &'a str)], [&'a [i64]; 2], &'a str);

#[test]
fn pprof_reads_what_debug_1_writes() {
    if !is_there::pprof() {
        return;
    }
    let heap = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ];
    let waits = [("contentions", "count"), ("delay", "nanoseconds")];
    let cases: [Case<'_>; 6] = [
        (Kind::Heap, &heap, [&[5, 500, 2, 200], &[70, 9000, 0, 0]], "5 500 2 200: 1 2 | 70 9000 0 0: 2"),
        (Kind::Allocs, &heap, [&[5, 500, 5, 500], &[1, 1, 1, 1]], "5 500 5 500: 1 2 | 1 1 1 1: 2"),
        (Kind::Goroutine, &[("goroutine", "count")], [&[3], &[2]], "3: 1 2 | 2: 2"),
        (Kind::Threadcreate, &[("threadcreate", "count")], [&[9], &[2]], "9: 1 2 | 2: 2"),
        (Kind::Block, &waits, [&[3, 1_500_000], &[1, 7]], "3 1500000: 1 2 | 1 7: 2"),
        (Kind::Mutex, &waits, [&[3, 1_500_000], &[1, 7]], "3 1500000: 1 2 | 1 7: 2"),
    ];
    for (kind, types, values, expected) in cases {
        let text = debug_text(kind, &profile(types, values), 1);
        let path = std::env::temp_dir().join(format!("rgops-http-{}-{}", std::process::id(), kind.name()));
        std::fs::write(&path, &text).unwrap();
        let output = Command::new("go")
            .args(["tool", "pprof", "-raw"])
            .arg(&path)
            .env("GOTOOLCHAIN", "local")
            .output();
        std::fs::remove_file(&path).unwrap();
        let output = output.unwrap();
        let raw = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        let line =
            |at: &'static str| raw.lines().skip_while(move |line| !line.starts_with(at)).skip(1).map(words);
        let names: Vec<String> = types.iter().map(|(kind, unit)| format!("{kind}/{unit}")).collect();
        let sample_lines: Vec<String> = line("Samples:").take_while(|line| line != "Locations").collect();
        let mut samples = sample_lines[1..].to_vec();
        // A label is a line of its own: pprof makes `bytes` of heap.
        samples.retain(|line| !line.contains('['));
        assert_eq!(sample_lines[0].replace("[dflt]", ""), names.join(" "), "{raw}");
        assert_eq!(samples.join(" | "), expected, "{text}\n{raw}");
        let locations: Vec<String> =
            line("Locations").take(2).map(|line| line.trim_end_matches(" M=1").to_owned()).collect();
        assert_eq!(locations, ["1: 0x1000", "2: 0x561234567890"], "{text}\n{raw}");
    }
}

/// Two stacks: `shop::cart` called by `shop::main`, and `shop::main`.
fn profile(types: &[(&str, &str)], values: [&[i64]; 2]) -> Profile {
    let mut tables = Tables::new();
    let mut location = |name: &str, address: u64| {
        let (name, filename) = (tables.text(name), tables.text("/src/shop.rs"));
        let function_id = tables.add_function(Function { name, filename, ..Function::default() });
        let line = vec![Line { function_id, line: 12, column: 0 }];
        tables.add_location(Location { address, line, ..Location::default() })
    };
    let (cart, main) = (location("shop::cart", 0x1000), location("shop::main", 0x5612_3456_7890));
    let sample = |location_id: Vec<u64>, value: &[i64]| Sample {
        location_id,
        value: value.to_vec(),
        label: Vec::new(),
    };
    let sample = vec![sample(vec![cart, main], values[0]), sample(vec![main], values[1])];
    let sample_type = types
        .iter()
        .map(|(kind, unit)| ValueType { r#type: tables.text(kind), unit: tables.text(unit) })
        .collect();
    Profile { sample_type, sample, period: 524_288, ..tables.into_profile(None) }
}

/// The line with single spaces.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

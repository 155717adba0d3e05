//! A profile to show: a small shop with inlined calls, generics, labels, two sample types, and its files.

use std::sync::Arc;

use rgops_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use rgops_pprof::write::{Tables, encode};
use rgops_web::{Analyser, Server, serve};

use crate::files::Files;

/// Frames of a stack, leaf first: functions of one location, innermost inlined call first, joined by `<`.
pub(crate) const STACKS: &[(&[&str], i64)] = &[
    (&["shop::price::round<shop::price::total", "shop::checkout", "shop::main", "std::rt::lang_start"], 410),
    (
        &["alloc::vec::Vec<u8>::push<shop::cart::add", "shop::checkout", "shop::main", "std::rt::lang_start"],
        220,
    ),
    (
        &[
            "alloc::vec::Vec<String>::push<shop::cart::add",
            "shop::serve",
            "shop::main",
            "std::rt::lang_start",
        ],
        90,
    ),
    (&["serde_json::to_string", "shop::serve", "shop::main", "std::rt::lang_start"], 130),
    (&["memcpy", "serde_json::to_string", "shop::serve", "shop::main", "std::rt::lang_start"], 60),
    (&["shop::serve::{{closure}}", "tokio::runtime::task::poll", "std::thread::start"], 75),
    (&["shop::search<&str>", "shop::search<&str>", "shop::main", "std::rt::lang_start"], 15),
];
/// Source files, in `shop`.
pub(crate) const SHOP: &str = include_str!("shop.txt");
/// Where the code of `shop` is in memory, and in the file.
pub(crate) const BASE: u64 = 0x5555_5555_0000;
/// Where the first function is in the file, and the bytes of each.
pub(crate) const START: u64 = 0x1000;
pub(crate) const SIZE: u64 = 0x40;

/// The last part of a name, without type parameters.
fn last(name: &str) -> &str {
    let name = name.split_once('<').filter(|_| name.starts_with("shop::")).map_or(name, |(name, _)| name);
    name.rsplit("::").next().unwrap_or(name)
}

/// A function's file, its first line, and the line where it calls `callee`.
pub(crate) fn place(name: &str, callee: Option<&str>) -> (&'static str, i64, i64) {
    let (file, first) = match name {
        name if name.starts_with("shop::") => {
            let start = if last(name).starts_with('{') {
                "async move {".to_owned()
            } else {
                format!("fn {}", last(name))
            };
            (
                "/shop/src/main.rs",
                SHOP.lines().position(|line| line.contains(&start)).map_or(1, |line| line as i64 + 1),
            )
        }
        name if name.starts_with("alloc::") => ("/rustc/0/library/alloc/src/vec/mod.rs", 2000),
        name if name.starts_with("std::") => ("/rustc/0/library/std/src/rt.rs", 150),
        name if name.starts_with("serde_json::") => {
            ("/cargo/registry/src/index/serde_json-1.0.1/src/ser.rs", 20)
        }
        name if name.starts_with("tokio::") => ("/cargo/registry/src/index/tokio-1.45.0/src/task.rs", 300),
        _ => ("", 0),
    };
    let call = callee.filter(|_| file.starts_with("/shop")).map(last).and_then(|callee| {
        let inside = SHOP.lines().enumerate().skip(first as usize);
        inside
            .take_while(|(_, line)| !line.is_empty())
            .find(|(_, line)| line.contains(callee))
            .map(|(at, _)| at as i64 + 1)
    });
    (file, first, call.unwrap_or(first + 1))
}

/// The profile: values times `scale`.
pub(crate) fn profile(scale: i64) -> Profile {
    let mut tables = Tables::new();
    let file = tables.text("/shop/target/release/shop");
    let build_id = tables.text("0123456789abcdef");
    let program = tables.add_mapping(Mapping {
        memory_start: BASE,
        memory_limit: BASE + 0x10000,
        filename: file,
        build_id,
        has_functions: true,
        has_filenames: true,
        has_line_numbers: true,
        has_inline_frames: true,
        ..Mapping::default()
    });
    let mut samples = Vec::new();
    let mut known: Vec<(&str, Option<&str>, u64)> = Vec::new();
    for (at, (stack, weight)) in STACKS.iter().enumerate() {
        let mut ids = Vec::new();
        let mut callee = None;
        for frame in *stack {
            let names = split(frame);
            let of = (*frame, callee);
            let id = match known.iter().find(|(frame, callee, _)| (*frame, *callee) == of) {
                Some((_, _, id)) => *id,
                None => {
                    let mut line = Vec::new();
                    let mut called = callee;
                    for name in &names {
                        let (file, start_line, call) = place(name, called);
                        called = Some(name);
                        let (name, filename) = (tables.text(name), tables.text(file));
                        let function =
                            Function { name, system_name: name, filename, start_line, ..Function::default() };
                        line.push(Line { function_id: tables.add_function(function), line: call, column: 0 });
                    }
                    let place = frames().iter().position(|of| of == frame).unwrap_or(0) as u64;
                    let calls = known.iter().filter(|(of, _, _)| of == frame).count() as u64;
                    let address = BASE + START + SIZE * place + 8 * calls;
                    let location = Location { mapping_id: program, address, line, ..Location::default() };
                    let id = tables.add_location(location);
                    known.push((frame, callee, id));
                    id
                }
            };
            ids.push(id);
            callee = names.last().copied();
        }
        let thread = tables.text(if at % 3 == 2 { "worker-2" } else { "worker-1" });
        let (key, bytes, unit) = (tables.text("thread"), tables.text("bytes"), tables.text("bytes"));
        let label = vec![
            Label { key, str: thread, ..Label::default() },
            Label { key: bytes, num: 1 << (at + 8), num_unit: unit, ..Label::default() },
        ];
        let value = vec![weight * scale, weight * scale * 10_000_000];
        samples.push(Sample { location_id: ids, value, label });
    }
    let mut value_type =
        |kind: &str, unit: &str| ValueType { r#type: tables.text(kind), unit: tables.text(unit) };
    let (count, cpu) = (value_type("samples", "count"), value_type("cpu", "nanoseconds"));
    Profile {
        sample_type: vec![count, cpu],
        sample: samples,
        time_nanos: 1_796_000_000_000_000_000,
        duration_nanos: 12_000_000_000,
        period_type: Some(cpu),
        period: 10_000_000,
        ..tables.into_profile(Some(program))
    }
}

/// The profile with a time of each sample: one per 10 ms of CPU time, of two threads that take turns in working.
pub(crate) fn timed() -> Profile {
    let mut profile = profile(1);
    let key = profile.string_table.len() as i64;
    profile.string_table.extend(["timestamp".to_owned(), "nanoseconds".to_owned()]);
    let (start_ns, duration_ns) = (profile.time_nanos, profile.duration_nanos);
    let stacks = std::mem::take(&mut profile.sample);
    let mut random = 1u64;
    for stack in &stacks {
        for _ in 0..stack.value[0] {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Thousandths of the time; less work in its middle.
            let at = i64::try_from((random >> 33) % 1000).unwrap_or(0);
            let at = if (450..550).contains(&at) { at - 450 } else { at };
            let num = start_ns + duration_ns / 1000 * at;
            let mut sample = stack.clone();
            sample.value = vec![1, 10_000_000];
            sample.label.push(Label { key, num, num_unit: key + 1, ..Label::default() });
            profile.sample.push(sample);
        }
    }
    profile
}

/// Frames of the profile, in the order of their code.
pub(crate) fn frames() -> Vec<&'static str> {
    let mut frames = Vec::new();
    for frame in STACKS.iter().flat_map(|(stack, _)| *stack) {
        if !frames.contains(frame) {
            frames.push(*frame);
        }
    }
    frames
}

/// `a<b` are a and b; `Vec<u8>::push<b` are `Vec<u8>::push` and b.
pub(crate) fn split(frame: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (at, byte) in frame.bytes().enumerate() {
        match byte {
            b'<' if frame[at + 1..].starts_with("shop::") && depth == 0 => {
                names.push(&frame[start..at]);
                start = at + 1;
            }
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    names.push(&frame[start..]);
    names
}

/// An analyser of the shop.
pub(crate) fn shop() -> Analyser {
    analyser(&profile(1))
}

/// An analyser of a profile that may be of the shop.
pub(crate) fn analyser(profile: &Profile) -> Analyser {
    let profile = rgops_pprof::read_profile(&encode(profile)).expect("it is a profile");
    Analyser::new(Arc::new(profile), "shop.pb.gz").environment(Arc::new(Files))
}

/// A server of an analyser, on a free port.
pub(crate) fn server(analyser: Analyser) -> Server {
    serve(analyser, "127.0.0.1:0").expect("there is a free port")
}

//! Profiles to analyse, and `rgops pprof` with an environment of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rgops_pprof::proto::{Function, Line, Location, Mapping, Profile, Sample, ValueType};
use rgops_pprof::write::{Tables, encode};

/// A CPU profile of the program `shop` with functions that call each other, outermost first: `main;checkout;tax`, and
/// milliseconds.
pub(crate) fn profile(stacks: &[(&str, i64)]) -> Vec<u8> {
    let mut tables = Tables::new();
    let cpu = ValueType { r#type: tables.text("cpu"), unit: tables.text("nanoseconds") };
    let samples = ValueType { r#type: tables.text("samples"), unit: tables.text("count") };
    let filename = tables.text("/bin/shop");
    let mapping_id = tables.add_mapping(Mapping {
        memory_limit: 0x10000,
        filename,
        has_functions: true,
        ..Mapping::default()
    });
    let mut sample = Vec::new();
    for (stack, milliseconds) in stacks {
        let mut location_id: Vec<u64> = stack
            .split(';')
            .map(|name| {
                let name = tables.text(name);
                let function_id = tables.function_id(name, name, 0).unwrap_or_else(|| {
                    tables.add_function(Function { name, system_name: name, ..Function::default() })
                });
                let line = vec![Line { function_id, line: 1, column: 0 }];
                tables.add_location(Location {
                    mapping_id,
                    address: function_id * 16,
                    line,
                    ..Location::default()
                })
            })
            .collect();
        location_id.reverse();
        sample.push(Sample { location_id, value: vec![1, milliseconds * 1_000_000], label: Vec::new() });
    }
    encode(&Profile { sample_type: vec![samples, cpu], sample, ..tables.into_profile(Some(mapping_id)) })
}

/// A CPU profile with addresses and no names.
pub(crate) fn nameless(addresses: &[u64]) -> Vec<u8> {
    let mut tables = Tables::new();
    let cpu = ValueType { r#type: tables.text("cpu"), unit: tables.text("nanoseconds") };
    let filename = tables.text("/nowhere/shop");
    let mapping_id = tables.add_mapping(Mapping { memory_limit: 0x10000, filename, ..Mapping::default() });
    let sample = addresses
        .iter()
        .map(|address| {
            let location = Location { mapping_id, address: *address, ..Location::default() };
            Sample {
                location_id: vec![tables.add_location(location)],
                value: vec![1_000_000],
                label: Vec::new(),
            }
        })
        .collect();
    encode(&Profile { sample_type: vec![cpu], sample, ..tables.into_profile(Some(mapping_id)) })
}

/// The usual one.
pub(crate) fn shop() -> Vec<u8> {
    profile(&[("main;checkout;tax", 30), ("main;checkout", 10), ("main;search", 60)])
}

/// `rgops pprof` with `arguments` in `home`, where profiles are saved, too.
pub(crate) fn pprof(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
    command.arg("pprof").args(arguments).current_dir(home).env("HOME", home).env("RGOPS_DIR", home);
    for variable in [
        "RGOPS_TOKEN",
        "PPROF_TMPDIR",
        "PPROF_BINARY_PATH",
        "DEBUGINFOD_URLS",
        "NO_COLOR",
        "COLUMNS",
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(variable);
    }
    command
}

/// The same, run with `input` as standard input.
pub(crate) fn fed(home: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = pprof(home, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The rows of `-top`: the flat value and the name.
pub(crate) fn rows(output: &Output) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let table = text.split_once("cum%\n").map_or("", |(_, table)| table).to_owned();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    table.lines().map(words).map(|words| (words[0].clone(), words[5..].join(" "))).collect()
}

/// The same for comparing.
pub(crate) fn row(flat: &str, name: &str) -> (String, String) {
    (flat.to_owned(), name.to_owned())
}

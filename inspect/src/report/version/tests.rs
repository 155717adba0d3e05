//! The screen and the JSON of a release build, a stripped one and a hostile one.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;

use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{End, Known};

use super::*;
use crate::made::hello;

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn reply() -> VersionReply {
    let sections = [".text", ".rodata", ".debug_info", ".debug_line", ".debug_gdb_scripts", ".symtab"];
    let packages = r#"{"packages":[
        {"name":"shop","version":"0.1.0","source":"local","root":true,"dependencies":[1]},
        {"name":"tokio","version":"1.54.1","source":"crates.io"},
        {"name":"cc","version":"1.2.0","source":"crates.io","kind":"build"},
        {"name":"mine\u001b[2J","version":"1.0.0","source":"git"}]}"#;
    VersionReply {
        program: Known::Value("shop 0.1.0".into()),
        executable: Known::Value("shop".into()),
        build_id: vec![0xab, 0xcd],
        rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
        target: "x86_64-unknown-linux-gnu".into(),
        profile: "release".into(),
        opt_level: "3".into(),
        debug_assertions: false,
        panic: "unwind".into(),
        comment: Known::Value(vec!["rustc version 1.95.0".into()]),
        sections: Known::Value(sections.map(str::to_owned).to_vec()),
        symbols: Known::Value(vec!["_RNvC11rgops_agent6listen".into()]),
        auditable: zlib(packages.as_bytes()),
        tokio: Known::Value("1.54.1".into()),
        allocator: Known::Value("system (glibc malloc)".into()),
        agent: "0.1.0".into(),
        protocol: 1,
        features: vec!["jemalloc".into()],
    }
}

#[test]
fn a_release_build_is_described_line_by_line() {
    let expected = "\
program: shop 0.1.0
executable: shop
build-id: abcd
rustc: rustc 1.95.0 (59807616e 2026-04-14)
target: x86_64-unknown-linux-gnu
profile: release, opt-level 3, debug assertions off
debug info: line tables: functions, files and lines
symbols: in the executable
mangling: v0
panic: unwind
tokio: 1.54.1
allocator: system (glibc malloc)
agent: 0.1.0, protocol 1
agent features: jemalloc
dependencies: 4 crates
  shop 0.1.0 (the program)
  tokio 1.54.1
  cc 1.2.0 (build only)
  mine\\x1b[2J 1.0.0 (git)
";
    assert_eq!(render(&reply(), true), expected);
}

#[test]
fn a_stripped_build_shows_what_is_missing_and_the_fix() {
    let stripped = VersionReply {
        sections: Known::Value(vec![".text".into(), ".debug_gdb_scripts".into()]),
        symbols: Known::Value(vec![]),
        build_id: vec![],
        auditable: vec![],
        ..reply()
    };
    let text = render(&stripped, false);
    for part in [
        "build-id: unavailable (the linker did not add one; fix: ",
        "debug info: none (fix: debug = \"line-tables-only\"",
        "symbols: stripped",
        "mangling: unavailable (the executable has no Rust symbols",
        "dependencies: unavailable (the program was not built with cargo-auditable; fix: cargo install",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let json = serde_json::to_value(JsonVersion::document(&hello(), &stripped, &End::default())).unwrap();
    assert_eq!(json["schema"], "rgops.version/1");
    assert_eq!(json["stripped"], true);
    assert_eq!(json["debug_info"], "none");
    assert_eq!(json["build_id"]["unavailable"], "the linker did not add one");
}

#[test]
fn levels_of_debug_info_are_recognized_by_rustcs_sections() {
    // The sections of executables that rustc 1.95 built with debug = 0, 1, "line-tables-only" and 2.
    let standard =
        [".debug_abbrev", ".debug_aranges", ".debug_info", ".debug_line", ".debug_ranges", ".debug_str"];
    let level = |more: &[&str]| {
        let sections = standard.iter().chain(more).map(|name| (*name).to_owned()).collect();
        debug_info(&Known::Value(sections)).value().copied().unwrap()
    };
    assert_eq!(level(&[]), DebugInfo::StandardLibrary);
    assert_eq!(level(&[".debug_gdb_scripts"]), DebugInfo::LineTables);
    assert_eq!(level(&[".debug_gdb_scripts", ".debug_loc"]), DebugInfo::Full);
    assert_eq!(level(&[".debug_gdb_scripts", ".debug_loclists"]), DebugInfo::Full);
}

#[test]
fn a_hostile_dependency_list_is_refused() {
    let reason = |section: &[u8]| match dependencies(section) {
        Known::Unavailable(missing) => missing.reason,
        Known::Value(list) => panic!("{list:?}"),
    };
    let bomb = zlib(&vec![b' '; 17 << 20]);
    assert!(bomb.len() < 64 << 10 && reason(&bomb).contains("longer than"));
    assert!(reason(b"junk").contains("cannot be decompressed"));
    assert!(reason(&zlib(b"[1")).contains("not valid JSON"));
    let nested = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    assert!(reason(&zlib(&nested)).contains("not valid JSON"));
}

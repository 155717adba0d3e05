//! What a terminal gets: no control characters, and no binary data.

use std::fs;

use rgops_tests::terminal;

use crate::program::{Directory, code, finished};
use crate::run::{pprof, profile, shop};

#[test]
fn control_characters_reach_pipes_but_no_terminal() {
    let home = Directory::new();
    let hostile = "evil\u{1b}]0;owned\u{7}\u{9b}31m";
    fs::write(home.path().join("f"), profile(&[(&format!("main;{hostile}"), 10)])).unwrap();
    for format in ["-top", "-tree", "-traces", "-raw", "-dot"] {
        let piped = finished(&mut pprof(home.path(), &[format, "f"]));
        let screen = terminal::run(&mut pprof(home.path(), &[format, "f"]), 80);
        assert_eq!((code(&piped), screen.code), (0, 0), "{}", screen.text);
        let shows = |text: &str| text.contains("evil") && text.contains("owned");
        let has_controls = |text: &str| text.contains(['\u{1b}', '\u{7}', '\u{9b}']);
        assert!(shows(&screen.text) && !has_controls(&screen.text), "{format}: {:?}", screen.text);
        if format == "-top" {
            assert!(has_controls(&String::from_utf8_lossy(&piped.stdout)));
        }
    }
}

#[test]
fn binary_formats_are_kept_off_terminals() {
    let home = Directory::new();
    fs::write(home.path().join("f"), shop()).unwrap();
    for (format, name) in [
        ("-proto", "profile001.pb.gz"),
        ("-topproto", "profile002.pb.gz"),
        ("-callgrind", "profile001.callgraph.out"),
    ] {
        let screen = terminal::run(&mut pprof(home.path(), &[format, "f"]), 80);
        assert_eq!(screen.code, 0, "{}", screen.text);
        assert_eq!(screen.text.trim_end(), format!("Generating report in {name}"));
        assert!(fs::metadata(home.path().join(name)).unwrap().len() > 20, "{name}");
    }
}

//! Reports of files and of standard input: merged, subtracted, written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::program::{Directory, code, finished, stderr, stdout};
use crate::run::{fed, pprof, profile, row, rows, shop};

#[test]
fn files_and_standard_input_are_merged_in_any_number() {
    let home = Directory::new();
    fs::write(home.path().join("a"), shop()).unwrap();
    fs::write(home.path().join("b"), profile(&[("main;search;index", 5)])).unwrap();
    let one = fed(home.path(), &["-top", "-"], &shop());
    assert_eq!((code(&one), stderr(&one)), (0, ""));
    assert_eq!(
        rows(&one),
        [row("60ms", "search"), row("30ms", "tax"), row("10ms", "checkout"), row("0", "main")]
    );
    assert!(stdout(&one).starts_with("File: shop\nType: cpu\n"), "{}", stdout(&one));
    let merged = fed(home.path(), &["-top", "a", "-", "b"], &shop());
    let wanted = [
        row("120ms", "search"),
        row("60ms", "tax"),
        row("20ms", "checkout"),
        row("5ms", "index"),
        row("0", "main"),
    ];
    assert_eq!((code(&merged), rows(&merged)), (0, wanted.to_vec()), "{}", stderr(&merged));
}

#[test]
fn a_base_is_subtracted() {
    let home = Directory::new();
    fs::write(home.path().join("new"), profile(&[("main;a", 70), ("main;b", 30)])).unwrap();
    fs::write(home.path().join("old"), profile(&[("main;a", 50), ("main;b", 50)])).unwrap();
    let wanted = [row("20ms", "a"), row("-20ms", "b")];
    for option in ["-base", "-diff_base"] {
        let output = finished(&mut pprof(home.path(), &["-top", option, "old", "new"]));
        assert_eq!((code(&output), rows(&output)), (0, wanted.to_vec()), "{}", stdout(&output));
    }
    // Twice the base, scaled to the profile.
    let output = finished(&mut pprof(home.path(), &["-top", "-base=old", "-base=old", "-normalize", "new"]));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(rows(&output)[0], row("40ms", "a"));
}

#[test]
fn a_source_that_fails_is_reported_and_the_others_are_used() {
    let home = Directory::new();
    fs::write(home.path().join("a"), shop()).unwrap();
    for (name, content, why) in [
        ("empty", &b""[..], "it is empty"),
        ("perf", b"PERFILE2 and more", "it is a file of perf record, not of pprof"),
        ("text", b"hello\n", "profile"),
    ] {
        fs::write(home.path().join(name), content).unwrap();
        let both = finished(&mut pprof(home.path(), &["-top", name, "a"]));
        assert_eq!((code(&both), rows(&both).len()), (6, 4), "{}", stderr(&both));
        let said = stderr(&both);
        assert!(said.contains(why) && said.contains("Fetched 1 source profiles out of 2"), "{said}");
        let alone = finished(&mut pprof(home.path(), &["-top", name]));
        assert_eq!((code(&alone), stdout(&alone)), (2, ""), "{}", stderr(&alone));
    }
    for line in ["-top a ./nosuch", "-top nosuch a", "-top -base=./nosuch -base=a a"] {
        let both = finished(&mut pprof(home.path(), &line.split(' ').collect::<Vec<_>>()));
        let said = stderr(&both);
        assert_eq!(code(&both), 6, "{line}: {said}");
        assert!(said.contains("nosuch") && said.contains(" profiles out of 2\n"), "{line}: {said}");
    }
    let none = finished(&mut pprof(home.path(), &["-top", "./nosuch", "./neither"]));
    let said = stderr(&none);
    assert_eq!((code(&none), said.matches("cannot open ./n").count()), (2, 2), "{said}");
    let folder = finished(&mut pprof(home.path(), &["-top", "."]));
    assert!(code(&folder) == 2 && stderr(&folder).contains("it is a directory"), "{}", stderr(&folder));
}

#[test]
fn reports_are_written_to_files_that_are_not_replaced_unasked() {
    let home = Directory::new();
    let at = |name: &str| home.path().join(name);
    fs::write(at("f"), shop()).unwrap();
    let output = finished(&mut pprof(home.path(), &["-top", "-output", "out", "f"]));
    assert_eq!((code(&output), stdout(&output)), (0, ""), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("Generating report in ") && stderr(&output).ends_with("out\n"));
    let written = fs::read_to_string(at("out")).unwrap();
    assert!(written.starts_with("File: shop\n"), "{written}");
    assert_eq!(fs::metadata(at("out")).unwrap().permissions().mode() & 0o777, 0o600);
    let output = finished(&mut pprof(home.path(), &["-tree", "-o", "out", "f"]));
    assert!(code(&output) == 2 && stderr(&output).contains("--force"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(at("out")).unwrap(), written);
    let output = finished(&mut pprof(home.path(), &["-tree", "-o", "out", "--force", "f"]));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(fs::read_to_string(at("out")).unwrap().contains("calls calls%"));
    // A report that cannot be made leaves no file.
    let output = finished(&mut pprof(home.path(), &["-top", "-focus=(", "-o", "none", "f"]));
    assert!(code(&output) == 2 && !at("none").exists());
}

#[test]
fn the_proto_of_a_profile_can_be_read_again() {
    let home = Directory::new();
    fs::write(home.path().join("f"), shop()).unwrap();
    let comment = ["-proto", "-add_comment=kept for later", "-focus=checkout", "f"];
    let proto = finished(&mut pprof(home.path(), &comment));
    assert_eq!(code(&proto), 0, "{}", stderr(&proto));
    let top = fed(home.path(), &["-top", "-"], &proto.stdout);
    assert_eq!(rows(&top), [row("30ms", "tax"), row("10ms", "checkout"), row("0", "main")]);
    let comments = fed(home.path(), &["-comments", "-"], &proto.stdout);
    assert_eq!(stdout(&comments), "kept for later\n");
}

#[test]
fn json_is_one_document() {
    let home = Directory::new();
    for format in [&["-json"][..], &["-top", "-json"], &["-tree", "-json"]] {
        let output = fed(home.path(), &[format, &["-"]].concat(), &shop());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let home = Directory::new();
    let stacks: Vec<(String, i64)> = (0..20_000).map(|at| (format!("main;function_{at}"), 10)).collect();
    let stacks: Vec<(&str, i64)> = stacks.iter().map(|(stack, value)| (stack.as_str(), *value)).collect();
    fs::write(home.path().join("f"), profile(&stacks)).unwrap();
    let mut command = pprof(home.path(), &["-traces", "f"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, ""));
}

#[test]
fn the_first_word_may_be_the_program() {
    let home = Directory::new();
    fs::write(home.path().join("f"), shop()).unwrap();
    let own = std::env::current_exe().unwrap();
    let output = finished(&mut pprof(home.path(), &["-top", "-symbolize=none", own.to_str().unwrap(), "f"]));
    let name = own.file_name().unwrap().to_str().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).starts_with(&format!("File: {name}\n")), "{}", stdout(&output));
}

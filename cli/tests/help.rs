//! Snapshot tests of every `--help` and the manual page, on a pipe and on terminals of 80 and 140 columns, in
//! `snapshots/help`. The commands are taken from the command line itself, so a new command fails here until it has a
//! snapshot.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod program;

use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use program::{code, rgops, stderr, stdout};
use rgops::command_line::CommandLine;
use rgops_tests::snapshot::{Snapshots, with_visible_colours, without_colours};
use rgops_tests::terminal;

#[test]
fn help_is_as_committed() {
    let mut snapshots = Snapshots::of(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/help"));
    snapshots.compare("rgops", &help(None));
    for command in CommandLine::command().get_subcommands() {
        let name = command.get_name();
        assert!(!command.has_subcommands(), "{name}: its subcommands also have help");
        snapshots.compare(name, &help(Some(name)));
    }
    // All pages are generated from the texts of --help, so two pages are enough.
    snapshots.compare("page-rgops", &page(&["man"]));
    snapshots.compare("page-rgops-stack", &page(&["man", "stack"]));
    // clap colours all help texts alike, so one is enough.
    let coloured = on_terminal(&["stack", "--help"], 80);
    snapshots.compare("colours", &with_visible_colours(&coloured));
}

/// The help of a command in all its forms. If `--help` is the same as `-h`, it is not repeated.
fn help(command: Option<&str>) -> String {
    let mut text = String::new();
    for option in ["-h", "--help"] {
        let arguments: Vec<&str> = command.into_iter().chain([option]).collect();
        let output = rgops(&arguments);
        assert_eq!((code(&output), stderr(&output)), (0, ""), "{arguments:?}");
        let forms = [
            ("pipe".to_owned(), stdout(&output).to_owned()),
            ("80 columns".to_owned(), without_colours(&on_terminal(&arguments, 80))),
            ("140 columns".to_owned(), without_colours(&on_terminal(&arguments, 140))),
        ];
        for (place, form) in forms {
            let heading = format!("$ rgops {} ({place})\n", arguments.join(" "));
            let earlier = heading.replace(" --help ", " -h ");
            let is_repeated = option == "--help" && text.contains(&format!("{earlier}{form}"));
            text.push_str(&heading);
            text.push_str(if is_repeated { "as -h\n" } else { &form });
            text.push('\n');
        }
    }
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn page(arguments: &[&str]) -> String {
    let output = rgops(arguments);
    assert_eq!((code(&output), stderr(&output)), (0, ""), "{arguments:?}");
    stdout(&output).replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn on_terminal(arguments: &[&str], columns: u16) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
    let screen = terminal::run(command.args(arguments).env_remove("NO_COLOR").env_remove("COLUMNS"), columns);
    assert_eq!(screen.code, 0, "{arguments:?}: {}", screen.text);
    screen.text
}

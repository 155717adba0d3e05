//! Every `--help` and the manual page are those in `snapshots/help`, on a pipe and on terminals of 80 and 140
//! columns. The commands are those of the command line itself, so a new one fails here until its file is there.

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
        assert!(!command.has_subcommands(), "{name}: its subcommands have help, too");
        snapshots.compare(name, &help(Some(name)));
    }
    // All pages are made from the texts of --help; these two show how.
    snapshots.compare("page-rgops", &page(&["man"]));
    snapshots.compare("page-rgops-stack", &page(&["man", "stack"]));
    // And clap colours all helps alike.
    let coloured = on_terminal(&["stack", "--help"], 80);
    snapshots.compare("colours", &with_visible_colours(&coloured));
}

/// The help of a command in all its forms; those that are the same as the one before are not repeated.
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

//! Tests that each command of the table has everything that `docs/CONTRIBUTING.md` requires.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use rgops_protocol::request::{Command, Effect};

const SNAPSHOTS: &str = "INSTA_UPDATE=always cargo test -p rgops --test help --test errors";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The text of a module, from its file or the `mod.rs` of its folder; empty if there is none.
fn module(folder: &str, name: &str) -> String {
    let folder = workspace().join(folder);
    let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
    files.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default()
}

/// Whether the bytes of `name` are committed, in a separate file or next to the type.
fn has_golden_bytes(name: &str, reply: &str) -> bool {
    let files = fs::read_dir(workspace().join("protocol/golden")).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.any(|file| file.strip_suffix(".hex").is_some_and(|file| is_of(file, name)))
        || reply.match_indices("golden!(").any(|(at, start)| is_of(&reply[at + start.len()..], name))
}

/// Whether `text` begins with `name`, as a whole word or with a suffix (`stack_threads`).
fn is_of(text: &str, name: &str) -> bool {
    text.trim_start().strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

macro_rules! names {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        [$($name),*]
    };
}

#[test]
fn every_command_is_complete() {
    let people = rgops_protocol::commands!(names, people);
    let (spec, readme, changelog) = (text("protocol/SPEC.md"), text("README.md"), text("CHANGELOG.md"));
    let mut missing = Vec::new();
    for command in Command::ALL {
        let (name, module_name) = (command.name(), command.module());
        let mut need = |exists: bool, what: &str| {
            if !exists {
                missing.push(format!("{name}: {what}"));
            }
        };
        let reply = module("protocol/src/reply", module_name);
        need(has_golden_bytes(&format!("request_{module_name}"), &reply), "golden bytes of its request");
        need(has_golden_bytes(module_name, &reply), "golden bytes of its reply");
        let row = format!("| {} | {name} | {} |", command as u16, versions(command));
        need(spec.contains(&row), &format!("a row in section 6 of protocol/SPEC.md: {row}"));
        need(spec.contains(&format!("\n**{name}**: ")), "a paragraph in section 8 of protocol/SPEC.md");
        need(
            module("agent/src/collect", module_name).contains("collect"),
            "a collector in agent/src/collect",
        );
        // Users cannot call the others: rgops requests them for another command.
        if !people.contains(&name) {
            continue;
        }
        need(
            module("inspect/src/session", module_name).contains(" Answer for "),
            "its answer in inspect/src/session",
        );
        need(module("cli/src/command", module_name).contains("ABOUT"), "a command in cli/src/command");
        need(readme.contains(&format!("`rgops {name} ")), "a row in README.md");
        need(
            changelog.contains(&format!("`rgops {name}`")) || changelog.contains(&format!("`{name}`")),
            "a line in CHANGELOG.md",
        );
        for (file, command) in [
            (
                format!("inspect/schemas/{name}.json"),
                "RGOPS_BLESS=1 cargo test -p rgops-inspect --lib schemas",
            ),
            (format!("cli/tests/snapshots/help/{name}.snap"), SNAPSHOTS),
            (format!("cli/tests/snapshots/errors/usage/{name}.snap"), SNAPSHOTS),
        ] {
            need(workspace().join(&file).exists(), &format!("{file} ({command})"));
        }
    }
    assert!(missing.is_empty(), "docs/CONTRIBUTING.md, \"Adding a command\":\n{}", missing.join("\n"));
}

fn versions(command: Command) -> String {
    let (oldest, newest) = command.versions().into_inner();
    if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") }
}

/// The sentences of SPEC.md that list commands must agree with the table.
#[test]
fn the_lists_of_commands_in_the_specification_agree_with_the_table() {
    let spec = text("protocol/SPEC.md");
    let line = |part: &str| spec.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}"));
    let (exclusive, changing) = (line(" are exclusive:"), line(" change something in the program."));
    for command in Command::ALL {
        let named = format!("`{}`", command.name());
        assert_eq!(exclusive.contains(&named), command.is_exclusive(), "{named}: {exclusive}");
        assert_eq!(changing.contains(&named), command.effect() != Effect::Never, "{named}: {changing}");
    }
}

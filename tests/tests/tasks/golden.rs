//! The decoded stacks of every kind of future (`tests/targets/kinds`) are exactly those in `golden/SCENARIO.txt`,
//! however the program is built; the screens are also compared.
//!
//! `RGOPS_LONG=1` builds the program in all ways: as a release, with thin and with fat LTO, and with split debug
//! information in three ways. Without it: as a release, with and without a separate debug file. `RGOPS_BLESS=1`
//! writes the files from the release; read the changes before you commit them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use rgops_inspect::tasks::model::{State, Tasks};
use rgops_tests::built::{self, Kinds};
use rgops_tests::directory::Directory;
use rgops_tests::running::rgops;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;
use rgops_tests::{golden, tasks};

const SCENARIOS: [&str; 10] =
    ["bodies", "channels", "combinators", "functions", "http", "io", "locks", "streams", "tasks", "time"];

/// The program in one of its scenarios, and its tasks once all of them wait.
fn still(directory: &Directory, program: &Path, scenario: &str) -> (Target, String, Tasks) {
    let mut command = Command::new(program);
    command.arg(scenario);
    let mut target = Target::run(directory, command, |_| {});
    let address = target.order("address");
    let pid = target.pid();
    // Tasks that were spawned while the list was read are in the next list.
    let mut former: Vec<u64> = Vec::new();
    let found = until(&format!("{scenario}: every task waits"), || {
        let found = tasks::fetch(&address, pid);
        let ids: Vec<u64> = found.tasks.iter().map(|task| task.id).collect();
        let is_still = found.tasks.iter().all(|task| task.state == State::Idle) && found.counts.moved == 0;
        (std::mem::replace(&mut former, ids.clone()) == ids && is_still).then_some(found)
    });
    (target, address, found)
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tasks/golden").join(format!("{name}.txt"))
}

/// The difference between a file and the result; `None` after the file was written.
fn compare(name: &str, found: &str, may_bless: bool) -> Option<String> {
    if may_bless && env::var_os("RGOPS_BLESS").is_some() {
        fs::write(file(name), found).unwrap();
        return None;
    }
    let expected = fs::read_to_string(file(name)).unwrap_or_default();
    (expected != found).then(|| format!("{name}:\n{}", difference(&expected, found)))
}

/// The first lines that differ, with the lines before them.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let at = expected.iter().zip(&found).take_while(|(expected, found)| expected == found).count();
    let mut text = String::new();
    for line in &expected[at.saturating_sub(6)..at] {
        let _ = writeln!(text, "  {line}");
    }
    for line in expected.iter().skip(at).take(8) {
        let _ = writeln!(text, "- {line}");
    }
    for line in found.iter().skip(at).take(8) {
        let _ = writeln!(text, "+ {line}");
    }
    text
}

fn check(how: Kinds) {
    let program = built::kinds(how);
    let directory = Directory::new();
    let differences: Vec<String> = SCENARIOS
        .iter()
        .filter_map(|scenario| {
            let (_target, _, found) = still(&directory, &program, scenario);
            compare(scenario, &golden::text(&found), how == Kinds::Release)
        })
        .collect();
    assert!(differences.is_empty(), "{how:?}:\n{}", differences.join("\n"));
}

/// In one test, because cargo puts all builds into one folder.
#[test]
fn every_kind_of_future_has_its_golden_stack_however_it_is_built() {
    check(Kinds::Release);
    check(Kinds::DebugLink);
    if env::var_os("RGOPS_LONG").is_some() {
        for how in [Kinds::Thin, Kinds::Fat, Kinds::Packed, Kinds::Unpacked] {
            check(how);
        }
    }
    let directory = Directory::new();
    let program = built::kinds(Kinds::Release);
    let differences: Vec<String> = ["bodies", "http", "locks"]
        .iter()
        .filter_map(|scenario| {
            let (_target, address, found) = still(&directory, &program, scenario);
            // A thread that is just falling asleep may be missing in one answer.
            let screen = until("a whole answer", || {
                Some(rgops(&["tasks", &address])).filter(|screen| screen.code == 0)
            });
            compare(&format!("{scenario}.screen"), &steady(&screen.output, &found), true)
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A screen without what differs in each run: times, addresses, ports, descriptors, process and task ids.
fn steady(screen: &str, tasks: &Tasks) -> String {
    let folder = format!("{}/targets/kinds/", env!("CARGO_MANIFEST_DIR"));
    let mut ids: Vec<String> = tasks.tasks.iter().map(|task| task.id.to_string()).collect();
    ids.sort_by_key(|id| id.parse::<u64>().unwrap());
    let mut addresses: Vec<String> = Vec::new();
    let mut text = String::new();
    for (number, line) in screen.replace(&folder, "").lines().enumerate() {
        let line = match number {
            0 => line.split(" (pid ").next().unwrap().to_owned() + " …",
            1 => line.split(" · listed").next().unwrap().to_owned() + " …",
            _ => line.to_owned(),
        };
        let (mut words, mut is_id, mut before) = (Vec::new(), false, "");
        for word in line.split(' ') {
            let bare = word.trim_end_matches([',', ';', ':']);
            let end = &word[bare.len()..];
            let address = bare.trim_start_matches('(').trim_end_matches(')');
            if address.starts_with("0x") {
                let known = addresses.iter().position(|one| one == address);
                let number = known.unwrap_or_else(|| {
                    addresses.push(address.to_owned());
                    addresses.len() - 1
                });
                words.push(word.replace(address, &format!("0x{}", number + 1)));
            } else if let Ok(socket) = address.parse::<SocketAddr>() {
                words.push(word.replace(address, &format!("{}:PORT", socket.ip())));
            } else if before == "fd" {
                words.push(format!("N{end}"));
            } else if let Some(at) = ids.iter().position(|id| id == bare).filter(|_| is_id) {
                words.push(format!("#{}{end}", at + 1));
            } else if before == "tasks" && line.starts_with("next: ") {
                words.push("TARGET".to_owned());
            } else {
                is_id = ["task", "tasks", "--task"].contains(&word) || word.ends_with("]:");
                words.push(word.to_owned());
            }
            before = word;
        }
        let _ = writeln!(text, "{}", words.join(" "));
    }
    text
}

//! The support table of docs/SUPPORT.md: what rgops reads from a program's tasks, by the version of Tokio, the
//! compiler and the profile. It needs some thirty builds of Tokio, so it runs only with `RGOPS_MATRIX=1` (half an
//! hour on two cores), which writes the table.
//!
//! One dimension at a time varies around a base. The corners are also included: the oldest and the newest Tokio, with
//! the most and the least information that a build can have.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use rgops_tests::matrix::{BASE, Build, Findings, Patch};

/// The oldest Tokio that the agent builds with (`Cargo.toml`).
const OLDEST: &str = "1.45.1";

/// Versions between the oldest and the newest.
const VERSIONS: [&str; 7] = ["1.52.0", "1.50.0", "1.49.0", "1.48.0", "1.47.1", "1.46.1", OLDEST];

const DEBUG: [&str; 4] = ["2", "1", "line-tables-only", "0"];

/// The fields of a task's header are in another order: nothing that is known about tasks holds.
const OTHER_LAYOUT: Patch = Patch {
    what: "another layout of tasks",
    file: "src/runtime/task/core.rs",
    changes: &[(
        "    pub(super) queue_next: UnsafeCell<Option<NonNull<Header>>>,\n\n    \
         /// Table of function pointers for executing actions on the task.\n    \
         pub(super) vtable: &'static Vtable,\n",
        "    pub(super) vtable: &'static Vtable,\n\n    \
         pub(super) queue_next: UnsafeCell<Option<NonNull<Header>>>,\n",
    )],
};

/// The function that polls tasks has another name: the list works, but no future is found through it.
const OTHER_NAMES: Patch = Patch {
    what: "other names within",
    file: "src/runtime/task/raw.rs",
    changes: &[
        ("poll: poll::<T, S>,", "poll: poll_task::<T, S>,"),
        ("unsafe fn poll<T: Future", "unsafe fn poll_task<T: Future"),
    ],
};

fn rows() -> Vec<Build> {
    let mut rows = vec![BASE];
    rows.extend(VERSIONS.map(|tokio| Build { tokio, ..BASE }));
    rows.extend(["thin", "fat"].map(|lto| Build { lto, ..BASE }));
    for debug in DEBUG {
        rows.extend([false, true].map(|is_v0| Build { debug, is_v0, ..BASE }));
    }
    rows.push(Build { tokio: OLDEST, lto: "fat", ..BASE });
    rows.push(Build { tokio: OLDEST, lto: "fat", debug: "0", is_v0: true, ..BASE });
    rows.push(Build { lto: "fat", debug: "0", is_v0: true, ..BASE });
    rows.push(Build { lto: "thin", debug: "line-tables-only", ..BASE });
    let mut seen = Vec::new();
    rows.retain(|row| {
        !seen.contains(row) && {
            seen.push(*row);
            true
        }
    });
    // Compilers that only some machines have: a path to a rustc each.
    for rustc in env::var("RGOPS_MATRIX_RUSTC").unwrap_or_default().split(':').filter(|path| !path.is_empty())
    {
        let rustc = Some(&*rustc.to_owned().leak());
        rows.push(Build { rustc, ..BASE });
        rows.push(Build { rustc, lto: "fat", ..BASE });
        rows.push(Build { rustc, debug: "0", ..BASE });
    }
    rows.extend([OTHER_LAYOUT, OTHER_NAMES].map(|patch| Build { patch: Some(patch), ..BASE }));
    rows
}

#[test]
fn every_supported_build_gives_the_results_in_the_table() {
    if env::var_os("RGOPS_MATRIX").is_none() {
        println!("SKIPPED: RGOPS_MATRIX=1 builds and asks programs with other versions of Tokio");
        return;
    }
    let mut table = String::new();
    let _ = writeln!(
        table,
        "| Tokio | rustc | lto | debug | mangling | list | futures' names | await points | waits on | schedtrace |"
    );
    let _ = writeln!(table, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut failures = Vec::new();
    let mut messages = Vec::new();
    for build in rows() {
        let findings = build.findings();
        println!("{build:?}\n  {findings:?}");
        match &findings {
            Ok(findings) => {
                failures
                    .extend(expected(&build, findings).map(|why| format!("{build:?}: {why}: {findings:?}")));
                if let Some(patch) = build.patch {
                    messages.push((patch.what, findings.messages.clone()));
                }
            }
            Err(why) => failures.push(format!("{build:?}: {why}")),
        }
        line(&mut table, &build, &findings);
    }
    for (what, words) in messages {
        let words = words.join("\n    ");
        let _ = write!(table, "\nOf {what}, `rgops tasks` says:\n\n    {words}\n");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    write_document(&table);
}

/// Why a build must give more than it does.
fn expected(build: &Build, findings: &Findings) -> Option<&'static str> {
    match build.patch {
        Some(patch) if patch == OTHER_LAYOUT => {
            let is_reported =
                findings.messages.iter().any(|line| line.contains("does not know the task layout"));
            return (findings.list || !is_reported).then_some("it must say that it has no list, and why");
        }
        Some(_) => {
            let is_reported = findings.messages.iter().any(|line| line.contains("future not described"));
            return (!findings.list || findings.names || !is_reported)
                .then_some("it must have the list, and say that it has no more");
        }
        None => {}
    }
    let all = findings.list && findings.names && findings.awaits && findings.waits && findings.schedtrace;
    match build.debug {
        "2" => (!all).then_some("everything is there with debug = 2"),
        _ if build.is_v0 => (!findings.list || !findings.names).then_some("the v0 mangling names futures"),
        _ => (!findings.list).then_some("the list needs no debug information"),
    }
}

fn line(table: &mut String, build: &Build, findings: &Result<Findings, String>) {
    let tokio = match build.patch {
        Some(patch) => format!("{} with {}", build.tokio, patch.what),
        None => build.tokio.to_owned(),
    };
    let mangling = if build.is_v0 { "v0" } else { "default" };
    let rustc = version(build.rustc.unwrap_or("rustc"));
    let _ = write!(table, "| {tokio} | {rustc} | {} | {} | {mangling} |", build.lto, build.debug);
    match findings {
        Ok(findings) => {
            for has in [findings.list, findings.names, findings.awaits, findings.waits, findings.schedtrace] {
                let _ = write!(table, " {} |", if has { "yes" } else { "-" });
            }
        }
        Err(_) => table.push_str(" not built |||||"),
    }
    table.push('\n');
}

/// The version of a compiler, such as `1.95.0`.
fn version(rustc: &str) -> String {
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').nth(1).unwrap_or("?").to_owned()
}

const BEGIN: &str = "<!-- tests/tests/tasks/support.rs writes from here -->";
const END: &str = "<!-- tests/tests/tasks/support.rs writes to here -->";

fn write_document(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SUPPORT.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(path, format!("{before}{BEGIN}\n{table}{END}{after}")).unwrap();
}

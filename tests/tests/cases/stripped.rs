//! A stripped program: one name a function, `main`, and Tokio's threads told apart.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rgops_tests::directory::Directory;
use rgops_tests::running::Running;
use serde_json::Value;

/// A stripped copy of the programs, and the folder with the whole file under another name.
fn stripped() -> (Directory, PathBuf) {
    let directory = Directory::new();
    let (whole, program) = (rgops_tests::built::release("cases"), directory.path().join("cases"));
    std::fs::create_dir(directory.path().join("kept")).unwrap();
    std::fs::copy(&whole, directory.path().join("kept/app.debug")).unwrap();
    assert!(Command::new("strip").arg("-o").args([&program, &whole]).status().unwrap().success());
    (directory, program)
}

fn roles(target: &Running, options: &[&str]) -> Vec<(String, String)> {
    let answer = crate::ask(target, "stack", &[&["--json"], options].concat());
    let document: Value = serde_json::from_str(&answer.output).unwrap();
    let threads = document["threads"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut roles: Vec<_> = threads
        .iter()
        .map(|thread| (text(&thread["role"]), text(&thread["state"])))
        .filter(|(role, _)| role.starts_with("tokio"))
        .collect();
    roles.sort();
    roles
}

#[test]
fn the_threads_of_a_runtime_are_told_apart_as_with_names() {
    let (directory, program) = stripped();
    let target = Running::start(&program, &["pools"]);
    let kept = directory.path().join("kept").display().to_string();
    wait_for_each_kind(&target);
    assert_eq!(roles(&target, &[]), roles(&target, &["--symbols", &kept]), "as with names");
}

/// Waits until the threads of `cases pools` are told apart: their roles and what they do.
pub(crate) fn wait_for_each_kind(target: &Running) {
    let kinds = [
        ("tokio_blocking", "futex wait"),
        ("tokio_blocking", "sleep"),
        ("tokio_worker", "epoll_wait"),
        ("tokio_worker", "sleep"),
    ];
    let deadline = Instant::now() + Duration::from_secs(30);
    let told = loop {
        let mut told = roles(target, &[]);
        told.dedup();
        let has_all = told.iter().map(|(role, state)| (&**role, &**state)).eq(kinds);
        if has_all || Instant::now() > deadline {
            break told;
        }
    };
    assert!(told.iter().map(|(role, state)| (&**role, &**state)).eq(kinds), "{told:?}");
}

#[test]
fn a_stack_has_main_and_one_name_a_function() {
    let (_directory, program) = stripped();
    let target = Running::start(&program, &["pools"]);
    let stack = crate::ask(&target, "stack", &["--verbose"]).output;
    assert!(stack.lines().any(|line| line == "main" || line == "_start"), "{stack}");
    assert!(
        stack.contains("cases+0x") && stack.contains("fix: build it with CARGO_PROFILE_RELEASE_STRIP=none"),
        "{stack}"
    );
}

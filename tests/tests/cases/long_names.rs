//! Names of tens of kilobytes: elided on the screen of every command, whole in JSON and in `tasks --verbose`.

use rgops_tests::directory::Directory;
use rgops_tests::running::Running;
use rgops_tests::waiting;

/// Characters of a line that still can be read.
const READABLE: usize = 400;

#[test]
fn no_line_of_a_screen_is_longer_than_can_be_read() {
    let (target, directory) = (crate::start(&["long-names"]), Directory::new());
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (profile, trace) = (file("profile"), file("trace"));
    waiting::until("a task blocks its worker", || {
        let stack = crate::ask(&target, "stack", &["--json"]).output;
        stack.contains("long_names::blocks").then_some(())
    });
    let commands: [(&str, &[&str]); 9] = [
        ("tasks", &[]),
        ("tasks", &["--all"]),
        ("stack", &[]),
        ("stack", &["--verbose"]),
        ("schedtrace", &["--detail", "--count", "1"]),
        ("pprof-cpu", &["--duration", "1", "--cum", "--force", "--output", &profile]),
        ("trace", &["--duration", "1", "--output", &trace]),
        ("top", &["--batch", "--count", "1"]),
        ("diagnose", &["--duration", "2"]),
    ];
    check_screens(&target, &commands);
}

#[test]
fn names_in_v0_mangling_are_elided_too_and_whole_in_json() {
    if rgops_tests::waiting::skip_a_build() {
        return;
    }
    let target = Running::start(&rgops_tests::built::smallest_cases(), &["long-names"]);
    let directory = Directory::new();
    let profile = directory.path().join("profile").display().to_string();
    // These names have the parameters of functions.
    let stack = waiting::until("a task blocks its worker", || {
        let stack = crate::ask(&target, "stack", &["--json"]);
        stack.output.contains("long_names::sleeps::<").then(|| stack.json())
    });
    assert!(longest_name(&stack) > 4 * READABLE);
    let profiled: &[&str] = &["--duration", "1", "--cum", "--force", "--output", &profile];
    check_screens(
        &target,
        &[
            ("stack", &[]),
            ("stack", &["--verbose"]),
            ("tasks", &[]),
            ("tasks", &["--all"]),
            ("pprof-cpu", profiled),
        ],
    );
}

/// No screen has a line that is too long, and each command that names functions names those of the program. What a
/// command samples or catches in time can miss them once, so it is asked until they are there.
fn check_screens(target: &Running, commands: &[(&str, &[&str])]) {
    for (command, options) in commands {
        let names_one = ["tasks", "stack", "schedtrace", "pprof-cpu", "top", "diagnose"].contains(command);
        waiting::until(&format!("{command} {options:?} names a function of the program"), || {
            let screen = crate::ask(target, command, options).output;
            let longest = screen.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
            assert!(longest.chars().count() <= READABLE, "{command} {options:?}: {longest}");
            (!names_one || screen.contains("long_names::")).then_some(())
        });
    }
}

#[test]
fn json_has_names_as_they_were_read() {
    let target = crate::start(&["long-names"]);
    let document = crate::ask(&target, "tasks", &["--json"]).json();
    assert!(longest_name(&document) > 4 * READABLE, "{}", longest_name(&document));
}

fn longest_name(document: &serde_json::Value) -> usize {
    let mut longest = 0;
    each_text(document, &mut |text| {
        if text.contains("long_names") {
            longest = longest.max(text.len());
        }
    });
    longest
}

fn each_text(value: &serde_json::Value, each: &mut dyn FnMut(&str)) {
    match value {
        serde_json::Value::String(text) => each(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| each_text(item, each)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| each_text(field, each)),
        _ => {}
    }
}

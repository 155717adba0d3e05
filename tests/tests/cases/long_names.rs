//! Names of tens of kilobytes: elided on the screen of every command, whole in JSON and in `tasks --verbose`.

use rgops_tests::directory::Directory;
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
        ("pprof-cpu", &["--duration", "1", "--cum", "--output", &profile]),
        ("trace", &["--duration", "1", "--output", &trace]),
        ("top", &["--batch", "--count", "1"]),
        ("diagnose", &["--duration", "2"]),
    ];
    for (command, options) in commands {
        let screen = crate::ask(&target, command, options).output;
        let longest = screen.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
        assert!(longest.chars().count() <= READABLE, "{command} {options:?}: {longest}");
        let names_one = ["tasks", "stack", "schedtrace", "pprof-cpu", "top", "diagnose"].contains(&command);
        assert!(!names_one || screen.contains("long_names::"), "{command} {options:?}: {screen}");
    }
}

#[test]
fn json_has_names_as_they_were_read() {
    let target = crate::start(&["long-names"]);
    let document = crate::ask(&target, "tasks", &["--json"]).json();
    let mut longest = 0;
    each_text(&document, &mut |text| {
        if text.contains("long_names") {
            longest = longest.max(text.len());
        }
    });
    assert!(longest > 4 * READABLE, "{longest}");
}

fn each_text(value: &serde_json::Value, each: &mut dyn FnMut(&str)) {
    match value {
        serde_json::Value::String(text) => each(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| each_text(item, each)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| each_text(field, each)),
        _ => {}
    }
}

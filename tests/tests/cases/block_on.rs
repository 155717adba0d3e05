//! The future of `block_on` is shown like a task: where it waits, line by line, and what for.

use rgops_tests::built;
use rgops_tests::running::Running;
use rgops_tests::waiting::until;
use serde_json::Value;

/// The program in its state, the lines where its future waits, and the line after them.
fn start(flavour: &str, shape: &str) -> (Running, Vec<String>, Option<String>) {
    let mut target = crate::start(&["block-on", flavour, shape]);
    let line = target.line();
    let lines = line.strip_prefix("lines ").unwrap_or_else(|| panic!("{flavour} {shape}: {line}"));
    let lines = lines.split_whitespace().map(str::to_owned).collect();
    let peer = (shape == "socket").then(|| target.line());
    (target, lines, peer.map(|line| line.trim().replace("peer ", "")))
}

/// The entry of the main thread, once it has one with these lines.
fn entry(target: &Running, lines: &[String], wanted: &str) -> String {
    until("the future of block_on is shown", || {
        let text = crate::ask(target, "tasks", &[]).output;
        let begin = text.find("block_on on thread ")?;
        let entry = text[begin..].split("\n\n").next()?.to_owned();
        let places: Vec<String> = lines.iter().map(|line| format!("block_on.rs:{line}")).collect();
        (entry.contains(wanted) && places.iter().all(|place| entry.contains(place))).then_some(entry)
    })
}

#[test]
fn that_waits_for_a_mutex_names_it_and_its_place() {
    for flavour in ["multi", "current", "boxed"] {
        let (target, lines, _) = start(flavour, "mutex");
        let entry = entry(&target, &lines, "waits for Mutex 0x");
        let order: Vec<&str> = entry.lines().map(str::trim).collect();
        let at = |function: &str| order.iter().position(|line| line.starts_with(function));
        let (body, takes) = (at("cases::block_on::body"), at("cases::block_on::takes_a_mutex"));
        assert!(body.is_some() && body < takes, "{flavour}: {entry}");
        assert!(!entry.contains("is not a task"), "{flavour}: {entry}");
    }
}

#[test]
fn that_waits_for_a_socket_names_its_peer() {
    for flavour in ["multi", "current"] {
        let (target, lines, peer) = start(flavour, "socket");
        let peer = format!("→ {})", peer.unwrap());
        entry(&target, &lines, &peer);
    }
}

#[test]
fn that_waits_for_a_task_names_it() {
    let (target, lines, _) = start("multi", "join");
    let entry = entry(&target, &lines, "waits for task ");
    let text = crate::ask(&target, "tasks", &[]).output;
    let id = entry.split("waits for task ").nth(1).unwrap().trim().to_owned();
    assert!(text.contains(&format!("\ntask {id} [idle]")), "{text}");
}

#[test]
fn that_selects_has_each_branch() {
    let (target, lines, _) = start("current", "select");
    let entry = entry(&target, &lines, "select!");
    assert!(entry.contains("timer") && entry.contains("cases::block_on::reads"), "{entry}");
}

#[test]
fn is_in_the_document_like_a_task() {
    let (target, lines, _) = start("multi", "mutex");
    let future = until("the future of block_on is in the document", || {
        let document = crate::ask(&target, "tasks", &["--json"]).json();
        let threads = document["threads"].as_array()?.clone();
        let future = threads.iter().map(|thread| &thread["block_on"]).find(|future| future.is_object())?;
        let stack = document["stacks"][usize::try_from(future["stack"].as_u64()?).ok()?].clone();
        Some((future.clone(), stack))
    });
    let (future, stack) = future;
    assert_eq!(future["future"], Value::from("cases::block_on::body"));
    assert_eq!(future["waits_on"][0]["kind"], Value::from("mutex"));
    assert_eq!(stack["line"].to_string(), lines[0]);
    assert_eq!(stack["children"][0]["line"].to_string(), lines[1]);
}

/// Without debug information about it, nothing is guessed.
#[test]
fn is_not_guessed() {
    let (whole, directory) = (built::release("cases"), rgops_tests::directory::Directory::new());
    let program = directory.path().join("cases");
    let strip = std::process::Command::new("strip").args(["-g", "-o"]).args([&program, &whole]).status();
    assert!(strip.unwrap().success());
    let stripped = Running::start(&program, &["block-on", "multi", "mutex"]);
    let (whole, ..) = start("dynamic", "mutex");
    for target in [stripped, whole] {
        let text = until("the main thread waits", || {
            let text = crate::ask(&target, "tasks", &[]).output;
            text.contains("it waits to be woken; the reason is unknown: ").then_some(text)
        });
        assert!(text.contains(": its future is not a task\n"), "{text}");
    }
}

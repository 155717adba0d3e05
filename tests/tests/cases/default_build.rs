//! `rgops tasks` of a default release build, which has names of functions and no debug information: each group of tasks
//! has a name or the function that polls it, and one line says what gives more.

use std::process::Command;

use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::running::Running;

#[test]
fn each_group_of_tasks_has_a_name_or_a_poll_function() {
    let directory = Directory::new();
    let program = directory.path().join("shop");
    // What `debug = 0`, the default of a release, leaves: the code and the symbols of the same build.
    let stripped =
        Command::new("strip").args(["-g", "-o"]).args([&program, &built::release("shop")]).status();
    assert!(stripped.unwrap().success());
    let shop = Running::start(&program, &["--load", "20"]);
    let tasks = rgops_tests::waiting::until("it serves its load", || {
        let tasks = crate::ask(&shop, "tasks", &[]).output;
        (groups(&tasks).len() > 3).then_some(tasks)
    });
    for group in groups(&tasks) {
        assert!(group.contains("\n  future polled by shop"), "{group}");
    }
    let fixes: Vec<&str> = tasks.lines().filter(|line| line.trim_start().starts_with("fix: ")).collect();
    let [fix] = fixes[..] else { panic!("{fixes:?}") };
    assert!(fix.contains("build it with debug information") && fix.contains("debug = 2"), "{fix}");
}

/// The paragraphs about tasks.
fn groups(screen: &str) -> Vec<&str> {
    let is_of_tasks = |paragraph: &&str| {
        let first = paragraph.lines().next().unwrap_or_default();
        first.starts_with("task ")
            || first.split(' ').nth(1).is_some_and(|word| word == "tasks" && first.contains("]: "))
    };
    screen.split("\n\n").filter(is_of_tasks).collect()
}

//! Threads, tasks and the wait-for graph. They need no scripts.

use crate::driver::Browser;
use crate::fixture::{Server, deadlock};

#[test]
fn a_deadlock_is_said_and_drawn() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::entered(&browser), deadlock());
    browser.allow_scripts(false);
    browser.open(&server.of(&stuck, "tasks"));
    assert_eq!(browser.texts(".deadlock h2"), ["Deadlock: 3 tasks wait for each other"]);
    let words = browser.texts(".deadlock li");
    assert!(
        words[0].contains("stuck::sell waits for Mutex 0x") && words[0].contains("held by task"),
        "{words:?}"
    );
    assert!(words.iter().any(|line| line.contains("stuck::close_day waits for task")), "{words:?}");
    // Three tasks and two mutexes in a ring, all of it red.
    assert_eq!(browser.texts(".waits .node.heat-10").len(), 3);
    assert_eq!(browser.texts(".waits .tag.heat-10").len(), 2);
    assert_eq!(browser.texts(".waits .edge:not(.heat-0)").len(), 5);
    let boxes = browser.script("return [...document.querySelectorAll('.waits .box')].every(of => of.getBoundingClientRect().width > 30)");
    assert_eq!(boxes, true);
    // Groups with a deadlock are open, and show where each task is.
    let frames = browser.texts(".group[open] .own .place");
    assert!(frames.iter().filter(|place| place.contains("stuck.rs:")).count() >= 3, "{frames:?}");
    browser.click(".waits a.node");
    rgops_tests::waiting::until("the task", || browser.url().contains("#task-").then_some(()));
    assert_eq!(browser.console_errors(), [""; 0]);
    assert_eq!(browser.hosts(), [server.address.to_string()]);
}

#[test]
fn threads_open_to_their_stacks() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::entered(&browser), deadlock());
    browser.allow_scripts(false);
    browser.open(&server.of(&stuck, "threads"));
    let main = format!("#thread-{}", stuck.pid());
    assert!(browser.texts(&format!("{main} .what"))[0].contains("stuck"));
    assert_eq!(browser.texts(&format!("{main} .call")).concat(), "", "it is closed");
    browser.click(&format!("{main} summary"));
    let functions = browser.texts(&format!("{main} .call"));
    assert!(functions.iter().any(|name| name.contains("stuck::main")), "{functions:?}");
    assert_eq!(browser.console_errors(), [""; 0]);
}

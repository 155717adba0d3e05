//! A dump of 500 threads fits two screens, and what they wait in comes first; `stats` and `trace` group them and say
//! how well they were looked at.

use rgops_tests::directory::Directory;
use rgops_tests::running::Running;
use rgops_tests::{built, waiting};

/// Two screens of 50 lines.
const TWO_SCREENS: usize = 100;

/// The program, once its threads are there.
fn crowd() -> Running {
    let target = Running::start_and_wait(&built::release("cases"), &["crowd-of-threads"]);
    waiting::until("all threads are there", || {
        let stats = crate::ask(&target, "stats", &["--duration", "20ms", "--json"]).json();
        (stats["threads"].as_array().unwrap().len() > 495).then_some(())
    });
    target
}

#[test]
fn is_grouped_in_stats_with_sums_and_fits_a_screen() {
    let target = crowd();
    let stats = crate::ask(&target, "stats", &[]).output;
    assert!(stats.lines().count() <= 40, "{stats}");
    let row = stats.lines().find(|line| line.contains("tokio-rt-worker ×"));
    assert!(row.is_some_and(|row| row.contains("%") && row.contains(" sleeping")), "{stats}");
    assert!(stats.contains("queue-* ×4 ") && stats.contains("--all lists each of the "), "{stats}");
    let all = crate::ask(&target, "stats", &["--all"]).output;
    assert!(all.matches("tokio-rt-worker").count() > 490 && !all.contains('×'), "{all}");
    let json = crate::ask(&target, "stats", &["--json"]).json();
    let groups = json["thread_groups"].as_array().unwrap();
    let workers = groups.iter().find(|group| group["name"] == "tokio-rt-worker").unwrap();
    let of_name = |thread: &&serde_json::Value| thread["name"] == "tokio-rt-worker";
    let threads: Vec<_> = json["threads"].as_array().unwrap().iter().filter(of_name).collect();
    assert_eq!(workers["count"], threads.len(), "{workers}");
    let ran: u64 = threads.iter().map(|thread| thread["running_ns"].as_u64().unwrap()).sum();
    assert_eq!(workers["running_ns"], ran);
}

#[test]
fn is_traced_within_the_bound_and_the_first_line_says_how_often() {
    let target = crowd();
    let directory = Directory::new();
    let file = directory.path().join("trace");
    let answer = crate::ask(&target, "trace", &["--duration", "1s", "-o", file.to_str().unwrap()]);
    assert!(answer.output.lines().any(|line| line.starts_with("resolution ")), "{}", answer.output);
    let file = directory.path().join("other");
    let json =
        crate::ask(&target, "trace", &["--duration", "8s", "--json", "-o", file.to_str().unwrap()]).json();
    let number = |name: &str| json[name].as_u64().unwrap();
    // 3 % of a CPU, and the first look at every thread.
    assert!(number("agent_cpu_ns") < number("duration_ns") / 20, "{json}");
    let resolution = &json["resolution"];
    let of = |name: &str| resolution[name].as_u64().unwrap();
    assert!(of("idle_threads") > 480 && of("active_threads") < 20, "{resolution}");
    // How much more often depends on what a reading costs on this machine, which has a test with its clocks given.
    assert!(
        of("active_ns") <= of("idle_ns"),
        "active ones are looked at as often or more often: {resolution}"
    );
    assert!(json["threads"].as_array().unwrap().len() > 495, "all are there");
}

#[test]
fn fits_two_screens() {
    let target = Running::start_and_wait(&built::release("cases"), &["crowd-of-threads"]);
    let stack = waiting::until("all threads wait for the lock", || {
        let stack = crate::ask(&target, "stack", &[]).output;
        stack.contains("490 threads [futex wait]: tokio-rt-worker (tokio blocking thread)").then_some(stack)
    });
    assert!(stack.lines().count() < TWO_SCREENS, "{stack}");
    let place = |text: &str| stack.find(text).unwrap_or_else(|| panic!("{text} is missing: {stack}"));
    let waiters = place("490 threads [futex wait]");
    assert!(waiters < place("crowd_of_threads::takes_order\n"));
    assert!(stack.contains("\n490 threads wait for Mutex 0x"), "{stack}");
    // Idle threads are one line each, below, and the agent is last.
    assert!(place("crowd_of_threads::takes_order\n") < place("[idle, epoll_wait]"));
    assert!(place("[idle, epoll_wait]") < place("(agent)"));
    assert!(stack.contains("crowd_of_threads::holds") && stack.contains("… "), "{stack}");
    assert!(!stack.contains("/registry/src/") && !stack.contains("/rustc/"), "{stack}");
    let verbose = crate::ask(&target, "stack", &["--verbose"]).output;
    assert!(verbose.contains("/rustc/") && !verbose.lines().any(|line| line.starts_with("… ")), "{verbose}");
    let json = crate::ask(&target, "stack", &["--json"]).json();
    assert!(json["threads"].as_array().unwrap().len() > 495);
}

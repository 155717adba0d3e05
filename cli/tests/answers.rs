//! Tests of `memstats`, `stats` and `version` with real programs, idle and stuck.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod program;

use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use program::{Directory, TARGET_VARIABLE, Target, code, rgops, stderr, stdout};
use rgops_agent::allocator::{AllocatorStats, Number};
use serde_json::Value;

/// A program with a runtime of two workers that are stuck or idle.
#[test]
#[ignore = "started by the other tests"]
fn target() {
    let Ok(what) = std::env::var(TARGET_VARIABLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _in_it = runtime.enter();
    let options = rgops_agent::Options::default().program("target", "1.2.3").allocator(Arena);
    rgops_agent::listen(options).unwrap();
    let (started, wait) = mpsc::channel();
    static HELD: Mutex<()> = Mutex::new(());
    std::mem::forget(HELD.lock().unwrap());
    for _ in 0..2 {
        let started = started.clone();
        match what.as_str() {
            "spin" => drop(runtime.spawn(async move {
                started.send(()).unwrap();
                spin_forever()
            })),
            "mutex" => drop(runtime.spawn(async move {
                started.send(()).unwrap();
                drop(HELD.lock());
            })),
            _ => started.send(()).unwrap(),
        }
    }
    (0..2).for_each(|_| wait.recv().unwrap());
    println!("\nready true");
    // Ends when the test that started it closes the pipe.
    let _ = std::io::stdin().read_line(&mut String::new());
    std::process::exit(0);
}

fn spin_forever() {
    loop {
        std::hint::spin_loop();
    }
}

struct Arena;

impl AllocatorStats for Arena {
    fn name(&self) -> &str {
        "arena"
    }

    fn numbers(&self) -> Vec<Number> {
        vec![Number::bytes("heap-in-use", 4096, "Arena")]
    }
}

fn start(what: &str) -> (Target, Directory) {
    let directory = Directory::new();
    (Target::start(what, directory.path()), directory)
}

fn json(command: &str, target: &Target) -> Value {
    let output = rgops(&[command, &target.pid().to_string(), "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(arguments: &[&str], target: &Target) -> String {
    let pid = target.pid().to_string();
    let output = rgops(&[&[arguments[0], &pid], &arguments[1..]].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    stdout(&output).to_owned()
}

#[test]
fn memstats_agrees_with_proc_and_the_parts_add_up_to_rss() {
    let (target, _directory) = start("idle");
    let memory = json("memstats", &target);
    assert_eq!(memory["schema"], "rgops.memstats/1");
    assert_eq!(memory["process"]["pid"], target.pid());
    let field = |section: &str, name: &str| -> u64 {
        let sections = memory["sections"].as_array().unwrap();
        let section = sections.iter().find(|entry| entry["name"] == section).unwrap();
        let fields = section["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap()["value"].as_u64().unwrap()
    };
    let status = std::fs::read_to_string(format!("/proc/{}/status", target.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let rss: u64 = line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024;
    assert!(field("process", "rss").abs_diff(rss) < 2 << 20, "{} and {rss}", field("process", "rss"));
    assert_eq!(field("arena", "heap-in-use"), 4096);

    let explained = &memory["explained"];
    let parts = explained["parts"].as_array().unwrap();
    let sum: i64 = parts.iter().filter_map(|part| part["bytes"].as_i64()).sum();
    assert_eq!(Some(sum), explained["rss_bytes"].as_i64(), "{explained}");

    let screen = text(&["memstats", "--verbose"], &target);
    assert!(
        screen.starts_with("[rss breakdown]\nrss: ")
            && screen.contains("\n\n[process]\nrss: ")
            && screen.contains("[arena]\nheap-in-use: 4.00KB (4096 bytes)")
    );
    assert!(screen.contains("# /proc/thread-self/smaps_rollup Pss"), "{screen}");
}

#[test]
fn an_idle_program_has_idle_workers() {
    let (target, _directory) = start("idle");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let screen = text(&["stats", "--window", "100ms"], &target);
        let runtime = screen.lines().find(|line| line.starts_with("runtime main (multi_thread)")).unwrap();
        assert!(runtime.contains("2 workers") && runtime.contains("0 tasks"), "{screen}");
        assert!(screen.contains("agent refused: 0 other users"), "{screen}");
        if runtime.ends_with("2 parked, 0 tasks, global queue 0, busy [ 0% 0% ]") {
            break;
        }
        assert!(Instant::now() < deadline, "{screen}");
    }
}

#[test]
fn workers_that_are_all_stuck_are_shown_busy() {
    for what in ["spin", "mutex"] {
        let (target, _directory) = start(what);
        let screen = text(&["stats"], &target);
        assert!(
            screen.contains("2 workers, 0 parked, 2 tasks, global queue 0, busy [ 100% 100% ]"),
            "{screen}"
        );
        assert!(screen.contains(&format!("rgops stack {}", target.pid())), "{screen}");
        let stats = json("stats", &target);
        let worker = &stats["runtimes"][0]["workers"][1];
        assert_eq!((&worker["tokio_busy_ns"], &worker["parked"]), (&Value::from(0), &Value::from(false)));
        let running: u64 = stats["threads"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|thread| thread["name"].as_str().unwrap().starts_with("tokio-"))
            .map(|thread| thread["running_ns"].as_u64().unwrap())
            .sum();
        assert_eq!(running > 0, what == "spin", "{what}: the workers ran for {running} ns: {stats}");
    }
}

#[test]
fn version_describes_a_program_with_a_replaced_executable() {
    let directory = Directory::new();
    let copy = directory.path().join("replaced");
    program::copy_of_this(&copy);
    let mut command = Command::new(&copy);
    command.env("RGOPS_DIR", directory.path());
    let target = Target::start_by(command, "idle");
    std::fs::remove_file(&copy).unwrap();
    std::fs::write(&copy, "something else").unwrap();

    let version = json("version", &target);
    assert_eq!(version["schema"], "rgops.version/1");
    assert_eq!(version["program"], "target 1.2.3");
    assert_eq!(version["executable"], "replaced");
    assert_eq!(version["stripped"], false);
    assert_eq!(version["panic"], "unwind");
    assert!(version["rustc"].as_str().unwrap().starts_with("rustc 1."), "{version}");
    assert!(version["tokio"].as_str().unwrap().starts_with("1."), "{version}");
    let screen = text(&["version", "--deps"], &target);
    assert!(screen.contains("\ndependencies: unavailable (the program was not built with cargo-auditable"));
}

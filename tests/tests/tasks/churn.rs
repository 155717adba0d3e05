//! Tasks are listed and decoded while they come and go as fast as two workers can spawn them. No stack is mixed from
//! two tasks, rejected ones are counted, and tasks that stay are found every time.
//!
//! Each task has its kind, 0 to 15, in the types of all its futures, also on the heap, and its number in many words
//! of its cell. The kind is the number modulo 16.
//!
//! Takes a few seconds. `RGOPS_LONG=1` takes a minute, and requires 200,000 ended tasks per second from the machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::time::{Duration, Instant};

use rgops_protocol::reply::tasks::CellBytes;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::listing::Listing;
use rgops_tests::running::{Running, rgops};
use serde_json::Value;

/// `TAG` and `CONSTANT` of `tests/targets/tasks/src/bin/churning.rs`.
const TAG: u64 = 0xc0de;
const CONSTANT: usize = 256;
const KINDS: u64 = 16;

const RATE: u64 = 200_000;

/// The results of all listings together.
#[derive(Debug, Default)]
struct Seen {
    listings: u64,
    decoded: u64,
    cut: u64,
    running: u64,
    complete: u64,
    moved: u64,
    unknown: u64,
    /// Number of stacks of short-lived tasks.
    of_churn: u64,
    /// Those with two levels or more, which could contradict each other.
    deep: u64,
    incomplete_lists: u64,
}

#[test]
fn no_stack_is_mixed_from_two_tasks() {
    let _alone = crate::alone();
    let is_long = std::env::var_os("RGOPS_LONG").is_some();
    let seconds = if is_long { 60 } else { 6 };
    let directory = Directory::new();
    // Built before the program runs, because building may take longer.
    built::release("rgops");
    let mut command = Command::new(built::release("churning"));
    // It runs until it is killed; its last line reports how fast it was.
    command.arg((seconds + 4).to_string()).env("RGOPS_DIR", directory.sockets());
    let mut churning = Running::run(&mut command);
    assert_eq!(churning.line(), "ready");
    let begin = Instant::now();
    let (pid, name) = (churning.pid().to_string(), directory.socket_names().remove(0));
    let path = directory.sockets().join(name).to_str().unwrap().to_owned();

    let (mut seen, mut kinds, mut words) = (Seen::default(), HashMap::new(), 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        words += cells(&Listing::of(&path, 0), &mut kinds);
        let answer = rgops(&["tasks", &pid, "--json"]);
        assert!([0, 6].contains(&answer.code), "{answer:?}");
        stacks(&answer.json(), &mut seen);
    }
    let rate = rate(&churning.line());
    println!("{rate} tasks ended a second; {words} words of cells; {seen:#?}");
    assert!(seen.listings >= 2 && seen.of_churn > 0 && seen.deep > 0 && words > 0, "nothing was seen");
    if is_long {
        assert!(rate >= RATE, "this machine is too slow, or too busy: {rate} a second");
    }
}

/// `N in M ms`.
fn rate(line: &str) -> u64 {
    let (ended, milliseconds) = line.trim_end_matches(" ms").split_once(" in ").unwrap();
    ended.parse::<u64>().unwrap() * 1000 / milliseconds.parse::<u64>().unwrap()
}

/// Checks the agent's part: each cell was read twice, so all its words are from one task, and of the kind that its
/// poll function is for. Returns the number of cells.
fn cells(listing: &Listing, kinds: &mut HashMap<u64, u64>) -> u64 {
    let mut found = 0;
    for task in listing.tasks.values() {
        let CellBytes::Read(bytes) = &task.bytes else { continue };
        let words = bytes.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word));
        let numbers: Vec<u64> = words.filter(|word| word >> 48 == TAG).collect();
        let vtable = &listing.vtables[task.vtable as usize];
        // A task that spawns has two numbers: its own and that of the task it waits for.
        if numbers.len() < 4 {
            continue;
        }
        found += numbers.len() as u64;
        assert_eq!(BTreeSet::from_iter(&numbers).len(), 1, "two tasks in one cell: {numbers:x?}");
        let kind = numbers[0] % KINDS;
        assert_eq!(*kinds.entry(vtable.poll_avma).or_insert(kind), kind, "a cell of another kind");
    }
    found
}

fn stacks(json: &Value, seen: &mut Seen) {
    let stacks = json["stacks"].as_array().unwrap();
    let (mut constant, mut states) = (0, BTreeMap::<&str, u64>::new());
    for task in json["tasks"].as_array().unwrap() {
        *states.entry(task["state"].as_str().unwrap()).or_default() += 1;
        let Some(stack) = task["stack"].as_u64() else { continue };
        let mut types = Vec::new();
        levels(&stacks[stack as usize], &mut types);
        let future = task["future"].as_str().unwrap();
        let kinds: BTreeSet<u64> = types.iter().filter_map(|level| kind(level)).collect();
        assert!(kinds.len() <= 1, "task {} is of two kinds: {types:#?}", task["id"]);
        let names: Vec<&str> = types.iter().filter_map(|level| own_name(level)).collect();
        match future {
            "churning::constant" => {
                constant += 1;
                assert_eq!(names, ["constant", "constant_inner"], "{types:#?}");
            }
            "churning::outer" => {
                seen.of_churn += 1;
                seen.deep += u64::from(names.len() > 1);
                // A stack may end early, but no level may be skipped.
                assert!(["outer", "middle", "inner", "leaf"].starts_with(&names), "{types:#?}");
                // Its own type is the type of its first level.
                assert_eq!(kind(task["future_type"].as_str().unwrap()), kind(types[0]), "{types:#?}");
            }
            "churning::spawner" => assert_eq!(names, ["spawner"], "{types:#?}"),
            other => panic!("{other}"),
        }
    }
    let counts = |name: &str| json["counts"][name].as_u64().unwrap();
    let incomplete = json["runtimes"][0]["list"]["incomplete_shards"].as_u64().unwrap();
    if incomplete == 0 {
        assert_eq!(constant, CONSTANT, "those that stay are all there: {}", json["counts"]);
    }
    let parts = ["decoded", "cut", "running", "complete", "moved", "unknown"];
    assert_eq!(parts.iter().map(|part| counts(part)).sum::<u64>(), counts("listed"), "{}", json["counts"]);
    assert_eq!(states.values().sum::<u64>(), counts("listed"), "{states:?}");
    seen.listings += 1;
    seen.incomplete_lists += incomplete;
    seen.decoded += counts("decoded");
    seen.cut += counts("cut");
    seen.running += counts("running");
    seen.complete += counts("complete");
    seen.moved += counts("moved");
    seen.unknown += counts("unknown");
}

/// The types along a stack without branches.
fn levels<'j>(node: &'j Value, types: &mut Vec<&'j str>) {
    types.push(node["type"].as_str().unwrap());
    for child in node["children"].as_array().unwrap() {
        levels(child, types);
    }
}

/// Extracts `7` from `churning::outer::{async_fn_env#0}<7>`.
fn kind(level: &str) -> Option<u64> {
    let (_, parameter) = level.strip_prefix("churning::")?.split_once("{async_fn_env#0}<")?;
    parameter.trim_end_matches('>').parse().ok()
}

/// Extracts `outer` from `churning::outer::{async_fn_env#0}<7>`.
fn own_name(level: &str) -> Option<&str> {
    level.strip_prefix("churning::")?.split("::").next()
}

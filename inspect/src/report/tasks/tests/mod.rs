//! Screens from synthetic tasks.
#![expect(clippy::unwrap_used, reason = "tests")]

mod hostile;
mod unlisted;

use std::sync::Arc;

use rgops_protocol::reply::stack::{Capture, SystemCall, ThreadStack};
use rgops_protocol::reply::tasks::{RuntimeKind, TaskList, TaskThread};
use rgops_protocol::reply::{End, Known, Module, Stack, StackEnd, Unavailable};

use super::*;
use crate::budget::{Budget, Exhausted};
use crate::made::hello;
use crate::tasks::model::{
    AsyncStack, Counts, DebugInformation, DebugLevel, Location, Node, NodeKind, Resource, ResourceKind,
    Runtime, State, Task, Tasks, TypeName,
};

fn name(short: &str) -> TypeName {
    TypeName { short: short.into(), raw: format!("{short}::{{async_fn_env#0}}<u64>").into() }
}

fn at(file: &str, line: u32) -> Option<Location> {
    Some(Location::Await { file: file.into(), line })
}

fn node(short: &str, location: Option<Location>, children: Vec<Node>) -> Node {
    Node {
        name: name(short),
        kind: NodeKind::AsyncFn,
        location,
        waits_on: None,
        children: children.into_iter().map(Arc::new).collect(),
        children_left_out: 0,
    }
}

fn leaf(short: &str, kind: ResourceKind, avma: u64) -> Node {
    let waits_on = Some(Resource { kind, avma, detail: None });
    Node { waits_on, kind: NodeKind::Future, ..node(short, None, Vec::new()) }
}

/// Like Tokio's lock: three futures of Tokio.
fn lock(avma: u64) -> Node {
    let file = "/home/me/.cargo/registry/src/index.crates.io-1/tokio-1.54.1/src/sync/mutex.rs";
    let acquire = leaf("Acquire", ResourceKind::Mutex, avma);
    let inner = node("tokio::sync::Mutex::acquire", at(file, 658), vec![acquire]);
    node("tokio::sync::Mutex::lock", at(file, 455), vec![inner])
}

fn task(id: u64, state: State, stack: AsyncStack) -> Task {
    let future = match &stack {
        AsyncStack::Decoded(root) => Some(root.name.clone()),
        _ => None,
    };
    Task {
        runtime: 0,
        id,
        header_avma: 0x7000 + id * 0x80,
        state,
        is_cancelled: false,
        references: 2,
        tid: None,
        future,
        poll_avma: 0,
        stack,
        holds: Vec::new(),
        set_aside: Vec::new(),
        due_ns: None,
        goes_on: false,
    }
}

fn idle(id: u64, root: Node) -> Task {
    task(id, State::Idle, AsyncStack::Decoded(Arc::new(root)))
}

fn holding(mut task: Task, avma: u64) -> Task {
    task.holds = vec![Resource { kind: ResourceKind::Mutex, avma, detail: None }];
    task
}

fn thread(tid: u32, current_task: u64) -> TaskThread {
    let stack = ThreadStack {
        tid,
        name: "tokio-rt-worker".to_owned(),
        state: 'R',
        cpu_ns: Known::Value(1),
        wchan: String::new(),
        system_call: Known::Value(SystemCall::Running),
        is_agent: false,
        current_task: Some(current_task),
        capture: Capture::Signal { because: String::new() },
        stack: Stack { frames: vec![0x2000, 0x3001], end: StackEnd::Root },
    };
    TaskThread { stack, current_task_avma: None }
}

fn tasks(tasks: Vec<Task>, threads: Vec<TaskThread>) -> Tasks {
    let by = |wanted: fn(&AsyncStack) -> bool| tasks.iter().filter(|task| wanted(&task.stack)).count() as u64;
    let counts = Counts {
        listed: tasks.len() as u64,
        decoded: by(|stack| matches!(stack, AsyncStack::Decoded(_))),
        running: by(|stack| matches!(stack, AsyncStack::Running)),
        moved: by(|stack| matches!(stack, AsyncStack::Moved)),
        unknown: by(|stack| matches!(stack, AsyncStack::Unknown(_))),
        ..Counts::default()
    };
    Tasks {
        block_on: std::collections::HashMap::new(),
        runtimes: vec![Runtime {
            name: "main".to_owned(),
            kind: RuntimeKind::MultiThread,
            workers: 2,
            alive_tasks: Known::Value(counts.listed),
            list: Known::Value(TaskList { shards: 8, incomplete_shards: 0, listed: counts.listed as u32 }),
            found_on: None,
        }],
        tasks,
        threads,
        modules: vec![Module {
            path: "/srv/shop".to_owned(),
            build_id: vec![1],
            start_avma: 0x1000,
            end_avma: 0x9000,
            bias: 0x1000,
            has_unwind_data: true,
        }],
        counts,
        running_is_approximate: false,
        debug_information: vec![DebugInformation {
            module: "/srv/shop".to_owned(),
            file: Some("/srv/shop".to_owned()),
            level: DebugLevel::AwaitPoints,
            note: String::new(),
            fix: String::new(),
        }],
        no_memory: None,
        unix_ns: 1_795_386_440_000_000_000,
        monotonic_ns: None,
        list_ns: 2_500_000,
        decode_ns: 31_000_000,
    }
}

fn report(tasks: Tasks) -> TasksReport {
    TasksReport::new(&hello(), None, &[], tasks)
}

fn view() -> View {
    View::default()
}

fn deadlocked() -> Vec<Task> {
    let join = leaf("tokio::task::JoinHandle", ResourceKind::Task, 0x7000 + 3 * 0x80);
    vec![
        holding(idle(1, node("shop::pay", at("src/pay.rs", 10), vec![lock(0xb0)])), 0xa0),
        holding(idle(2, node("shop::ship", at("src/ship.rs", 20), vec![join])), 0xb0),
        idle(3, node("shop::pack", at("src/pack.rs", 30), vec![lock(0xa0)])),
        idle(4, node("shop::pack", at("src/pack.rs", 30), vec![lock(0xa0)])),
    ]
}

#[test]
fn a_deadlock_is_the_first_thing_on_the_screen() {
    assert_eq!(
        report(tasks(deadlocked(), Vec::new())).render(&view()),
        "\
shop (pid 4711): 4 tasks (4 idle) in 1 runtime at 2026-11-22 22:27:20 UTC
4 with an async stack · listed in 2.5ms · decoded in 31ms
debug info of shop: await points

deadlock: 3 tasks wait for each other in a cycle
  task 1 shop::pay at src/pay.rs:10
    waits for Mutex 0xb0, held by task 2
  task 2 shop::ship at src/ship.rs:20
    waits for task 3
  task 3 shop::pack at src/pack.rs:30
    waits for Mutex 0xa0, held by task 1
  task 4 waits behind them

runtime main (multi_thread, 2 workers): 4 tasks

2 tasks [idle]: 3 4
  shop::pack at src/pack.rs:30
    tokio::sync::Mutex::lock: waits for Mutex 0xa0, held by task 1

task 1 [idle]
  shop::pay at src/pay.rs:10
    tokio::sync::Mutex::lock: waits for Mutex 0xb0, held by task 2

task 2 [idle]
  shop::ship at src/ship.rs:20
    tokio::task::JoinHandle: waits for task 3

who waits for whom
  Mutex 0xa0: tasks 3 4 wait; held by task 1 shop::pay; chain: task 1 → Mutex 0xb0 → task 2 → task 3 → Mutex 0xa0 → task 1
  Mutex 0xb0: task 1 waits; held by task 2 shop::ship; chain: task 2 → task 3 → Mutex 0xa0 → task 1 → Mutex 0xb0 → task 2

next: rgops tasks 4711 --task 1   one deadlocked task: what it holds and waits for
"
    );
}

/// A busy service: sleeping sessions, a running task, one in `select!`, and one that changed while being read.
fn busy() -> Vec<Task> {
    let mut all: Vec<Task> = (10..20)
        .map(|id| {
            let sleep = leaf("tokio::time::sleep::Sleep", ResourceKind::Timer, id);
            idle(id, node("shop::session::keep", at("src/session.rs", 7), vec![sleep]))
        })
        .collect();
    all.push(task(20, State::Running, AsyncStack::Running));
    let notified = leaf("tokio::sync::Notify::notified", ResourceKind::Notify, 0xe0);
    let sleep = leaf("tokio::time::sleep::Sleep", ResourceKind::Timer, 5);
    let mut select = node("select!", at("src/main.rs", 40), vec![notified, sleep]);
    select.kind = NodeKind::Select;
    let mut boxed = node("dyn Future", None, vec![select]);
    boxed.kind = NodeKind::Dyn;
    all.push(idle(21, node("evil\x1b[2J", at("src/main.rs", 39), vec![boxed])));
    all.push(task(22, State::Scheduled, AsyncStack::Moved));
    all.push(task(23, State::Idle, AsyncStack::Unknown("no debug information".into())));
    all
}

#[test]
fn running_tasks_come_first_then_the_largest_groups() {
    let mut tasks = tasks(busy(), vec![thread(4712, 20), thread(4713, 0)]);
    tasks.runtimes[0].list = Known::Value(TaskList { shards: 8, incomplete_shards: 1, listed: 14 });
    tasks.debug_information[0].level = DebugLevel::FutureNames;
    tasks.debug_information[0].note = "names are cut".to_owned();
    tasks.debug_information[0].fix = "in Cargo.toml:\n[profile.release]\ndebug = 2".to_owned();
    let report = report(tasks);
    assert!(report.is_partial());
    assert_eq!(
        report.render(&view()),
        "\
shop (pid 4711): 14 tasks (1 running, 1 scheduled, 12 idle) in 1 runtime at 2026-11-22 22:27:20 UTC
11 with an async stack · 1 with their thread's stack · 1 without a stack (changed while being read) · 1 without a stack (future not described) · listed in 2.5ms · decoded in 31ms
incomplete: 1 of 8 lists of runtime main changed too fast to be read completely; tasks are missing
  fix: run the command again
debug info of shop: future names only, no await points
  note: names are cut
  fix: in Cargo.toml:
       [profile.release]
       debug = 2

runtime main (multi_thread, 2 workers): 14 tasks

task 20 [running] on thread 4712 tokio-rt-worker (running)
  shop+0x1000
  shop+0x2001

10 tasks [idle]: 10 11 12 13 14 15 16 17 …
  shop::session::keep at src/session.rs:7
    tokio::time::sleep::Sleep: waits for timer

task 21 [idle]
  evil\\x1b[2J at src/main.rs:39
    select! at src/main.rs:40
    ├ tokio::sync::Notify::notified: waits for Notify 0xe0
    └ tokio::time::sleep::Sleep: waits for timer

task 22 [scheduled]
  changed while it was read: run the command again

task 23 [idle]
  no async stack: no debug information

shop: its file is not on this host
  fix: pass --symbols DIR with the file of the running build

next: rgops stack 4711   all threads and the task each one polls
"
    );
}

#[test]
fn connections_that_may_wait_for_their_bodies_are_not_shown_with_others() {
    let connection = |id, detail: &str| {
        let mut connection = leaf("Connection", ResourceKind::Io, 0);
        connection.waits_on.as_mut().unwrap().detail = Some(detail.into());
        idle(id, connection)
    };
    let body = |descriptor| format!("fd {descriptor}, or what its body waits for (not decoded)");
    let all =
        vec![connection(1, "fd 4"), connection(2, &body(5)), connection(3, "fd 6"), connection(4, &body(7))];
    let screen = report(tasks(all, Vec::new())).render(&view());
    assert!(screen.contains("2 tasks [idle]: 1 3\n  Connection: waits for fd 4, fd 6\n"), "{screen}");
    let bodies =
        "2 tasks [idle]: 2 4\n  Connection: waits for fd 5, fd 7, or what its body waits for (not decoded)\n";
    assert!(screen.contains(bodies), "{screen}");
}

#[test]
fn one_task_is_shown_with_all_details() {
    let view = View { filter: Filter { task: Some(1), ..Filter::default() }, ..view() };
    let screen = report(tasks(deadlocked(), Vec::new())).render(&view);
    let (_, screen) = screen.split_once("\n\n").unwrap();
    assert_eq!(
        screen,
        "\
task 1 [idle]
runtime: main
future: shop::pay
type: shop::pay::{async_fn_env#0}<u64>
references: 2, header at 0x7080

stack:
  shop::pay::{async_fn_env#0}<u64> at src/pay.rs:10
    tokio::sync::Mutex::lock::{async_fn_env#0}<u64> at /home/me/.cargo/registry/src/index.crates.io-1/tokio-1.54.1/src/sync/mutex.rs:455
      tokio::sync::Mutex::acquire::{async_fn_env#0}<u64> at /home/me/.cargo/registry/src/index.crates.io-1/tokio-1.54.1/src/sync/mutex.rs:658
        Acquire::{async_fn_env#0}<u64>: waits for Mutex 0xb0, held by task 2

holds:
  Mutex 0xa0: tasks 3 4 wait for it

chain: task 1 → Mutex 0xb0 → task 2 → task 3 → Mutex 0xa0 → task 1

next: rgops tasks 4711 --waiting-on 1   the tasks that wait for this one to end
"
    );
}

#[test]
fn filters_select_matching_tasks() {
    let report = report(tasks([busy(), deadlocked()].concat(), vec![thread(4712, 20)]));
    let ids = |filter: Filter| {
        let selected = report.select(&filter);
        selected.iter().map(|index| report.task(*index).id).collect::<Vec<u64>>()
    };
    assert_eq!(ids(Filter { states: vec![State::Running, State::Scheduled], ..Filter::default() }), [20, 22]);
    assert_eq!(ids(Filter { matching: Some("main.rs:40".into()), ..Filter::default() }), [21]);
    assert_eq!(ids(Filter { matching: Some("shop::pack".into()), ..Filter::default() }), [3, 4]);
    assert_eq!(ids(Filter { waiting_on: Some(WaitingOn::Address(0xa0)), ..Filter::default() }), [3, 4]);
    assert_eq!(ids(Filter { waiting_on: Some(WaitingOn::Task(3)), ..Filter::default() }), [2]);
    assert_eq!(ids(Filter { runtime: Some("main".into()), ..Filter::default() }).len(), 18);
    assert!(ids(Filter { runtime: Some("other".into()), ..Filter::default() }).is_empty());
}

#[test]
fn a_filter_without_a_match_shows_what_exists() {
    let filter = Filter { matching: Some("checkout".into()), states: vec![State::Idle], ..Filter::default() };
    let screen = report(tasks(deadlocked(), Vec::new())).render(&View { filter, ..view() });
    let (_, screen) = screen.split_once("\n\n").unwrap();
    assert_eq!(
        screen,
        "no task matches --state idle --match checkout\n  \
           most frequent: 2 shop::pack, 1 shop::pay, 1 shop::ship\n  \
           ids: 1 to 4\n  \
           runtimes: main\n"
    );
}

#[test]
fn a_runtime_without_a_list_has_a_reason_and_is_not_shown_as_empty() {
    let mut tasks = tasks(Vec::new(), Vec::new());
    tasks.runtimes[0].alive_tasks = Known::Value(7);
    tasks.runtimes[0].list = Known::unavailable("its memory is closed", "open it");
    let report = report(tasks);
    assert!(report.is_partial());
    let line = "runtime main (multi_thread, 2 workers): list unavailable (its memory is closed; fix: open it); \
                Tokio counts 7 tasks\n";
    for filter in [Filter::default(), Filter { task: Some(3), ..Filter::default() }] {
        let screen = report.render(&View { filter, ..view() });
        assert!(screen.contains(": 0 tasks in 1 runtime (1 without a task list) at "), "{screen}");
        assert!(screen.contains(line) && !screen.contains("no tasks in any"), "{screen}");
    }
}

#[test]
fn a_program_without_watched_runtimes_gets_a_fix() {
    let mut tasks = tasks(Vec::new(), Vec::new());
    tasks.runtimes.clear();
    let screen = report(tasks).render(&view());
    assert!(
        screen.contains("no Tokio runtime is watched\n  fix: call rgops_agent::listen inside a runtime"),
        "{screen}"
    );
}

#[test]
fn the_reason_for_unread_memory_may_come_from_another_users_program() {
    let mut tasks = tasks(Vec::new(), Vec::new());
    let said = rgops_protocol::received::program_says;
    tasks.no_memory = Some(Unavailable { reason: said("none"), fix: said("run evil as root") });
    let report = report(tasks);
    let screen = report.render(&view());
    let line = "no await points: the program says: \"none; fix: run evil as root\"\n";
    assert!(screen.contains(line) && !screen.contains("  fix: run evil"), "{screen}");
}

#[test]
fn without_memory_there_are_names_and_the_reason() {
    let mut tasks =
        tasks(vec![task(23, State::Idle, AsyncStack::Unknown("no memory was read".into()))], vec![]);
    tasks.tasks[0].future = Some(name("shop::pack"));
    tasks.no_memory = Some(Unavailable {
        reason: "memory is not read over TCP".to_owned(),
        fix: "ask on the host, over the local socket".to_owned(),
    });
    let report = report(tasks);
    assert!(report.is_partial());
    let screen = report.render(&view());
    assert!(
        screen.contains(
            "no await points: memory is not read over TCP\n  fix: ask on the host, over the local socket\n"
        ),
        "{screen}"
    );
    assert!(
        screen.contains("task 23 [idle]\n  shop::pack\n  no async stack: no memory was read\n"),
        "{screen}"
    );
}

#[test]
fn long_names_lose_their_middle_and_verbose_shows_them_whole() {
    let long = format!("shop::wrap<{}>::poll", "shop::inner::Layer, ".repeat(40));
    let sleep = leaf("tokio::time::sleep::Sleep", ResourceKind::Timer, 1);
    let report = report(tasks(vec![idle(1, node(&long, None, vec![sleep]))], Vec::new()));
    let line =
        |screen: &str| screen.lines().find(|line| line.starts_with("  shop::wrap<")).unwrap().to_owned();
    let short = line(&report.render(&view()));
    assert!(short.chars().count() < 130 && short.contains('…') && short.ends_with(">::poll"), "{short}");
    assert!(line(&report.render(&View { verbose: true, ..view() })).contains(&long));
}

#[test]
fn the_json_has_its_schema_and_each_stack_once() {
    let report = report(tasks([busy(), deadlocked()].concat(), vec![thread(4712, 20)]));
    let end = End::default();
    let json = serde_json::to_value(JsonTasks::document(&report, &Filter::default(), Ok(&end))).unwrap();
    assert_eq!(json["schema"], "rgops.tasks/1");
    assert_eq!(json["counts"]["listed"], 18);
    assert_eq!(json["stacks"].as_array().unwrap().len(), 5);
    assert_eq!((&json["tasks"][0]["stack"], &json["tasks"][9]["stack"]), (&0.into(), &0.into()));
    assert_eq!(json["stacks"][0]["line"], 7);
    assert_eq!(json["tasks"][0]["waits_on"][0]["kind"], "timer");
    assert_eq!(json["tasks"][0]["waits_on"][0]["node"], 1);
    assert_eq!(json["tasks"][10]["tid"], 4712);
    assert_eq!(json["threads"][0]["task"], 20);
    let ring: Vec<u64> = json["deadlocks"][0]["ring"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["task"].as_u64().unwrap())
        .collect();
    assert_eq!(ring, [1, 2, 3]);
    assert_eq!(json["deadlocks"][0]["behind"], serde_json::json!([4]));
    assert_eq!(json["deadlocks"][0]["ring"][1]["waits_on"]["task"], 3);
    assert!(json.get("broken_off").is_none());
}

#[test]
fn the_graph_is_drawn() {
    let dot = report(tasks([busy(), deadlocked()].concat(), Vec::new())).dot(&view()).into_text();
    for line in [
        "digraph tasks {",
        "label=\"shop (pid 4711)\"",
        "[shape=ellipse, label=\"Mutex 0xa0\", color=red]",
        "[shape=box, label=\"task 1\\nshop::pay\\nat src/pay.rs:10\", color=red, penwidth=2]",
        "[label=\"held by\", style=dashed, color=red]",
        "[label=\"joins\", color=red, penwidth=2]",
    ] {
        assert!(dot.contains(line), "{line}\n{dot}");
    }
    assert!(!dot.contains("session"), "unconnected tasks are not drawn");
}

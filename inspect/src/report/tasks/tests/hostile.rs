//! Screens from hostile answers: memory and time stay within the limits.

use std::time::{Duration, Instant};

use super::*;

fn within(budget: &Budget, tasks: Tasks) -> TasksReport {
    TasksReport::within(budget, &hello(), None, &[], tasks)
}

/// Far longer than needed, and far shorter than a quadratic algorithm takes.
fn in_time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let made = work();
    assert!(began.elapsed() < Duration::from_secs(30), "{what}: {:?}", began.elapsed());
    made
}

fn deep(tid: u32, task: u64) -> TaskThread {
    let mut thread = thread(tid, task);
    thread.stack.stack.frames = (0x2000..0x3000).step_by(2).collect();
    thread
}

#[test]
fn a_threads_stack_is_shown_with_one_task_only() {
    const COUNT: u64 = 20_000;
    let mut all: Vec<Task> = (1..=COUNT).map(|id| task(id, State::Running, AsyncStack::Running)).collect();
    all.iter_mut().for_each(|task| task.tid = Some(4712));
    let report = in_time("naming", || report(tasks(all, vec![deep(4712, 7)])));
    for all in [false, true] {
        let screen = in_time("writing", || report.render(&View { all, ..view() }));
        assert_eq!(screen.matches("shop+0x1000\n").count(), 1);
        assert!(screen.contains("task 1 [running] on thread 4712 tokio-rt-worker (running)\n"), "{all}");
        assert!(screen.contains("  thread 4712 is shown with task 1\n"));
        assert!(screen.len() < 4_000_000, "{}", screen.len());
    }
    let screen = report.render(&view());
    assert!(screen.contains("19999 tasks [running]: 2 3 4 5 6 7 8 9 … on thread 4712 tokio-rt-worker"));
    let view = View { filter: Filter { matching: Some("shop".into()), ..Filter::default() }, ..view() };
    in_time("a filter", || report.render(&view));
    let json = JsonTasks::document(&report, &Filter::default(), Ok(&End::default()));
    let json = in_time("JSON", || serde_json::to_value(json).unwrap());
    assert_eq!((json["threads"].as_array().unwrap().len(), &json["tasks"][9]["tid"]), (1, &4712.into()));
}

#[test]
fn threads_with_equal_ids_and_threads_that_poll_one_task_are_shown_once() {
    let all = vec![task(1, State::Running, AsyncStack::Running)];
    let threads = (0..50).map(|number| deep(4712 + number / 25, 1)).collect();
    let report = report(tasks(all, threads));
    let screen = report.render(&view());
    assert_eq!(screen.matches("shop+0x1000\n").count(), 1);
    assert!(screen.contains("  49 more threads are also reported to poll it\n"), "{screen}");
}

#[test]
fn text_and_json_end_at_the_budget_with_a_note() {
    let long = format!("shop::{}", "x".repeat(4000));
    let nested = (0..60).fold(leaf(&long, ResourceKind::Notify, 0xe0), |inner, line| {
        node(&long, at(&long, line), vec![inner])
    });
    let nested = Arc::new(nested);
    let all: Vec<Task> =
        (0..2_000).map(|id| task(id, State::Idle, AsyncStack::Decoded(Arc::clone(&nested)))).collect();
    let budget = Budget::new(20 << 20);
    let report = within(&budget, tasks(all, Vec::new()));
    let before = budget.charged();
    let screen = report.screen(&View { all: true, verbose: true, ..view() });
    assert_eq!(screen.cut(), Some(Exhausted::Memory(20 << 20)));
    assert!(screen.as_str().len() < 12 << 20, "{}", screen.as_str().len());
    let last = "\n… the rest is left out: the memory limit of 20 MiB was reached; \
                allow more with --max-memory or --timeout\n";
    assert!(screen.as_str().ends_with(last));
    budget.release(budget.charged() - before);

    let small = Budget::new(4 << 20);
    let all: Vec<Task> = (0..2_000).map(|id| idle(id, leaf(&long, ResourceKind::Notify, 0xe0))).collect();
    let report = within(&small, tasks(all, Vec::new()));
    let json = JsonTasks::document(&report, &Filter::default(), Ok(&End::default()));
    assert_eq!(json.cut(), Some(Exhausted::Memory(4 << 20)));
    let json = serde_json::to_string(&json).unwrap();
    assert!(json.len() < 5 << 20, "{}", json.len());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let shown = json["tasks"].as_array().unwrap();
    assert!((100..2_000).contains(&shown.len()), "{}", shown.len());
    assert!(shown.iter().all(|task| task["stack"] == 0));
    let why = json["broken_off"].as_str().unwrap();
    assert!(why.starts_with("the rest is left out: the memory limit of 4 MiB was reached"), "{why}");
    let json = serde_json::to_value(JsonTasks::document(
        &report,
        &Filter::default(),
        Err("it went away".to_owned()),
    ))
    .unwrap();
    assert_eq!(json["broken_off"], "it went away");
}

#[test]
fn a_graph_that_is_cut_is_still_valid() {
    let all = (0..2_000).map(|id| holding(idle(id, lock(0xa0 + id % 300)), 0xa0 + (id + 1) % 300)).collect();
    let budget = Budget::new(20_000);
    let dot = within(&budget, tasks(all, Vec::new())).dot(&view()).into_text();
    assert!(dot.starts_with("digraph tasks {\n"), "{dot}");
    assert!(dot.ends_with("  rest [shape=plaintext, label=\"the rest is left out: the memory limit of 0 MiB was reached; allow more with --max-memory or --timeout\"];\n}\n"), "{dot}");
}

#[test]
fn a_hundred_thousand_different_places_of_one_kind_are_grouped_in_time() {
    // Equal lengths and lines: the names are the only difference.
    let all = (0..100_000).map(|id| idle(id, leaf(&format!("shop::future_{id:06}"), ResourceKind::Timer, 1)));
    let report = within(&Budget::new(1 << 30), tasks(all.collect(), Vec::new()));
    let screen = in_time("groups", || report.render(&view()));
    assert!(screen.contains("shop::future_012345: waits for timer\n"));
    let json = in_time("JSON", || {
        serde_json::to_value(JsonTasks::document(&report, &Filter::default(), Ok(&End::default()))).unwrap()
    });
    assert_eq!(json["stacks"].as_array().unwrap().len(), 100_000);
}

#[test]
fn many_runtimes_many_holders_and_equal_ids_do_not_take_longer() {
    const COUNT: u64 = 50_000;
    let lone = |id: u64| holding(idle(id, lock(0x10_0000 + id)), 0x20_0000 + id);
    let mut tasks = tasks((0..COUNT).map(lone).collect(), Vec::new());
    let runtime = tasks.runtimes[0].clone();
    tasks.runtimes = vec![runtime; COUNT as usize];
    for (number, task) in tasks.tasks.iter_mut().enumerate() {
        task.runtime = number;
    }
    let report = within(&Budget::new(1 << 30), tasks.clone());
    for all in [false, true] {
        let screen = in_time("many runtimes", || report.render(&View { all, ..view() }));
        assert_eq!(
            screen.matches("\nruntime main (multi_thread, 2 workers): 1 task\n").count(),
            COUNT as usize
        );
    }
    tasks.runtimes.truncate(1);
    for task in &mut tasks.tasks {
        (task.id, task.runtime) = (7, 0);
    }
    let report = within(&Budget::new(1 << 30), tasks);
    let view = View { filter: Filter { task: Some(7), ..Filter::default() }, ..view() };
    let screen = in_time("one id", || report.render(&view));
    assert_eq!(screen.matches("\ntask 7 [idle]\n").count(), COUNT as usize);
}

//! Tasks that no list has.

use rgops_protocol::reply::tasks::RuntimeKind;

use super::*;
use crate::report::stack::Role;
use crate::symbols::Frame;

/// A program with a watched current-thread runtime and these other threads, each with its functions.
fn with_threads(threads: &[(u32, &[&str])]) -> TasksReport {
    let mut tasks = tasks(Vec::new(), threads.iter().map(|(tid, _)| thread(*tid, 0)).collect());
    tasks.runtimes[0].kind = RuntimeKind::CurrentThread;
    let mut report = report(tasks);
    for (tid, functions) in threads {
        let of = report.threads.iter_mut().find(|thread| thread.tid == *tid).unwrap();
        let frame = |name: &&str| Frame { function: Some((*name).into()), ..Frame::unknown(0) };
        of.frames = functions.iter().map(frame).collect();
        if functions.contains(&SCHEDULER) {
            of.role = Role::TokioCurrentThread;
        }
    }
    report
}

fn found_on(report: &mut TasksReport, tid: u32) {
    let mut found = report.tasks.runtimes[0].clone();
    (found.kind, found.found_on) = (RuntimeKind::LocalSet, Some(tid));
    report.tasks.runtimes.push(found);
    report.by_runtime.push(Vec::new());
}

const SCHEDULER: &str = "tokio::runtime::scheduler::current_thread::CoreGuard::block_on";
const BLOCK_ON: &str = "tokio::runtime::runtime::Runtime::block_on";
const ACTIX: &str = "actix_rt::arbiter::Arbiter::with_tokio_rt::{{closure}}";
const ACCEPT: &str = "actix_server::accept::Accept::start::{{closure}}";

fn incomplete(report: &TasksReport) -> Vec<String> {
    let screen = report.render(&view());
    let lines: Vec<String> =
        screen.lines().filter(|line| line.starts_with("incomplete: ")).map(str::to_owned).collect();
    assert_eq!(report.is_partial(), !lines.is_empty(), "{screen}");
    lines
}

#[test]
fn the_set_of_an_actix_thread_is_missing_unless_it_was_found() {
    let mut report = with_threads(&[(4713, &[SCHEDULER, BLOCK_ON, ACTIX])]);
    let lines = incomplete(&report);
    assert!(lines.len() == 1 && lines[0].contains("thread 4713 "), "{lines:?}");
    assert!(lines[0].ends_with("drives a LocalSet that is not watched; its tasks are missing"), "{lines:?}");
    found_on(&mut report, 4713);
    assert_eq!(incomplete(&report), Vec::<String>::new());
}

#[test]
fn the_thread_of_actix_that_accepts_connections_has_no_set() {
    assert_eq!(incomplete(&with_threads(&[(4713, &[ACCEPT])])), Vec::<String>::new());
    assert_eq!(incomplete(&with_threads(&[(4713, &[SCHEDULER, BLOCK_ON, ACCEPT])])).len(), 1);
}

#[test]
fn runtimes_of_found_sets_that_are_not_watched_are_said() {
    let mut report = with_threads(&[
        (4711, &[SCHEDULER, BLOCK_ON]),
        (4713, &[SCHEDULER, BLOCK_ON, ACTIX]),
        (4714, &[SCHEDULER, BLOCK_ON, ACTIX]),
    ]);
    found_on(&mut report, 4713);
    found_on(&mut report, 4714);
    let lines = incomplete(&report);
    assert!(lines.len() == 1 && lines[0].contains(" 4713 ") && lines[0].contains(" 4714 "), "{lines:?}");
    assert!(
        !lines[0].contains("4711") && lines[0].contains("on runtimes that are not all watched"),
        "{lines:?}"
    );
}

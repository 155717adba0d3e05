//! `rgops schedtrace --detail`: a worker that polls nothing is parked, although Tokio itself runs it in a task; a
//! worker that polls is shown with its task.

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::waiting::until;
use serde_json::Value;

const WORKERS: usize = 3;

fn lines(pid: &str) -> (Vec<Value>, Value) {
    let arguments = ["schedtrace", pid, "--detail", "--count", "1", "--interval", "20ms", "--json"];
    let answer = rgops(&arguments);
    assert_eq!(answer.code, 0, "{answer:?}");
    let line: Value = serde_json::from_str(answer.output.lines().next().unwrap()).unwrap();
    (line["workers"].as_array().unwrap().clone(), line["tasks"].clone())
}

#[test]
fn parked_workers_poll_nothing() {
    // A deadlock of tasks: all workers are idle.
    let workers = WORKERS.to_string();
    let idle =
        Running::start_and_wait(&built::release("stuck"), &["--async-deadlock", "--workers", &workers]);
    let pid = idle.pid().to_string();
    let is_idle = |worker: &Value| worker["state"] == "parked" && worker["task"].is_null();
    let (workers, tasks) = until("all workers park", || {
        let (workers, tasks) = lines(&pid);
        println!("{workers:?}");
        workers.iter().all(is_idle).then_some((workers, tasks))
    });
    assert_eq!((workers.len(), tasks.as_array().unwrap().len()), (WORKERS, 0));
    assert!(workers.iter().all(|worker| worker["tid"].is_u64()), "{workers:?}");
    // rgops stack reports the same for the same threads.
    let stack = rgops(&["stack", &pid, "--json"]).json();
    let threads = stack["threads"].as_array().unwrap();
    let of_runtime: Vec<&Value> = threads.iter().filter(|thread| thread["role"] == "tokio_worker").collect();
    assert_eq!(of_runtime.len(), WORKERS);
    assert!(of_runtime.iter().all(|thread| thread["polls"].is_null()), "{of_runtime:?}");

    let screen = rgops(&["schedtrace", &pid, "--detail", "--count", "1", "--interval", "20ms"]).output;
    println!("{screen}");
    for index in 0..WORKERS {
        let line = screen.lines().find(|line| line.starts_with(&format!("W{index}: "))).unwrap();
        assert!(line.contains(" state=parked task=- "), "{line}");
    }
}

#[test]
fn stuck_workers_are_polling_their_tasks() {
    let stuck =
        Running::start_and_wait(&built::release("stuck"), &["--all-workers", "--lock", "--workers", "2"]);
    let (workers, tasks) = lines(&stuck.pid().to_string());
    let running: Vec<&Value> =
        tasks.as_array().unwrap().iter().filter(|task| task["state"] == "running").collect();
    assert_eq!(running.len(), 2, "{tasks}");
    for (index, worker) in workers.iter().enumerate() {
        assert_eq!(worker["state"], "polling", "{worker}");
        let task = running.iter().find(|task| task["id"] == worker["task"]);
        assert_eq!(task.unwrap()["worker"], index, "{worker} {tasks}");
    }
}

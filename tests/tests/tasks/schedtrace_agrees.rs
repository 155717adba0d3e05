//! What `rgops schedtrace` reads from a scheduler's memory agrees with Tokio's own metrics, if it is built with them,
//! and otherwise with what the program's author knows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rgops_tests::directory::Directory;
use rgops_tests::program::Program;
use rgops_tests::running::rgops;
use rgops_tests::waiting::{skip_a_build, until};
use rgops_tests::{built, target};
use serde_json::Value;

type Numbers = BTreeMap<String, String>;

/// The program `schedules`, in one still state after another.
struct Schedules {
    program: Program,
    path: String,
}

impl Schedules {
    fn start(program: &Path, directory: &Directory) -> Schedules {
        let mut command = Command::new(program);
        let mut program = Program::start(command.env("RGOPS_DIR", directory.sockets()));
        let path = program.line();
        Schedules { program, path }
    }

    /// Sends an order; returns the numbers of its answer, such as `blocking=3`.
    fn order(&mut self, order: &str) -> Numbers {
        let answer = self.program.order(order);
        let words = answer.split(' ').filter_map(|word| word.split_once('='));
        words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The numbers that rgops reports for a runtime, under the names of [`Schedules::order`].
    fn traced(&self, runtime: &str) -> Numbers {
        let answer = rgops(&[
            "schedtrace",
            &self.path,
            "--json",
            "--interval",
            "20ms",
            "--count",
            "1",
            "--timeout",
            "60",
        ]);
        assert_eq!(answer.code, 0, "{answer:?}");
        let lines = answer.output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let line = lines.into_iter().find(|line| line["runtime"] == runtime).unwrap();
        assert_eq!(line["source"], "memory", "{line}");
        let workers = line["workers"].as_array().unwrap();
        let queues: Vec<String> = workers.iter().map(|worker| worker["local_queue"].to_string()).collect();
        let numbers = [
            ("workers", workers.len().to_string()),
            ("idle", line["idle_workers"].to_string()),
            ("searching", line["searching"].to_string()),
            ("blocking", line["blocking_threads"].to_string()),
            ("idleblocking", line["idle_blocking_threads"].to_string()),
            ("blockingqueue", line["blocking_queue"].to_string()),
            ("runqueue", line["global_queue"].to_string()),
            ("alive", line["alive_tasks"].to_string()),
            ("queues", queues.join(",")),
        ];
        numbers.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// The numbers of `traced` that are also in `known`.
fn common(traced: &Numbers, known: &Numbers) -> Numbers {
    traced.iter().filter(|(name, _)| known.contains_key(*name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn numbers(words: &[(&str, &str)]) -> Numbers {
    words.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Goes through all states. In each, the traced numbers must become those that the author knows; `tokio` selects
/// whether Tokio's metrics are also compared.
fn check(program: &Path, tokio: bool) {
    let directory = Directory::new();
    let mut schedules = Schedules::start(program, &directory);
    for (state, more) in [
        ("idle", numbers(&[("idle", "4"), ("searching", "0"), ("blocking", "0"), ("queues", "0,0,0,0")])),
        ("pool", numbers(&[("idle", "4"), ("searching", "0"), ("runqueue", "0"), ("alive", "0")])),
        ("blocking", numbers(&[("idle", "4"), ("searching", "0"), ("runqueue", "0"), ("alive", "0")])),
        ("stuck", numbers(&[("idle", "0"), ("workers", "4")])),
    ] {
        let mut known = schedules.order(state);
        known.extend(more);
        // The last step of a state may take time: a thread of the pool falls asleep, a worker becomes idle.
        let traced = until(&format!("{state}: {known:?}"), || {
            let traced = schedules.traced("main");
            let missing = |name: &&String| !["exact", "side", "siderunqueue"].contains(&name.as_str());
            let is_so = known.keys().filter(missing).all(|name| traced.get(name) == known.get(name));
            if !is_so {
                println!("{state}: not yet {traced:?}");
            }
            is_so.then_some(traced)
        });
        let side = schedules.traced("side");
        if state == "stuck" {
            let mut lengths: Vec<&str> = traced["queues"].split(',').collect();
            lengths.sort_unstable();
            // 0, 1, 3 and 7 were spawned; the last of each is in the LIFO slot. A worker that took two of the stuck
            // tasks has the other one in its queue.
            if known["exact"] == "true" {
                assert_eq!(lengths, ["0", "0", "2", "6"]);
            }
            assert_eq!((&side["queues"], &side["runqueue"]), (&known["side"], &known["siderunqueue"]));
        }
        if tokio {
            for (runtime, traced, order) in [("main", traced, "metrics"), ("side", side, "side-metrics")] {
                let own = schedules.order(order);
                assert_eq!(own.len(), 7, "{own:?}");
                assert_eq!(common(&traced, &own), own, "{state}, {runtime}");
            }
        }
    }
}

#[test]
fn it_agrees_with_tokios_unstable_metrics() {
    if skip_a_build() {
        return;
    }
    check(&built::unstable(), true);
}

#[test]
fn it_reports_the_same_for_a_stable_tokio() {
    check(&target::executable().with_file_name("schedules"), false);
}

//! Promise 23 for the agent's own threads: the C library places a program's static thread-locals in every thread's
//! stack. An agent also works in a program with 512 KiB of them, and each of its threads has enough stack.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;

use rgops_agent::Options;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::tasks::TasksPart;
use rgops_protocol::request::{MemstatsRequest, Request, StatsRequest, TasksRequest};
use rgops_tests::itself::{self, Itself};

const CELLS: usize = 512 * 1024;

thread_local! {
    static LARGE: [Cell<u8>; CELLS] = const { [const { Cell::new(1) }; CELLS] };
}

#[test]
#[ignore = "started by another test"]
fn has_large_thread_locals() {
    if !itself::is_target() {
        return;
    }
    LARGE.with(|large| large[CELLS - 1].set(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.spawn(std::future::pending::<()>());
    // Also starts the agent's printing thread, and the one that starts others on the program's side.
    itself::listen_with(Options::default().watch(runtime.handle(), "watched"));
}

#[test]
fn an_agent_in_a_program_with_large_static_thread_locals_listens_and_answers() {
    let mut target =
        Itself::start_with("has_large_thread_locals", &[("RGOPS_DEBUG", "schedtrace=100,scheddetail=1")]);
    assert!(target.dump().iter().any(|thread| thread.name.starts_with("rgops-")));
    let profile = target.profile(200);
    assert!(profile.totals().duration_ns > 0);
    let memory = target.ask::<MemstatsReply>(&Request::Memstats(MemstatsRequest {})).unwrap();
    assert!(memory.end.is_ok());
    let stats = target.ask::<StatsReply>(&Request::Stats(StatsRequest { window_ms: 50 })).unwrap();
    assert!(stats.end.is_ok());
    let tasks = target
        .ask::<TasksPart>(&Request::Tasks(TasksRequest { max_cell_bytes: 4096, max_depth: 16 }))
        .unwrap();
    assert!(tasks.end.is_ok());
    assert!(target.is_running());
    target.end();
}

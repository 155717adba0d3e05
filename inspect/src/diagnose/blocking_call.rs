//! Blocking calls on workers: several dumps show workers asleep in system calls below a poll, on the same line.
//!
//! One dump may catch a worker in a call that is short. So the same line has to be caught at least twice; if it waits
//! for a lock, in every dump, because a healthy lock is sometimes taken. Workers that are stuck in one poll are
//! another finding.

use std::collections::{BTreeMap, BTreeSet};

use rgops_protocol::reply::Known;

use super::finding::{Concerned, Finding, Gap, Kind, Place};
use super::look::Look;
use super::places::place;
use super::seen::{Seen, SeenThread};
use super::stuck_worker::{drives, span_ns, stuck};
use crate::report::stack::Activity;
use crate::text::{counted, duration};

/// Dumps that have to show the same line.
const LEAST_DUMPS: usize = 2;

pub(super) fn look(seen: &Seen) -> Look {
    let dumps = match &seen.dumps {
        Known::Value(dumps) => dumps,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new("threads", why)], ..Look::default() },
    };
    let known: BTreeSet<u32> = stuck(seen).iter().map(|thread| thread.tid).collect();
    let mut lines: BTreeMap<(Place, &str), Vec<(usize, &SeenThread)>> = BTreeMap::new();
    for (number, dump) in dumps.iter().enumerate() {
        let asleep =
            dump.threads.iter().filter(|thread| !known.contains(&thread.tid) && is_asleep_in_a_poll(thread));
        for thread in asleep {
            if let Some(place) = place(&thread.frames) {
                lines.entry((place, &thread.state)).or_default().push((number, thread));
            }
        }
    }
    let findings = lines.into_iter().filter_map(|((_, state), caught)| {
        let in_dumps: BTreeSet<usize> = caught.iter().map(|(number, _)| *number).collect();
        let least = if state.contains("futex") { dumps.len().max(LEAST_DUMPS) } else { LEAST_DUMPS };
        (in_dumps.len() >= least).then(|| finding(&caught, in_dumps.len(), dumps.len(), span_ns(dumps)))
    });
    Look { findings: findings.collect(), at: counted(dumps.len() as u64, "stack dump"), gaps: Vec::new() }
}

fn is_asleep_in_a_poll(thread: &SeenThread) -> bool {
    let polls = thread.task.is_some() || thread.task_name.is_some();
    polls && drives(thread) && thread.activity == Activity::Blocked && thread.state_letter == 'S'
}

fn finding(caught: &[(usize, &SeenThread)], in_dumps: usize, dumps: usize, span_ns: u64) -> Finding {
    let (_, last) = caught[caught.len() - 1];
    let what = format!(
        "tasks block a worker by a synchronous call ({}): other tasks cannot run there meanwhile",
        last.state
    );
    let evidence = vec![format!(
        "a worker was asleep on this line in {in_dumps} of {dumps} stack dumps within {}",
        duration(super::stuck_worker::rounded(span_ns))
    )];
    let mut threads: Vec<u32> = caught.iter().map(|(_, thread)| thread.tid).collect();
    threads.sort_unstable();
    threads.dedup();
    let mut tasks: Vec<u64> = caught.iter().filter_map(|(_, thread)| thread.task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let who = match threads.as_slice() {
        [_] => format!("thread {} {}", last.tid, last.name),
        many => format!("{} {}", counted(many.len() as u64, "thread"), last.name),
    };
    let tasks_text = match (tasks.as_slice(), &last.task_name) {
        ([], Some(name)) => format!(", polls {name}"),
        ([], None) => String::new(),
        ([one], Some(name)) => format!(", polls task {one} {name}"),
        ([one], None) => format!(", polls task {one}"),
        (many, _) => format!(", polled {}", counted(many.len() as u64, "task")),
    };
    let does = format!("{}{tasks_text}", last.state);
    let concerned = Concerned { who, does, threads, tasks, place: place(&last.frames) };
    Finding::new(Kind::BlockingCall, what, evidence)
        .concerning([concerned])
        .but("how long each call takes is not measured: if all are short, they only cost throughput")
        .more("stack PID", "the whole stacks")
        .more("trace PID", "how long the workers are blocked")
}

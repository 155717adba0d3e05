//! The blocking pool is full: closures wait in its queue at every moment, at the start and at the end of the window, none
//! of its threads is idle, and it does not get more threads. Besides, either no thread of the pool made any progress, or
//! at least as many closures wait as there are threads, always. A burst that drains, or for which threads are still being
//! started, is not that. Where other processes take the CPUs and the threads of the pool run or are ready, more threads
//! would not help: that is CPU starvation, and of the pool it cannot be told.

use std::collections::BTreeMap;

use rgops_protocol::reply::{Known, Unavailable};

use super::cpu_starvation;
use super::finding::{Concerned, Finding, Gap, Kind, Place};
use super::look::Look;
use super::places::place;
use super::seen::{Seen, SeenThread};
use super::stuck_worker::did_not_run;
use crate::report::stack::{Activity, Role};
use crate::schedtrace::RuntimeLine;
use crate::text::counted;

/// Tokio's default `max_blocking_threads`.
const DEFAULT_THREADS: usize = 512;
/// Moments that have to show it.
const LEAST_MOMENTS: usize = 4;

pub(super) fn look(seen: &Seen) -> Look {
    let by_memory = match &seen.schedulers {
        Known::Value(moments) => by_queue(moments, no_thread_goes_on(seen)),
        Known::Unavailable(why) => Err(why.clone()),
    };
    match by_memory {
        Ok(full) if !full.is_empty() && waits_for_a_cpu(seen) => {
            let reason = "it is full, but its threads wait for a CPU, which other processes take".to_owned();
            let fix = "give the program more CPU, then run rgops diagnose PID again".to_owned();
            let gap = Gap::new("whether the blocking pool is too small", &Unavailable { reason, fix });
            Look { at: "the queues of the blocking pools".to_owned(), gaps: vec![gap], ..Look::default() }
        }
        Ok(full) => {
            let findings = full.into_iter().map(|full| finding(seen, &full));
            Look {
                findings: findings.collect(),
                at: "the queues of the blocking pools".to_owned(),
                gaps: Vec::new(),
            }
        }
        Err(why) => by_threads(seen, &why),
    }
}

/// A full pool.
struct Full {
    runtime: String,
    threads: u64,
    queue: (u64, u64),
    moments: u64,
}

/// Whether every working thread of the pools slept in the same call for the whole window.
fn no_thread_goes_on(seen: &Seen) -> bool {
    let Some([first, .., last]) = seen.dumps.value().map(Vec::as_slice) else { return false };
    let before: BTreeMap<u32, &SeenThread> =
        first.threads.iter().map(|thread| (thread.tid, thread)).collect();
    let mut working = last.threads.iter().filter(|thread| works(thread)).peekable();
    working.peek().is_some()
        && working.all(|thread| before.get(&thread.tid).is_some_and(|earlier| did_not_run(earlier, thread)))
}

/// Whether all working threads of the pools run or are ready while the program gets too little CPU.
fn waits_for_a_cpu(seen: &Seen) -> bool {
    let Some(last) = seen.dumps.value().and_then(|dumps| dumps.last()) else { return false };
    let mut working = last.threads.iter().filter(|thread| works(thread)).peekable();
    working.peek().is_some()
        && working.all(|thread| thread.activity == Activity::Running)
        && !cpu_starvation::look(seen).findings.is_empty()
}

fn by_queue(moments: &[Vec<RuntimeLine>], no_thread_goes_on: bool) -> Result<Vec<Full>, Unavailable> {
    let Some(last) = moments.last() else { return Ok(Vec::new()) };
    let mut full = Vec::new();
    for (number, line) in last.iter().enumerate() {
        if line.is_shut_down() {
            continue;
        }
        let mut queues = Vec::new();
        for moment in moments {
            let Some(line) = moment.get(number) else { continue };
            match (&line.blocking_queue, &line.idle_blocking_threads, &line.blocking_threads) {
                (Known::Value(queue), Known::Value(idle), Known::Value(threads)) => {
                    queues.push((*queue, *idle, *threads));
                }
                (Known::Unavailable(why), ..)
                | (_, Known::Unavailable(why), _)
                | (.., Known::Unavailable(why)) => {
                    return Err(why.clone());
                }
            }
        }
        let is_full = queues.iter().all(|(queue, idle, threads)| {
            let waits = if no_thread_goes_on { *queue > 0 } else { queue >= threads };
            waits && *idle == 0 && *threads > 0
        });
        let grows = queues.first().map(|first| first.2) != queues.last().map(|last| last.2);
        if queues.len() >= LEAST_MOMENTS && is_full && !grows {
            let least = queues.iter().map(|(queue, ..)| *queue).min().unwrap_or(0);
            let most = queues.iter().map(|(queue, ..)| *queue).max().unwrap_or(0);
            full.push(Full {
                runtime: line.runtime.clone(),
                threads: queues[0].2,
                queue: (least, most),
                moments: queues.len() as u64,
            });
        }
    }
    Ok(full)
}

fn finding(seen: &Seen, full: &Full) -> Finding {
    let Full { runtime, threads, queue: (least, most), moments } = full;
    let what = format!(
        "all {} of the blocking pool of runtime {runtime} are taken, and {} wait",
        counted(*threads, "thread"),
        counted(*most, "closure")
    );
    let queue = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let evidence = vec![format!("queue {queue}, 0 idle threads at {}", counted(*moments, "moment"))];
    with_threads(seen, Finding::new(Kind::BlockingPoolFull, what, evidence))
}

/// Without the queue: a pool of the default size, all of whose threads work.
fn by_threads(seen: &Seen, why: &Unavailable) -> Look {
    let gaps = vec![Gap::new("the queues of the blocking pools", why)];
    let Some(dumps) = seen.dumps.value() else { return Look { gaps, ..Look::default() } };
    let busy = dumps.iter().map(|dump| dump.threads.iter().filter(|thread| works(thread)).count());
    let busy = busy.min().unwrap_or(0);
    let at = "the threads of the blocking pools".to_owned();
    if busy < DEFAULT_THREADS {
        return Look { at, gaps, ..Look::default() };
    }
    let what = format!("{busy} threads of the blocking pool are taken, as many as Tokio starts by default");
    let evidence = vec![format!(
        "{busy} threads with work and none idle in {}",
        counted(dumps.len() as u64, "stack dump")
    )];
    let finding = with_threads(seen, Finding::new(Kind::BlockingPoolFull, what, evidence));
    let finding = finding.but("whether closures wait for a thread is not known without the queue");
    Look { findings: vec![finding], at, gaps }
}

fn works(thread: &SeenThread) -> bool {
    thread.role == Role::TokioBlocking && thread.activity != Activity::Idle
}

/// Adds the lines where the threads of the pool are, the most frequent first.
fn with_threads(seen: &Seen, finding: Finding) -> Finding {
    let Some([first, .., last]) = seen.dumps.value().map(Vec::as_slice) else { return finding };
    let before: BTreeMap<u32, &SeenThread> =
        first.threads.iter().map(|thread| (thread.tid, thread)).collect();
    let mut places: BTreeMap<(Option<Place>, &str), Vec<&SeenThread>> = BTreeMap::new();
    for thread in last.threads.iter().filter(|thread| works(thread)) {
        places.entry((place(&thread.frames), &thread.state)).or_default().push(thread);
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, threads)| std::cmp::Reverse(threads.len()));
    let concerned = places.into_iter().map(|((place, state), threads)| {
        let still = threads
            .iter()
            .filter(|thread| before.get(&thread.tid).is_some_and(|earlier| did_not_run(earlier, thread)))
            .count();
        let still = match still {
            0 => String::new(),
            _ if still == threads.len() => ", no progress in the whole window".to_owned(),
            _ => format!(", {still} without progress in the whole window"),
        };
        Concerned {
            who: counted(threads.len() as u64, "thread"),
            does: format!("{state}{still}"),
            threads: threads.iter().take(Finding::SHOWN).map(|thread| thread.tid).collect(),
            tasks: Vec::new(),
            place,
        }
    });
    finding.concerning(concerned).more("stack PID", "the whole stacks")
}

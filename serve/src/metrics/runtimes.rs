//! The Tokio runtimes of a program as samples.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::{RuntimeStats, RuntimeTotals, StatsReply};

use super::labels::Names;
use super::samples::{Reason, Samples, Value};
use super::table::Metric;

/// Runtimes, and workers of all of them, that have series of their own.
const MAX_RUNTIMES: usize = 64;
const MAX_WORKERS: usize = 1024;

/// Series of a runtime without its workers, and of a worker.
const SERIES_OF_RUNTIME: u64 = 12;
const SERIES_OF_WORKER: u64 = 2;

pub(super) fn runtimes(samples: &mut Samples, reply: &StatsReply) {
    let mut names = Names::default();
    let mut workers_left = MAX_WORKERS;
    for (index, runtime) in reply.runtimes.iter().enumerate().take(MAX_RUNTIMES) {
        let name = names.distinct(&runtime.name);
        let totals = reply.totals.value().map(|totals| totals.get(index));
        one(samples, &name, runtime, reply.window_ns);
        match totals.flatten() {
            Some(totals) => workers(samples, &name, totals, &mut workers_left),
            None => {
                samples.missing(Metric::TokioParks, Reason::OlderAgent);
                samples.missing(Metric::TokioBusy, Reason::OlderAgent);
            }
        }
    }
    let more = reply.runtimes.len().saturating_sub(MAX_RUNTIMES) as u64;
    samples.left_out(more.saturating_mul(SERIES_OF_RUNTIME));
}

fn one(samples: &mut Samples, name: &str, runtime: &RuntimeStats, window_ns: u64) {
    let number = |count: usize| Value::Integer(count as u64);
    samples.put_with(Metric::TokioWorkers, &[name], number(runtime.workers.len()));
    samples.put_with(Metric::TokioTasks, &[name], Value::Integer(runtime.alive_tasks));
    samples.put_with(Metric::TokioQueue, &[name], Value::Integer(runtime.global_queue));
    samples.put_with(Metric::RuntimeInfo, &[name, &runtime.flavor], Value::Integer(1));
    let parked = runtime.workers.iter().filter(|worker| worker.parked).count();
    samples.put_with(Metric::ParkedWorkers, &[name], number(parked));
    let busy: Option<u64> = runtime
        .workers
        .iter()
        .try_fold(0_u64, |sum, worker| worker.busy_ns.value().map(|busy_ns| sum.saturating_add(*busy_ns)));
    match busy {
        Some(busy_ns) if window_ns > 0 => {
            let share = busy_ns as f64 / window_ns as f64;
            samples.put_with(Metric::BusyWorkers, &[name], Value::Real(share));
        }
        _ => samples.missing(Metric::BusyWorkers, Reason::NotReadable),
    }
    match &runtime.tasks {
        Known::Value(tasks) => {
            for (state, count) in [
                ("running", tasks.running),
                ("scheduled", tasks.scheduled),
                ("idle", tasks.idle),
                ("complete", tasks.complete),
            ] {
                samples.put_with(Metric::TasksByState, &[name, state], Value::Integer(count));
            }
        }
        Known::Unavailable(_) => samples.missing(Metric::TasksByState, Reason::NotReadable),
    }
}

fn workers(samples: &mut Samples, name: &str, totals: &RuntimeTotals, left: &mut usize) {
    // A runtime that was shut down has no counters; zeros would be a reset.
    if totals.workers.is_empty() {
        return;
    }
    let sum = |pick: fn(&rgops_protocol::reply::stats::WorkerTotals) -> u64| {
        totals.workers.iter().fold(0_u64, |sum, worker| sum.saturating_add(pick(worker)))
    };
    samples.put_with(Metric::TokioParks, &[name], Value::Integer(sum(|worker| worker.parks)));
    samples.put_with(Metric::TokioBusy, &[name], Value::Nanoseconds(sum(|worker| worker.busy_ns)));
    let shown = totals.workers.len().min(*left);
    *left -= shown;
    for (number, worker) in totals.workers.iter().enumerate().take(shown) {
        let number = number.to_string();
        samples.put_with(Metric::WorkerBusy, &[name, &number], Value::Nanoseconds(worker.busy_ns));
        samples.put_with(Metric::WorkerParks, &[name, &number], Value::Integer(worker.parks));
    }
    samples.left_out((totals.workers.len() - shown) as u64 * SERIES_OF_WORKER);
}

//! Limits for an agent's report about its schedulers, and its memory cost until the next sample.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::schedtrace::{RuntimeMoment, SchedtraceMoment, SchedtraceRuntime};

/// Maximum runtimes shown; a program has a few.
pub const MAX_RUNTIMES: usize = 1024;
/// Maximum workers shown of a runtime: more than any machine has hardware threads.
pub const MAX_WORKERS: usize = 4096;
/// A `Handle` is a tag and a pointer.
const MAX_HANDLE_WORDS: usize = 16;

/// Memory of a line, of each of its workers, and of the details of a worker, including our own reasons for
/// missing values.
const LINE_BYTES: u64 = 4096;
const WORKER_BYTES: u64 = 1024;
const DETAIL_BYTES: u64 = 2048;
/// A reason from the agent is kept as received, in the line, and in JSON form.
const TEXT_COPIES: u64 = 3;

/// The runtimes that are shown, and the number of the others.
pub fn shown(mut runtimes: Vec<SchedtraceRuntime>) -> (Vec<SchedtraceRuntime>, u64) {
    let left_out = runtimes.len().saturating_sub(MAX_RUNTIMES) as u64;
    runtimes.truncate(MAX_RUNTIMES);
    for runtime in &mut runtimes {
        runtime.handle_words = handle(std::mem::take(&mut runtime.handle_words));
    }
    (runtimes, left_out)
}

/// The words of a handle that are used.
pub(super) fn handle(mut words: Vec<u64>) -> Vec<u64> {
    words.truncate(MAX_HANDLE_WORDS);
    words
}

/// The memory of the lines of a sample, in bytes.
pub fn cost(moment: &SchedtraceMoment, with_detail: bool) -> u64 {
    let a_worker = WORKER_BYTES + if with_detail { DETAIL_BYTES } else { 0 };
    let of_runtime = |runtime: &RuntimeMoment| {
        let shared = text(&runtime.unstable);
        let workers = runtime.workers.iter().take(MAX_WORKERS);
        workers.fold(LINE_BYTES + shared, |sum, worker| {
            sum.saturating_add(a_worker + TEXT_COPIES * (shared + text(&worker.busy_ns)))
        })
    };
    let runtimes = moment.runtimes.iter().take(MAX_RUNTIMES);
    runtimes.fold(0, |sum: u64, runtime| sum.saturating_add(of_runtime(runtime)))
}

/// The length of the reason why a value is missing.
fn text<T>(known: &Known<T>) -> u64 {
    match known {
        Known::Value(_) => 0,
        Known::Unavailable(missing) => (missing.reason.len() + missing.fix.len()) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedtrace::tests::made::{moment, runtime};

    #[test]
    fn runtimes_beyond_the_limit_are_counted() {
        let mut all = vec![runtime("main"); 100_000];
        all[0].handle_words = vec![7; 100_000];
        let (few, left_out) = shown(all);
        assert_eq!((few.len(), left_out, few[0].handle_words.len()), (1024, 98_976, 16));
        assert_eq!(shown(vec![runtime("main")]), (vec![runtime("main")], 0));
    }

    #[test]
    fn the_cost_of_a_sample_includes_its_workers_and_their_reasons() {
        let known = moment(2, 3, &Known::Value(0));
        assert!(cost(&known, true) > cost(&known, false));
        let long = Known::unavailable("x".repeat(1000), "");
        assert!(cost(&moment(2, 3, &long), false) >= 2 * 3 * 3 * 1000);
        let most = cost(&moment(1, MAX_WORKERS, &long), false);
        assert_eq!(
            cost(&moment(1, MAX_WORKERS + 1000, &long), false),
            most,
            "workers that are not shown cost nothing"
        );
    }
}

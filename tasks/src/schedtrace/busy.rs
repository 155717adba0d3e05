//! The tasks that are not idle, by runtime, and the workers that poll them. Each task and each worker is
//! visited once.

use std::collections::HashMap;

use rgops_protocol::reply::schedtrace::SchedtraceRuntime;
use rgops_protocol::reply::tasks::TaskCell;

/// Indices of workers by the task they poll.
pub(super) struct Polled(HashMap<u64, u64>);

impl Polled {
    /// If several workers report the same task, the first one polls it. `tasks` has the task of each worker.
    pub(super) fn new(tasks: impl Iterator<Item = Option<u64>>) -> Polled {
        let mut workers = HashMap::new();
        for (index, task) in (0..).zip(tasks) {
            if let Some(task) = task {
                workers.entry(task).or_insert(index);
            }
        }
        Polled(workers)
    }

    /// The worker that polls a task.
    pub(super) fn worker(&self, task: u64) -> Option<u64> {
        self.0.get(&task).copied()
    }
}

/// For each runtime its tasks in a state with a name, sorted by id. Runtimes are distinguished by the words
/// of their handles; if several have the same words, the first one gets the tasks.
pub(super) fn by_runtime<'l>(
    runtimes: &[SchedtraceRuntime],
    handles: &HashMap<u32, Vec<u64>>,
    tasks: &'l [TaskCell],
    state: impl Fn(u64) -> Option<&'static str>,
) -> Vec<Vec<(&'l TaskCell, &'static str)>> {
    let mut by_words: HashMap<&[u64], usize> = HashMap::new();
    for (index, runtime) in runtimes.iter().enumerate() {
        by_words.entry(&runtime.handle_words).or_insert(index);
    }
    let number = |(number, words): (&u32, &Vec<u64>)| Some((*number, *by_words.get(words.as_slice())?));
    let by_number: HashMap<u32, usize> = handles.iter().filter_map(number).collect();
    let mut busy = vec![Vec::new(); runtimes.len()];
    for task in tasks {
        if let (Some(runtime), Some(state)) = (by_number.get(&task.runtime), state(task.state)) {
            busy[*runtime].push((task, state));
        }
    }
    busy.iter_mut().for_each(|tasks| tasks.sort_by_key(|(task, _)| task.id));
    busy
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rgops_protocol::reply::tasks::CellBytes;

    use super::*;
    use crate::schedtrace::tests::made::runtime;

    fn cell(id: u64, runtime: u32) -> TaskCell {
        TaskCell { runtime, id, header_avma: id, vtable: 0, state: id % 2, bytes: CellBytes::NotRead }
    }

    #[test]
    fn tasks_of_many_runtimes_are_visited_once() {
        let began = Instant::now();
        let mut runtimes = vec![runtime("main"); 1024];
        for (number, runtime) in runtimes.iter_mut().enumerate().skip(512) {
            runtime.handle_words = vec![0, number as u64];
        }
        let words = |number: u32| runtimes[number as usize].handle_words.clone();
        let handles = (0..1024).map(|number| (number, words(number))).collect();
        let tasks: Vec<TaskCell> = (0..200_000).rev().map(|id| cell(id, id as u32 % 1024)).collect();
        let busy = by_runtime(&runtimes, &handles, &tasks, |state| (state == 1).then_some("running"));
        let ids: Vec<u64> = busy[0].iter().map(|(task, _)| task.id).collect();
        assert!(ids.is_sorted() && ids.len() > 49_000, "those of 512 runtimes with the same words");
        assert!(busy[1].is_empty() && busy[513].iter().all(|(task, _)| task.id % 1024 == 513));
        assert!(!busy[513].is_empty());
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    #[test]
    fn the_first_worker_that_reports_a_task_polls_it() {
        let polled = Polled::new([None, Some(7), Some(9), Some(7)].into_iter());
        assert_eq!((polled.worker(7), polled.worker(9), polled.worker(8)), (Some(1), Some(2), None));
    }
}

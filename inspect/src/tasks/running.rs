//! More tasks cannot run than there are threads that poll them. The list is walked while the program goes on, so a
//! list may say so: the states of those that no captured thread polls are read again, all at once.

use std::collections::HashMap;

use rgops_protocol::reply::tasks::RuntimeKind;
use rgops_protocol::request::MemoryRange;
use rgops_tasks::decode::state_of;
use rgops_tasks::model::{AsyncStack, State, Tasks};

use crate::client::ClientError;
use crate::tasks::memory::Memory;

/// How often the states are read again.
const TRIES: u32 = 4;

/// Maximum tasks whose states are read again.
const MAX_TASKS: usize = 4000;

/// Offset of the vtable in a task's header, and what is read of a header.
const VTABLE: usize = 16;
const HEADER_BYTES: u32 = 24;

/// Reads the states of running tasks again until no runtime has more of them than threads. If that does not succeed,
/// their number counts as approximate. `vtables` has the vtable of each task by the address of its header.
pub(super) fn settle(
    tasks: &mut Tasks,
    vtables: &HashMap<u64, u64>,
    memory: &mut Memory<'_>,
) -> Result<(), ClientError> {
    for _ in 0..TRIES {
        let mut doubtful = doubtful(tasks);
        if doubtful.is_empty() {
            return Ok(());
        }
        if tasks.no_memory.is_some() {
            break;
        }
        doubtful.truncate(MAX_TASKS);
        let range = |task: &usize| MemoryRange { avma: tasks.tasks[*task].header_avma, length: HEADER_BYTES };
        let headers = memory.read(&doubtful.iter().map(range).collect::<Vec<_>>())?;
        for (task, header) in doubtful.into_iter().zip(headers) {
            let task = &mut tasks.tasks[task];
            let state = header.and_then(|header| state(&header, vtables.get(&task.header_avma).copied()?));
            let (state, stack) = match state {
                Some(State::Running) => continue,
                // What was freed has ended.
                None | Some(State::Complete) => (State::Complete, AsyncStack::Complete),
                Some(state) => (state, AsyncStack::Moved),
            };
            (task.state, task.stack) = (state, stack);
            tasks.counts.running = tasks.counts.running.saturating_sub(1);
            match state {
                State::Complete => tasks.counts.complete += 1,
                _ => tasks.counts.moved += 1,
            }
        }
    }
    tasks.running_is_approximate = !doubtful(tasks).is_empty();
    Ok(())
}

/// Running tasks that no captured thread polls, of runtimes that have more running tasks than threads.
fn doubtful(tasks: &Tasks) -> Vec<usize> {
    let mut of_runtime: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); tasks.runtimes.len()];
    for (index, task) in tasks.tasks.iter().enumerate().filter(|(_, task)| task.state == State::Running) {
        let Some((polled, unpolled)) = of_runtime.get_mut(task.runtime) else { continue };
        match task.tid {
            Some(_) => *polled += 1,
            None => unpolled.push(index),
        }
    }
    let exceeds = |(number, (polled, unpolled)): &(usize, (u64, Vec<usize>))| {
        let runtime = &tasks.runtimes[*number];
        let threads = match runtime.kind {
            RuntimeKind::MultiThread => u64::from(runtime.workers),
            RuntimeKind::CurrentThread | RuntimeKind::LocalSet => 1,
        };
        // During block_in_place, more threads poll than there are workers.
        polled + unpolled.len() as u64 > threads.max(*polled)
    };
    let of_runtime = of_runtime.into_iter().enumerate().filter(exceeds);
    of_runtime.flat_map(|(_, (_, unpolled))| unpolled).collect()
}

/// The state in a header, if it is still a header with this vtable.
fn state(header: &[u8], vtable: u64) -> Option<State> {
    let word = |at: usize| Some(u64::from_le_bytes(*header.get(at..)?.first_chunk()?));
    (word(VTABLE)? == vtable).then_some(state_of(word(0)?))
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::{Known, Unavailable};
    use rgops_tasks::model::{Runtime, Task};

    use super::*;

    fn task(id: u64, tid: Option<u32>) -> Task {
        Task {
            runtime: 0,
            id,
            header_avma: id << 8,
            state: State::Running,
            is_cancelled: false,
            references: 1,
            tid,
            future: None,
            poll_avma: 0,
            stack: AsyncStack::Running,
            holds: Vec::new(),
            set_aside: Vec::new(),
            due_ns: None,
            goes_on: false,
        }
    }

    fn tasks(kind: RuntimeKind, workers: u32, tids: &[Option<u32>]) -> Tasks {
        let missing = || Unavailable { reason: String::new(), fix: String::new() };
        Tasks {
            runtimes: vec![Runtime {
                name: "main".to_owned(),
                kind,
                workers,
                alive_tasks: Known::Unavailable(missing()),
                list: Known::Unavailable(missing()),
                found_on: None,
            }],
            tasks: (1..).zip(tids).map(|(id, tid)| task(id, *tid)).collect(),
            ..Tasks::default()
        }
    }

    #[test]
    fn more_running_tasks_than_workers_are_doubtful() {
        let found = |kind, workers, tids: &[Option<u32>]| doubtful(&tasks(kind, workers, tids));
        let multi = RuntimeKind::MultiThread;
        assert_eq!(found(multi, 2, &[Some(1), None]), [0; 0]);
        assert_eq!(found(multi, 2, &[Some(1), None, None]), [1, 2]);
        assert_eq!(found(multi, 2, &[Some(1), Some(2), Some(3)]), [0; 0], "block_in_place");
        assert_eq!(found(RuntimeKind::CurrentThread, 1, &[None, None]), [0, 1]);
    }

    #[test]
    fn a_header_of_another_task_has_no_state() {
        let header = [[0x41, 0, 0, 0, 0, 0, 0, 0], [0; 8], [7, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(state(&header, 7), Some(State::Running));
        assert_eq!(state(&header, 8), None);
    }
}

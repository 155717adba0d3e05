//! Reads which Tokio task a thread polls, from Tokio's thread-local `CONTEXT.current_task_id`. Tokio sets it
//! around every poll, also on stable Tokio (`runtime/context.rs`, `TaskIdGuard` in
//! `runtime/task/core.rs`).
//!
//! The position of that word is determined once, by running tasks with known ids on two threads of
//! the agent: it is the one word of their thread-locals that equals the id in each task and is 0 outside. If
//! there is none, or several, or if its distance differs in the second thread, the position is unknown, for
//! all threads. A thread's word is used only if the thread's id is where the C library stores it.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use rgops_protocol::reply::Unavailable;
use tokio::runtime::Builder;

use super::memory::{Range, Reader};
use super::system;
use super::thread_locals::{own_block, own_tid, robust_list, thread_pointer};
use crate::agent_threads;
use crate::offload_thread::OffloadThread;
use crate::try_lock::try_lock;

/// The number of reference tasks used for the search.
const ROUNDS: usize = 6;

/// The stack of the searching thread, on which a small runtime polls small tasks.
const STACK_BYTES: usize = 128 * 1024;

/// The maximum distance from a thread's id to its robust list, which follows it (glibc's `struct pthread`, nptl/descr.h).
const TID_WITHIN: u64 = 256;

/// For the search, which takes about 100 µs and may wait for a lock of the loader.
static OFFLOAD_THREAD: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck =
        "no answer in 200 ms: a lock of the loader or the allocator is held, perhaps by a stopped thread";
    OffloadThread::new(agent_threads::TASKS, Duration::from_millis(200), stuck)
});

static PLACES: Mutex<Option<Result<Places, Unavailable>>> = Mutex::new(None);

/// Distances from a thread's robust list, modulo 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Places {
    current_task: u64,
    tid: u64,
}

/// Reports the task that a thread polls.
#[derive(Debug)]
pub struct CurrentTasks {
    places: Places,
    memory: Reader,
}

/// The task that a thread polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentTask {
    /// The task's id; 0 for no task.
    pub id: u64,
    /// The address of the id.
    pub avma: u64,
}

impl CurrentTasks {
    /// Determines the position of the id, on the first call.
    pub async fn new() -> Result<CurrentTasks, Unavailable> {
        let memory = Reader::open()?;
        let known = try_lock(&PLACES).and_then(|places| places.clone());
        let places = match known {
            Some(places) => places,
            None => {
                let places = OFFLOAD_THREAD.ask(find).await?;
                if let Some(mut known) = try_lock(&PLACES) {
                    *known = Some(places.clone());
                }
                places
            }
        };
        Ok(CurrentTasks { places: places?, memory })
    }

    /// The task that this thread polls; `None` when the thread has ended or was not created by the C library.
    pub fn of(&mut self, tid: u32) -> Option<CurrentTask> {
        let head = robust_list(tid).ok().filter(|head| *head != 0)?;
        let avma = head.wrapping_add(self.places.current_task);
        let (mut bytes, mut readable) = (Vec::new(), Vec::new());
        let ranges = [Range::new(head.wrapping_add(self.places.tid), 4), Range::new(avma, 8)];
        self.memory.gather(&ranges, &mut bytes, &mut readable);
        let (own, id) = bytes.split_first_chunk().filter(|_| readable == [true, true])?;
        let id = u64::from_ne_bytes(*id.first_chunk()?);
        (u32::from_ne_bytes(*own) == tid).then_some(CurrentTask { id, avma })
    }
}

/// Measures on this thread, and on a second one while this one still lives: thread-locals that are allocated
/// on demand would be at different distances.
fn find() -> Result<Places, Unavailable> {
    let unavailable = |why: &'static str| Unavailable {
        reason: format!("the task a thread polls is not known: {why}"),
        fix: if cfg!(target_env = "musl") { "build for a gnu target".to_owned() } else { String::new() },
    };
    let here = measure().map_err(unavailable)?;
    let other = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name(agent_threads::TASKS.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        thread.spawn_scoped(scope, measure).ok().and_then(|thread| thread.join().ok())
    });
    match other {
        Some(Ok(other)) if other == here => Ok(here),
        Some(Ok(_)) => Err(unavailable(
            "thread-locals are at a different offset in each thread, as in a library loaded later",
        )),
        Some(Err(why)) => Err(unavailable(why)),
        None => Err(unavailable("cannot start a second thread")),
    }
}

fn measure() -> Result<Places, &'static str> {
    const NO_MEMORY: &str = "the program may not read its own memory";
    let tid = own_tid();
    let head = robust_list(tid).map_err(|_| "get_robust_list is denied or missing")?;
    if head == 0 {
        return Err("the C library registers no robust list for its threads (musl does not)");
    }
    let block = own_block().ok_or("the block of thread-locals was not found")?;
    // The list must be near the thread pointer, as a part of the thread's structure.
    if head.abs_diff(thread_pointer()) > 64 * 1024 {
        return Err("the robust list is not where a C library has it");
    }
    let mut memory = Reader::open().map_err(|_| NO_MEMORY)?;
    let mut before = [0; TID_WITHIN as usize];
    if !memory.read(head - TID_WITHIN, &mut before) {
        return Err(NO_MEMORY);
    }
    let places = (0_u64..).zip(before.as_chunks().0);
    let is_tid = |(_, word): &(u64, &[u8; 4])| u32::from_ne_bytes(**word) == tid;
    // The nearest match: the id is directly before the list.
    let tid_place = places.filter(is_tid).last().ok_or("the thread's id is not where glibc has it")?.0;
    let tid_place = (4 * tid_place).wrapping_sub(TID_WITHIN);

    let runtime =
        Builder::new_current_thread().build().map_err(|_| "cannot create the agent's reference runtime")?;
    let mut places: Option<Vec<u64>> = None;
    for _ in 0..ROUNDS {
        let task = async move {
            let id = tokio::task::id().to_string().parse().unwrap_or(0_u64);
            (id, Reader::open().ok().and_then(|mut memory| words(block, &mut memory)))
        };
        let read = runtime.block_on(async { tokio::spawn(task).await });
        let (id, Some(words)) = read.map_err(|_| "the agent's reference task ended early")? else {
            return Err(NO_MEMORY);
        };
        let holds = |place: &u64| words.get(*place as usize / 8) == Some(&id);
        let places = places.get_or_insert_with(|| (0..words.len() as u64 * 8).step_by(8).collect());
        // The first ids of a program are small, like flags and counters, but those are not 0 outside of tasks.
        places.retain(|place| holds(place) && memory.word(block.avma + place) == Some(0));
    }
    match places.as_deref() {
        Some([place]) => {
            let current_task = (block.avma + place).wrapping_sub(head);
            Ok(Places { current_task, tid: tid_place })
        }
        Some([]) | None => Err("no thread-local holds it"),
        Some(_) => Err("more than one thread-local looks like it"),
    }
}

/// The thread-locals as words.
fn words(block: Range, memory: &mut Reader) -> Option<Vec<u64>> {
    /// A limit that no object exceeds in the static block.
    const MAX_BYTES: usize = 1 << 20;
    /// The number of words read at once, to keep the buffer small.
    const WORDS: usize = 1024;
    let count = block.length.min(MAX_BYTES) / 8;
    let mut words = Vec::with_capacity(count);
    while words.len() < count {
        let at = block.avma + 8 * words.len() as u64;
        words.extend(memory.words(at, WORDS.min(count - words.len()))?);
    }
    Some(words)
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashMap;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Stopped(Arc<AtomicBool>);

    impl Drop for Stopped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_current_task_of_a_spinning_worker_is_reported() {
        const WORKERS: usize = 6;
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).build().unwrap();
        let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        // Dropped before the runtime, also on failure, because the runtime waits for its workers.
        let _stopped = Stopped(stop.clone());
        let expected = Arc::new(Mutex::new(HashMap::new()));
        while begun.load(Ordering::SeqCst) < WORKERS {
            let before = begun.load(Ordering::SeqCst);
            let (stop, begun_here, expected) = (stop.clone(), begun.clone(), expected.clone());
            runtime.spawn(async move {
                let id: u64 = tokio::task::id().to_string().parse().unwrap();
                expected.lock().unwrap().insert(own_tid(), id);
                begun_here.fetch_add(1, Ordering::SeqCst);
                while !stop.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
            let deadline = std::time::Instant::now() + Duration::from_millis(200);
            while begun.load(Ordering::SeqCst) == before && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
        }
        let own = Builder::new_current_thread().enable_time().build().unwrap();
        let mut current = found_on(&own);
        let expected = expected.lock().unwrap().clone();
        assert_eq!(expected.len(), WORKERS);
        for _ in 0..100 {
            for (tid, id) in &expected {
                let found = current.of(*tid).unwrap();
                assert_eq!(found.id, *id);
                assert_ne!(found.avma, 0);
            }
            // The calling thread polls no task.
            assert_eq!(current.of(own_tid()).unwrap().id, 0);
            let inside = own.block_on(async {
                tokio::task::LocalSet::new();
                current.of(own_tid()).unwrap().id
            });
            assert_eq!(inside, 0, "the root future of block_on is not a task");
        }
    }

    /// On a busy machine the first attempts may not end in time.
    fn found_on(runtime: &tokio::runtime::Runtime) -> CurrentTasks {
        let mut found = None;
        crate::testing::eventually("the current tasks are found", || {
            found = runtime.block_on(CurrentTasks::new()).ok();
            found.is_some()
        });
        found.unwrap()
    }

    #[test]
    fn an_ended_or_foreign_thread_has_no_task() {
        crate::testing::run_alone("current_task::tests::an_ended_or_foreign_thread_has_no_task_alone");
    }

    /// In a process of its own: other tests could start a thread with the id of the ended one, or tasks. The ids of
    /// these tasks are the first, 1 to 6.
    #[test]
    #[ignore = "started by the other test"]
    fn an_ended_or_foreign_thread_has_no_task_alone() {
        let own = Builder::new_current_thread().enable_time().build().unwrap();
        let mut current = found_on(&own);
        let ended = std::thread::spawn(own_tid).join().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while std::path::Path::new(&format!("/proc/self/task/{ended}")).exists() {
            assert!(std::time::Instant::now() < deadline);
        }
        assert_eq!(current.of(ended), None);
        assert_eq!(current.of(1), None, "another process");
    }
}

//! Anchors: the agent's own tasks on a watched runtime, one in each list of tasks of that runtime.
//!
//! They never do anything: a worker polls each one once, and again to cancel it. If all workers of a runtime are
//! stuck, the anchors stay in its lists, and the next listing reuses them instead of adding more. [`Anchors`]
//! knows every anchor that is still alive, so that they are left out of all lists and counts.

use std::collections::BTreeSet;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::memory::Reader;
use rgops_capture::offload_thread::{Hold, OffloadThread};
use rgops_capture::try_lock::try_lock;
use rgops_protocol::reply::Unavailable;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{AbortHandle, JoinHandle, LocalSet};

use super::layout::{self, Layout, QuietRuntime};
use super::local_set_layout::LocalSetLayout;

/// Tokio's own limit of lists: `gen_sharded_list_size` in `runtime/task/list.rs`.
const MAX_SHARDS: usize = 1 << 16;

/// Spawning a task takes about 1 µs, spawning 65,536 tasks a fraction of a second.
const DEADLINE: Duration = Duration::from_secs(2);

/// The thread that spawns on a watched runtime. It may wait for a lock of the runtime, or run a hook of the program.
/// It has the program's descriptors, because a runtime wakes its workers by a write to one of its own.
static SPAWNS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck =
        "cannot spawn a task on it: timed out after 2 s; a runtime lock is held, perhaps by a stopped thread";
    OffloadThread::programs(agent_threads::TASKS, DEADLINE, stuck)
});

/// The thread that only reads memory.
static READS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 2 s: an allocator lock is held, perhaps by a stopped thread";
    OffloadThread::new(agent_threads::TASKS, DEADLINE, stuck)
});

/// The layout of all tasks of this process, or why it is not known; calibrated once.
static LAYOUT: LazyLock<Mutex<Option<Result<Layout, Unavailable>>>> = LazyLock::new(Mutex::default);

/// The agent's tasks on one runtime that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tasks: Vec<JoinHandle<()>>,
    /// A hook of the program panicked when a task was spawned. Then no task is spawned again.
    poisoned: bool,
}

/// The starting points of a walk.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) layout: Layout,
    /// Number of lists of the runtime.
    pub(crate) shards: usize,
    /// The header of one anchor for each list; 0 if the list has none.
    pub(crate) headers: Vec<u64>,
    /// Ids of all anchors in these lists.
    pub(crate) ours: BTreeSet<u64>,
    /// Tasks with this id or a larger one were spawned after the listing started.
    pub(crate) end_id: u64,
    /// The only header is that of a task of the program, and no anchor.
    pub(crate) is_at_task: bool,
}

impl Start {
    /// In the middle of the only list, at a task of the program.
    pub(crate) fn at_task(layout: Layout, header: u64, end_id: u64) -> Start {
        let (headers, ours) = (vec![header], BTreeSet::new());
        Start { layout, shards: 1, headers, ours, end_id, is_at_task: true }
    }
}

/// The layout; calibrates it if it is not known yet.
pub(crate) async fn layout() -> Result<Layout, Unavailable> {
    let known = try_lock(&LAYOUT).and_then(|layout| layout.clone());
    if let Some(layout) = known {
        return layout;
    }
    // On a separate thread: a thread that drives a runtime must not create or drop another one.
    let found = READS.ask(|| {
        let mut memory = Reader::open()?;
        Layout::calibrate(&mut memory).map_err(|unknown| Unavailable {
            reason: unknown.to_string(),
            fix: "update rgops-agent in the program".to_owned(),
        })
    });
    let found = found.await?;
    // The layout does not change, so it is kept. A failure is kept only if memory can be read: otherwise the next
    // attempt may succeed.
    if (found.is_ok() || Reader::open().is_ok())
        && let Some(mut layout) = try_lock(&LAYOUT)
    {
        *layout = Some(found.clone());
    }
    found
}

impl Anchors {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of anchors that have not ended.
    pub(crate) fn alive(&self) -> usize {
        self.lock().tasks.iter().filter(|task| !task.is_finished()).count()
    }

    /// Ensures that there is an anchor in every list until the returned hold is dropped. Then they are aborted.
    /// Anchors that cannot end because the runtime is stuck are kept for the next listing.
    pub(crate) async fn place(
        self: &Arc<Self>,
        handle: &Handle,
        layout: Layout,
    ) -> Result<(Start, Hold), Unavailable> {
        let (anchors, handle, afterwards) = (self.clone(), handle.clone(), self.clone());
        let shards = shards(&handle);
        let (end_id, hold) = SPAWNS
            .ask_and_hold(move || anchors.spawn_missing(&handle, shards), move || afterwards.release())
            .await?;
        let (anchors, end_id) = (self.clone(), end_id?);
        let start = READS.ask(move || anchors.find(layout, shards, end_id)).await?;
        Ok((start?, hold))
    }

    /// Spawns two anchors in a `LocalSet`; they stay until [`Anchors::release`]. Call it on the thread of the
    /// `LocalSet`.
    pub(crate) fn in_local_set(local_set: &LocalSet) -> Anchors {
        let anchors = Anchors::default();
        for _ in 0..2 {
            match std::panic::catch_unwind(AssertUnwindSafe(|| local_set.spawn_local(pending()))) {
                Ok(task) => anchors.lock().tasks.push(task),
                Err(_) => anchors.lock().poisoned = true,
            }
        }
        anchors
    }

    /// The starting point of a walk through the `LocalSet`.
    pub(crate) async fn start(self: &Arc<Self>, layout: Layout) -> Result<Start, Unavailable> {
        let anchors = self.clone();
        READS.ask(move || anchors.find_in_local_set(layout)).await?
    }

    /// The address of the shared state of the `LocalSet` that they are in; `None` if it was dropped.
    pub(super) fn local_set(&self, layout: &LocalSetLayout, memory: &mut Reader) -> Option<u64> {
        let state = self.lock();
        let task = state.tasks.iter().find(|task| !task.is_finished())?;
        layout.shared_of(layout::header_avma(task, memory)?, memory)
    }

    fn find_in_local_set(&self, layout: Layout) -> Result<Start, Unavailable> {
        // `LocalOwnedTasks` in `runtime/task/list.rs`: one list.
        let mut placed = Placed::new(layout, 1)?;
        let state = self.lock();
        if state.poisoned {
            return Err(unavailable(HOOK_PANICKED));
        }
        for task in state.tasks.iter().filter(|task| !task.is_finished()) {
            placed.add(task).ok_or_else(|| unavailable(UNEXPECTED_LAYOUT))?;
        }
        if placed.ours.is_empty() {
            return Err(unavailable("the LocalSet was dropped"));
        }
        Ok(placed.start(quiet_runtime()?.fresh_id()))
    }

    /// Aborts all anchors. Not for the agent's thread: aborting a task schedules it, which takes a lock of the
    /// runtime.
    pub(crate) fn release(&self) {
        // Abort without holding our lock: the agent's thread may wait for that lock.
        let all: Vec<AbortHandle> = self.lock().tasks.iter().map(JoinHandle::abort_handle).collect();
        all.iter().for_each(AbortHandle::abort);
        self.lock().tasks.retain(|task| !task.is_finished());
    }

    /// Spawns until every list has an anchor; the id of a task determines its list. Returns an id that is larger
    /// than those of all tasks spawned before.
    fn spawn_missing(&self, handle: &Handle, shards: usize) -> Result<u64, Unavailable> {
        let quiet = quiet_runtime()?;
        let list = |id: u64| id as usize & (shards - 1);
        let mut is_taken = vec![false; shards];
        {
            let mut state = self.lock();
            if state.poisoned {
                return Err(unavailable(HOOK_PANICKED));
            }
            state.tasks.retain(|task| !task.is_finished());
            for task in &state.tasks {
                is_taken[list(layout::number(task.id()))] = true;
            }
        }
        let mut last_id = quiet.fresh_id();
        // Other threads may spawn meanwhile and take ids. Then the list of the next anchor is random.
        let (mut ids_left, mut spawns_left) = (64 * shards + 1024, 8 * shards + 64);
        while is_taken.contains(&false) && ids_left > 0 && spawns_left > 0 {
            ids_left -= 1;
            if is_taken[list(last_id.wrapping_add(1))] {
                last_id = quiet.fresh_id();
                continue;
            }
            spawns_left -= 1;
            let spawned = std::panic::catch_unwind(AssertUnwindSafe(|| handle.spawn(pending())));
            let mut state = self.lock();
            let Ok(task) = spawned else {
                state.poisoned = true;
                return Err(unavailable(HOOK_PANICKED));
            };
            if task.is_finished() {
                return Err(unavailable("the runtime was shut down"));
            }
            last_id = layout::number(task.id());
            is_taken[list(last_id)] = true;
            state.tasks.push(task);
        }
        Ok(quiet.fresh_id())
    }

    /// Finds the spawned anchors in memory.
    fn find(&self, layout: Layout, shards: usize, end_id: u64) -> Result<Start, Unavailable> {
        let mut placed = Placed::new(layout, shards)?;
        for task in self.lock().tasks.iter().filter(|task| !task.is_finished()) {
            placed.add(task).ok_or_else(|| unavailable(UNEXPECTED_LAYOUT))?;
        }
        Ok(placed.start(end_id))
    }
}

pub(super) fn unavailable(reason: &str) -> Unavailable {
    Unavailable { reason: reason.to_owned(), fix: String::new() }
}

pub(super) fn quiet_runtime() -> Result<QuietRuntime, Unavailable> {
    QuietRuntime::new()
        .map_err(|error| unavailable(&format!("cannot create the agent's reference runtime: {error}")))
}

const UNEXPECTED_LAYOUT: &str =
    "the agent's task on this runtime does not have the layout of its reference tasks";
const HOOK_PANICKED: &str = "a hook of the program (on_task_spawn) panicked when a task was spawned";

/// The anchors found in memory so far.
struct Placed {
    layout: Layout,
    memory: Reader,
    headers: Vec<u64>,
    ours: BTreeSet<u64>,
}

impl Placed {
    fn new(layout: Layout, shards: usize) -> Result<Placed, Unavailable> {
        Ok(Placed { layout, memory: Reader::open()?, headers: vec![0; shards], ours: BTreeSet::new() })
    }

    fn start(self, end_id: u64) -> Start {
        let (layout, shards) = (self.layout, self.headers.len());
        Start { layout, shards, headers: self.headers, ours: self.ours, end_id, is_at_task: false }
    }

    /// Adds an anchor, if its id is at the offset of the layout; returns the id.
    fn add(&mut self, task: &JoinHandle<()>) -> Option<u64> {
        let id = layout::number(task.id());
        let memory = &mut self.memory;
        let header = layout::header_avma(task, memory)?;
        let vtable = memory.word(header + layout::VTABLE)?;
        let words = memory.words(vtable, self.layout.vtable_words())?;
        let (id_offset, _) = self.layout.offsets(&words)?;
        (memory.word(header + id_offset) == Some(id)).then_some(())?;
        let list = id as usize & (self.headers.len() - 1);
        self.headers[list] = header;
        self.ours.insert(id);
        Some(id)
    }
}

/// The number of lists of a runtime: `gen_sharded_list_size` in `runtime/task/list.rs` of Tokio.
fn shards(handle: &Handle) -> usize {
    match handle.runtime_flavor() {
        RuntimeFlavor::CurrentThread => layout::CURRENT_THREAD_SHARDS,
        _ => (handle.metrics().num_workers().next_power_of_two() * 4).min(MAX_SHARDS),
    }
}

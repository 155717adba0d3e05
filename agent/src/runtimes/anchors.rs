//! Tasks of ours on a watched runtime, one in each of the lists it keeps its tasks in.
//!
//! They never do anything: a worker polls each once, and again to cancel it. A runtime whose workers
//! are all stuck does neither, so they stay in its lists; the next listing uses those again instead of
//! adding to them. [`Anchors`] knows every one that still lives: they are in no list and no count.

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

/// Tokio's own limit of lists: `gen_sharded_list_size` in `runtime/task/list.rs`.
const MOST_SHARDS: usize = 1 << 16;

/// To spawn a task takes about a microsecond, 65,536 of them a fraction of a second.
const DEADLINE: Duration = Duration::from_secs(2);

/// What spawns on a watched runtime: it may wait for a lock of the runtime, or in a hook of the program. It has
/// the program's descriptors, because a runtime wakes its workers by a write to one of its own.
static SPAWNS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck =
        "cannot spawn a task on it: timed out after 2 s; a runtime lock is held, perhaps by a stopped thread";
    OffloadThread::programs(agent_threads::TASKS, DEADLINE, stuck)
});

/// What only looks.
static LOOKS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 2 s: an allocator lock is held, perhaps by a stopped thread";
    OffloadThread::new(agent_threads::TASKS, DEADLINE, stuck)
});

/// The layout of all tasks of this process, or why it is not known: found out once.
static LAYOUT: LazyLock<Mutex<Option<Result<Layout, Unavailable>>>> = LazyLock::new(Mutex::default);

/// Our tasks on one runtime that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tasks: Vec<JoinHandle<()>>,
    /// A hook of the program panicked when a task was spawned: none is ever spawned again.
    poisoned: bool,
}

/// Where a walk begins.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) layout: Layout,
    /// Lists of the runtime.
    pub(crate) shards: usize,
    /// One task of ours in each list, by list; 0 where none could be had.
    pub(crate) headers: Vec<u64>,
    /// Ids of all our tasks in these lists.
    pub(crate) ours: BTreeSet<u64>,
    /// Tasks with this id and larger ones were spawned after the listing began.
    pub(crate) end_id: u64,
}

/// The layout, found out if it is not known yet.
pub(crate) async fn layout() -> Result<Layout, Unavailable> {
    let known = try_lock(&LAYOUT).and_then(|layout| layout.clone());
    if let Some(layout) = known {
        return layout;
    }
    // On a separate thread: a runtime may be neither made nor dropped on a thread that drives one.
    let found = LOOKS.ask(|| {
        let mut memory = Reader::open()?;
        Layout::calibrate(&mut memory).map_err(|unknown| Unavailable {
            reason: unknown.to_string(),
            fix: "update rgops-agent in the program".to_owned(),
        })
    });
    let found = found.await?;
    // Memory that could not be read may be readable the next time; a layout does not change.
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

    /// How many of them Tokio still counts as alive.
    pub(crate) fn alive(&self) -> usize {
        self.lock().tasks.iter().filter(|task| !task.is_finished()).count()
    }

    /// Sees to it that there is one in every list, until the returned hold is dropped: then they are
    /// told to end. Those a stuck runtime does not let end are kept for the next time.
    pub(crate) async fn place(
        self: &Arc<Self>,
        handle: &Handle,
        layout: Layout,
    ) -> Result<(Start, Hold), Unavailable> {
        let (here, handle, afterwards) = (self.clone(), handle.clone(), self.clone());
        let shards = shards(&handle);
        let (end_id, hold) = SPAWNS
            .ask_and_hold(move || here.spawn_here(&handle, shards), move || afterwards.release())
            .await?;
        let (here, end_id) = (self.clone(), end_id?);
        let start = LOOKS.ask(move || here.find_here(layout, shards, end_id)).await?;
        Ok((start?, hold))
    }

    /// Two tasks of ours in a `LocalSet`, whose thread this is; they stay until [`Anchors::release`].
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

    /// Where a walk through the `LocalSet` begins.
    pub(crate) async fn start(self: &Arc<Self>, layout: Layout) -> Result<Start, Unavailable> {
        let here = self.clone();
        LOOKS.ask(move || here.start_here(layout)).await?
    }

    fn start_here(&self, layout: Layout) -> Result<Start, Unavailable> {
        // `LocalOwnedTasks` in `runtime/task/list.rs`: one list.
        let mut placed = Placed::new(layout, 1)?;
        let state = self.lock();
        if state.poisoned {
            return Err(unavailable(HOOK));
        }
        for task in state.tasks.iter().filter(|task| !task.is_finished()) {
            placed.add(task).ok_or_else(|| unavailable(STRANGE))?;
        }
        if placed.ours.is_empty() {
            return Err(unavailable("the LocalSet was dropped"));
        }
        Ok(placed.start(quiet_runtime()?.fresh_id()))
    }

    /// Not on the agent's thread: to abort a task schedules it, which takes a lock of the runtime.
    pub(crate) fn release(&self) {
        // Not under our lock, for which the agent's thread may wait.
        let all: Vec<AbortHandle> = self.lock().tasks.iter().map(JoinHandle::abort_handle).collect();
        all.iter().for_each(AbortHandle::abort);
        self.lock().tasks.retain(|task| !task.is_finished());
    }

    /// Spawns until there is one in each list, by their ids. The id of a task that would be spawned next.
    fn spawn_here(&self, handle: &Handle, shards: usize) -> Result<u64, Unavailable> {
        let quiet = quiet_runtime()?;
        let list = |id: u64| id as usize & (shards - 1);
        let mut is_taken = vec![false; shards];
        {
            let mut state = self.lock();
            if state.poisoned {
                return Err(unavailable(HOOK));
            }
            state.tasks.retain(|task| !task.is_finished());
            for task in &state.tasks {
                is_taken[list(layout::number(task.id()))] = true;
            }
        }
        let mut last_id = quiet.fresh_id();
        // Others spawn meanwhile and take ids: then ours falls into a list by chance.
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
                return Err(unavailable(HOOK));
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

    /// Finds those that were spawned in memory.
    fn find_here(&self, layout: Layout, shards: usize, end_id: u64) -> Result<Start, Unavailable> {
        let mut placed = Placed::new(layout, shards)?;
        for task in self.lock().tasks.iter().filter(|task| !task.is_finished()) {
            placed.add(task).ok_or_else(|| unavailable(STRANGE))?;
        }
        Ok(placed.start(end_id))
    }
}

fn unavailable(reason: &str) -> Unavailable {
    Unavailable { reason: reason.to_owned(), fix: String::new() }
}

fn quiet_runtime() -> Result<QuietRuntime, Unavailable> {
    QuietRuntime::new()
        .map_err(|error| unavailable(&format!("cannot create the agent's reference runtime: {error}")))
}

const STRANGE: &str = "the agent's task on this runtime does not have the layout of its reference tasks";
const HOOK: &str = "a hook of the program (on_task_spawn) panicked when a task was spawned";

/// The anchors found so far.
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
        Start { layout, shards, headers: self.headers, ours: self.ours, end_id }
    }

    /// Takes note of one, if it carries its id where the layout says; its id.
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

/// The lists of a runtime: `gen_sharded_list_size` in `runtime/task/list.rs` of Tokio.
fn shards(handle: &Handle) -> usize {
    match handle.runtime_flavor() {
        RuntimeFlavor::CurrentThread => layout::CURRENT_THREAD_SHARDS,
        _ => (handle.metrics().num_workers().next_power_of_two() * 4).min(MOST_SHARDS),
    }
}

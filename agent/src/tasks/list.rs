//! Lists the tasks of a watched runtime: places anchors, walks the lists, and retries if lists changed too fast. Runs
//! on the agent's runtime and lets its other connections run.

use std::time::Duration;

use rgops_capture::memory::Reader;
use rgops_protocol::reply::Unavailable;
use rgops_protocol::reply::stats::TaskStates;

use super::found::{Found, FoundTasks, MAX_TASKS};
use super::state::{COMPLETE, NOTIFIED, RUNNING};
use super::vtables::Vtables;
use super::walk::{Step, Walk};
use crate::runtimes::anchors::{self, Start};
use crate::runtimes::private_sets::{self, PrivateSet};
use crate::runtimes::{Watched, WatchedLocalSet, WatchedRuntimes};

/// Tasks visited before other connections may run: about half a millisecond.
const TASKS_AT_ONCE: usize = 1000;

/// Maximum waits of 1 ms while the lists change too fast.
const MAX_STALLS: u32 = 50;

/// How often anchors are placed and the lists walked if some could not be walked to the end.
const ATTEMPTS: u32 = 3;

/// The tasks of one runtime.
pub(crate) struct Listed {
    pub(crate) tasks: FoundTasks,
    /// Number of lists of the runtime.
    pub(crate) shards: usize,
    /// Lists that could not be walked to both ends.
    pub(crate) incomplete: usize,
    /// Anchors in the lists; they are not in `tasks`.
    pub(crate) anchors: usize,
}

impl Listed {
    /// A `LocalSet` without tasks.
    fn nothing() -> Listed {
        Listed { tasks: FoundTasks::default(), shards: 1, incomplete: 0, anchors: 0 }
    }
}

/// A runtime or `LocalSet`, which owns tasks.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    Runtime(Watched),
    LocalSet(WatchedLocalSet),
    /// A set that is not watched but was found.
    Private(PrivateSet),
}

impl Owner {
    /// All watched runtimes and `LocalSet`s.
    pub(crate) fn all(watched: &WatchedRuntimes) -> Vec<Owner> {
        let runtimes = watched.list().into_iter().map(Owner::Runtime);
        runtimes.chain(watched.local_sets().into_iter().map(Owner::LocalSet)).collect()
    }

    /// The `LocalSet`s that nobody told the agent about, as far as they can be found, and why there may be more.
    pub(crate) async fn private(watched: &WatchedRuntimes) -> (Vec<Owner>, Option<Gap>) {
        // Without the layout there are no lists at all, and they say so.
        let Ok(layout) = anchors::layout().await else { return (Vec::new(), None) };
        let known = watched.local_sets().into_iter().map(|set| set.anchors).collect();
        match private_sets::find(layout, known).await {
            Ok(found) => (found.sets.into_iter().map(Owner::Private).collect(), found.limit.map(Gap::Limit)),
            Err(unavailable) => (Vec::new(), Some(Gap::NoSearch(unavailable.reason))),
        }
    }
}

/// Why there may be more `LocalSet`s than were found.
#[derive(Debug)]
pub(crate) enum Gap {
    NoSearch(String),
    /// The search came to its limit.
    Limit(&'static str),
}

/// Lists the tasks, at most `most`.
pub(crate) async fn list(owner: &Owner, vtables: &mut Vtables, most: usize) -> Result<Listed, Unavailable> {
    let layout = anchors::layout().await?;
    let mut memory = Reader::open()?;
    let mut best: Option<Listed> = None;
    for _ in 0..ATTEMPTS {
        let (start, hold) = match owner {
            Owner::Runtime(runtime) => {
                let (start, hold) = runtime.anchors.place(&runtime.handle, layout).await?;
                (start, Some(hold))
            }
            // Its anchors stay: the agent cannot spawn in a LocalSet from its own threads.
            Owner::LocalSet(set) => (set.anchors.start(layout).await?, None),
            Owner::Private(set) => match set.start().await? {
                Some(start) => (start, None),
                None => return Ok(Listed::nothing()),
            },
        };
        let mut listed = walk(&start, &mut memory, vtables, most).await;
        drop(hold);
        if let Owner::Private(set) = owner
            && !start.headers.iter().all(|first| set.owns(*first, &mut memory))
        {
            // The first task ended before it was read: what was read is another list, or none.
            listed = Listed { incomplete: 1, ..Listed::nothing() };
        }
        let incomplete = listed.incomplete;
        if best.as_ref().is_none_or(|best| incomplete < best.incomplete) {
            best = Some(listed);
        }
        if incomplete == 0 || most == 0 {
            break;
        }
    }
    best.ok_or_else(|| Unavailable { reason: "it was not walked".to_owned(), fix: String::new() })
}

async fn walk(start: &Start, memory: &mut Reader, vtables: &mut Vtables, most: usize) -> Listed {
    let mut walk = Walk::new(start, most);
    let (mut pause, mut stalls) = (TASKS_AT_ONCE, 0);
    loop {
        match walk.step(memory, vtables) {
            Step::Done => break,
            Step::Stalled if stalls == MAX_STALLS => break,
            Step::Stalled => {
                stalls += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Step::More => {}
        }
        if walk.visited() >= pause {
            pause = walk.visited() + TASKS_AT_ONCE;
            tokio::task::yield_now().await;
        }
    }
    let (tasks, incomplete) = walk.finish();
    Listed { tasks, shards: start.shards, incomplete, anchors: start.ours.len() }
}

/// The number of the runtime's tasks in each state.
pub(crate) async fn states(runtime: &Watched) -> Result<TaskStates, Unavailable> {
    let owner = Owner::Runtime(runtime.clone());
    let listed = list(&owner, &mut Vtables::default(), MAX_TASKS).await?;
    if listed.incomplete > 0 {
        return Err(Unavailable {
            reason: "tasks are created and removed faster than the list can be walked".to_owned(),
            fix: String::new(),
        });
    }
    let mut states = TaskStates::default();
    for task in listed.tasks.iter() {
        let counted = match state(task) {
            State::Complete => &mut states.complete,
            State::Running => &mut states.running,
            State::Scheduled => &mut states.scheduled,
            State::Idle => &mut states.idle,
        };
        *counted += 1;
    }
    Ok(states)
}

/// Ids and states of the runtime's tasks that are not idle, sorted by id; none if they cannot be listed.
pub(crate) async fn busy(runtime: &Watched) -> Vec<(u64, &'static str)> {
    let owner = Owner::Runtime(runtime.clone());
    let Ok(listed) = list(&owner, &mut Vtables::default(), MAX_TASKS).await else { return Vec::new() };
    let named = |task: &Found| match state(task) {
        State::Running => Some((task.id, "running")),
        State::Scheduled => Some((task.id, "scheduled")),
        State::Complete => Some((task.id, "complete")),
        State::Idle => None,
    };
    let mut busy: Vec<_> = listed.tasks.iter().filter_map(named).collect();
    busy.sort_unstable();
    busy
}

/// The state of a task.
enum State {
    Running,
    Scheduled,
    Idle,
    Complete,
}

fn state(task: &Found) -> State {
    match task.state {
        state if state & COMPLETE != 0 => State::Complete,
        state if state & RUNNING != 0 => State::Running,
        state if state & NOTIFIED != 0 => State::Scheduled,
        _ => State::Idle,
    }
}

//! Lists the tasks of a watched runtime: places anchors, walks, and tries again where lists changed too
//! fast. Runs on the agent's runtime and gives its other connections their turn.

use std::time::Duration;

use rgops_capture::memory::Reader;
use rgops_protocol::reply::Unavailable;
use rgops_protocol::reply::stats::TaskStates;

use super::state::{COMPLETE, NOTIFIED, RUNNING};
use super::walk::{Found, MOST_TASKS, Pile, Step, Vtables, Walk};
use crate::runtimes::anchors::{self, Start};
use crate::runtimes::{Watched, WatchedLocalSet, WatchedRuntimes};

/// Tasks looked at before other connections get a turn: about half a millisecond.
const TASKS_AT_ONCE: usize = 1000;

/// Steps of a list that changes under our hands that are worth waiting for, a millisecond each.
const MOST_STALLS: u32 = 50;

/// Times anchors are placed and the lists walked, when some could not be walked to the end.
const ATTEMPTS: u32 = 3;

/// The tasks of one runtime.
pub(crate) struct Listed {
    pub(crate) tasks: Pile,
    /// Lists the runtime keeps them in.
    pub(crate) shards: usize,
    /// Of these, such as could not be walked to both ends.
    pub(crate) incomplete: usize,
    /// Tasks of ours among them, left out.
    pub(crate) anchors: usize,
}

/// What has tasks.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Runtime(Watched),
    LocalSet(WatchedLocalSet),
}

impl Place {
    /// Everything that is watched.
    pub(crate) fn all(watched: &WatchedRuntimes) -> Vec<Place> {
        let runtimes = watched.list().into_iter().map(Place::Runtime);
        runtimes.chain(watched.local_sets().into_iter().map(Place::LocalSet)).collect()
    }
}

/// Lists them, at most `room`.
pub(crate) async fn list(place: &Place, vtables: &mut Vtables, room: usize) -> Result<Listed, Unavailable> {
    let layout = anchors::layout().await?;
    let mut memory = Reader::open()?;
    let mut best: Option<Listed> = None;
    for _ in 0..ATTEMPTS {
        let (start, hold) = match place {
            Place::Runtime(runtime) => {
                let (start, hold) = runtime.anchors.place(&runtime.handle, layout).await?;
                (start, Some(hold))
            }
            // They stay: a LocalSet is out of reach for us.
            Place::LocalSet(set) => (set.anchors.start(layout).await?, None),
        };
        let listed = walk(&start, &mut memory, vtables, room).await;
        drop(hold);
        let incomplete = listed.incomplete;
        if best.as_ref().is_none_or(|best| incomplete < best.incomplete) {
            best = Some(listed);
        }
        if incomplete == 0 || room == 0 {
            break;
        }
    }
    best.ok_or_else(|| Unavailable { reason: "it was not walked".to_owned(), fix: String::new() })
}

async fn walk(start: &Start, memory: &mut Reader, vtables: &mut Vtables, room: usize) -> Listed {
    let mut walk = Walk::new(start, room);
    let (mut pause, mut stalls) = (TASKS_AT_ONCE, 0);
    loop {
        match walk.step(memory, vtables) {
            Step::Done => break,
            Step::Stalled if stalls == MOST_STALLS => break,
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

/// How many of its tasks are in which state.
pub(crate) async fn states(runtime: &Watched) -> Result<TaskStates, Unavailable> {
    let place = Place::Runtime(runtime.clone());
    let listed = list(&place, &mut Vtables::default(), MOST_TASKS).await?;
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

/// Ids and states of its tasks that are not idle, by id; none where there is no list.
pub(crate) async fn busy(runtime: &Watched) -> Vec<(u64, &'static str)> {
    let place = Place::Runtime(runtime.clone());
    let Ok(listed) = list(&place, &mut Vtables::default(), MOST_TASKS).await else { return Vec::new() };
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

/// What a task does.
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

//! Lists the tasks of a watched runtime: places anchors, walks, and tries again where lists changed too
//! fast. Runs on the agent's runtime and gives its other connections their turn.

use std::time::Duration;

use rgops_protocol::reply::Unavailable;

use super::anchors;
use super::walk::{Pile, Step, Vtables, Walk};
use crate::engine::own_memory::OwnMemory;
use crate::watched::Watched;

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

/// Lists them, at most `room`.
pub(crate) async fn list(
    runtime: &Watched,
    vtables: &mut Vtables,
    room: usize,
) -> Result<Listed, Unavailable> {
    let layout = anchors::layout().await?;
    let mut memory = OwnMemory::open()?;
    let mut best: Option<Listed> = None;
    for _ in 0..ATTEMPTS {
        let (start, hold) = runtime.anchors.place(&runtime.handle, layout).await?;
        let mut walk = Walk::new(&start, room);
        let (mut pause, mut stalls) = (TASKS_AT_ONCE, 0);
        loop {
            match walk.step(&mut memory, vtables) {
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
        drop(hold);
        let listed = Listed { tasks, shards: start.shards, incomplete, anchors: start.ours.len() };
        if best.as_ref().is_none_or(|best| listed.incomplete < best.incomplete) {
            best = Some(listed);
        }
        if incomplete == 0 || room == 0 {
            break;
        }
    }
    best.ok_or_else(|| Unavailable { reason: "it was not walked".to_owned(), fix: String::new() })
}

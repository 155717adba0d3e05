//! Commands that exclude each other in a program: an agent refuses the second, so it waits here for its turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rgops_http::ask::{Ask, Kind, View};
use tokio::sync::Semaphore;

use crate::fleet::Program;

/// Programs with turns that are remembered before those without a running command are forgotten.
const KEPT: usize = 256;

/// Whether an agent runs only one of these at a time.
pub(super) fn is_exclusive(ask: &Ask) -> bool {
    match ask {
        Ask::Cpu { .. } | Ask::Trace { .. } => true,
        Ask::Profile { kind, .. } => !matches!(kind, Kind::Heap | Kind::Allocs),
        Ask::View { view, .. } => matches!(view, View::Tasks | View::Threads),
        _ => false,
    }
}

/// The turns of programs.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<(u32, u64), Arc<Semaphore>>>);

impl Turns {
    /// That of this program: who has its permit has the turn. They have it in the order in which they asked.
    pub(super) fn of(&self, program: &Program) -> Arc<Semaphore> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= KEPT {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        let turn = turns.entry((program.pid, program.start_time));
        Arc::clone(turn.or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}
